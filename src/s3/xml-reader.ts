/**
 * Reads the small XML documents of S3: elements and text. Bounded in depth and number of elements.
 *
 * Attributes are skipped. A document with a DOCTYPE, an entity of its own, a comment or CDATA is
 * refused: S3 writes none, and nothing expands and nothing is fetched.
 * A generator, because the page of a list has thousands of elements.
 * Source: Extensible Markup Language (XML) 1.0, sections 2 and 4.1.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

export interface XmlElement {
  /** Without a namespace prefix. */
  readonly name: string;
  /** The text directly in the element. */
  text: string;
  readonly children: XmlElement[];
}

/** Text, then an end tag or a start tag. */
const PIECE =
  /([^<]*)<(?:\/([\w.:-]{1,200})\s*>|([\w.:-]{1,200})((?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>)/y;
const DECLARATION = /^\uFEFF?\s*(?:<\?xml\s[^?<>]*\?>)?/;
const ENTITY = /&(?:(lt|gt|amp|quot|apos)|#(\d{1,7})|#x([0-9a-fA-F]{1,6}));|&/g;
const NAMED = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" } as const;
/** Elements between two yields: a tenth of a millisecond. */
const STEP = 64;

/** Returns the root element. @throws {CacheError} STORAGE_IO if it is not such a document */
export function* parseXml(text: string): Generator<void, XmlElement> {
  const top: XmlElement = { name: "", text: "", children: [] };
  const open: XmlElement[] = [top];
  let position = DECLARATION.exec(text)?.[0].length ?? 0;
  let elements = 0;
  const piece = new RegExp(PIECE);
  while (position < text.length && !(open.length === 1 && top.children.length === 1)) {
    piece.lastIndex = position;
    const match = piece.exec(text);
    if (match === null) throw notXml();
    position = piece.lastIndex;
    const [, before = "", end, start, , isEmpty] = match;
    const inner = open.at(-1)!;
    if (before !== "") inner.text += decodeText(before);
    if (end !== undefined) {
      if (open.length === 1 || open.pop()!.name !== localName(end)) throw notXml();
    } else if (start !== undefined) {
      const element: XmlElement = { name: localName(start), text: "", children: [] };
      inner.children.push(element);
      if (isEmpty === "") open.push(element);
      elements += 1;
      if (elements > LIMITS.s3XmlElementsMax || open.length > LIMITS.s3XmlDepthMax) throw notXml();
    }
    if (elements % STEP === 0) yield;
  }
  const root = top.children[0];
  if (root === undefined || top.text.trim() !== "" || open.length !== 1 || text.slice(position).trim() !== "")
    throw notXml();
  return root;
}

function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

function decodeText(text: string): string {
  if (!text.includes("&")) return text;
  return text.replaceAll(ENTITY, (_all, name?: keyof typeof NAMED, decimal?: string, hex?: string) => {
    if (name !== undefined) return NAMED[name];
    const code = decimal === undefined ? Number.parseInt(hex ?? "x", 16) : Number(decimal);
    if (!(code > 0 && code <= 0x10ffff) || (code >= 0xd800 && code <= 0xdfff)) throw notXml();
    return String.fromCodePoint(code);
  });
}

function notXml(): CacheError {
  return new CacheError("STORAGE_IO", "the answer of the object store is not an XML document of S3");
}

/** The text of the first child of this name. */
export function childText(element: XmlElement, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text;
}

/** Text as the content of an element. */
export function escapeXml(text: string): string {
  return text.replaceAll(/[&<>"'\r\n\t]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
