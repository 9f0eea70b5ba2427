/**
 * Reading the XML of a store: what S3 writes is understood, everything hostile is refused in bounded time.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import { childText, escapeXml, parseXml } from "../../../src/s3/xml-reader.ts";
import { atOnce } from "../../../src/turns.ts";

const parse = (text: string) => atOnce(parseXml(text));

describe("the XML reader", () => {
  it("reads elements, text, namespaces, attributes and references", () => {
    const root = parse(
      '\uFEFF<?xml version="1.0" encoding="UTF-8"?>\n<a:Root xmlns="x" b=\'&lt;\'>\n <Key>a&amp;b&#x20;&#233;&quot;</Key><Empty/><Key>2</Key></a:Root>\n',
    );
    expect(root).toMatchObject({
      name: "Root",
      children: [{ name: "Key" }, { name: "Empty" }, { name: "Key" }],
    });
    expect(childText(root, "Key")).toBe('a&b é"');
    expect(childText(root, "Empty")).toBe("");
    expect(childText(root, "Other")).toBeUndefined();
  });

  it.each([
    ["nothing", ""],
    ["text", "no xml"],
    ["an open element", "<a><b></b>"],
    ["crossed elements", "<a><b></a></b>"],
    ["an end without a start", "</a>"],
    ["two roots", "<a/><b/>"],
    ["text before the root", "x<a/>"],
    ["text after the root", "<a/>x"],
    ["a DOCTYPE", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'],
    ["an entity of its own", "<a>&b;</a>"],
    ["a bare ampersand", "<a>b & c</a>"],
    ["a reference to no character", "<a>&#x0;</a>"],
    ["half a surrogate", "<a>&#xD800;</a>"],
    ["a code point that does not exist", "<a>&#x110000;</a>"],
    ["CDATA", "<a><![CDATA[x]]></a>"],
    ["a comment", "<a><!-- x --></a>"],
    ["a processing instruction", "<a><?php x ?></a>"],
    ["a cut tag", "<a><b"],
    ["HTML", "<html><body><p>error<br></body></html>"],
  ])("refuses %s", (_name, text) => {
    expect(() => parse(text)).toThrow(/STORAGE_IO/);
  });

  it("refuses documents that are too deep or have too many elements", () => {
    const deep = LIMITS.s3XmlDepthMax + 1;
    expect(() => parse("<a>".repeat(deep) + "</a>".repeat(deep))).toThrow(/STORAGE_IO/);
    expect(() => parse(`<a>${"<b/>".repeat(LIMITS.s3XmlElementsMax)}</a>`)).toThrow(/STORAGE_IO/);
  });

  it("fails with STORAGE_IO for every prefix of a document", () => {
    const text = '<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>x &amp; y</Message></Error>';
    const prefixes = Array.from({ length: text.length }, (_, i) => text.slice(0, i));
    for (const prefix of prefixes) expect(() => parse(prefix)).toThrow(/STORAGE_IO/);
  });

  it("returns any text that it has escaped", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(childText(parse(`<a><b>${escapeXml(text)}</b></a>`), "b")).toBe(text);
      }),
    );
  });

  it("never throws anything but STORAGE_IO", () => {
    const piece = fc.constantFrom(
      "<",
      ">",
      "/",
      "a",
      " ",
      "=",
      '"',
      "&",
      ";",
      "#",
      "lt",
      "<a>",
      "</a>",
      "<!--",
      "?",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const outcome = outcomeOf(() => parse(pieces.join("")));
        expect(outcome).toMatch(/^read|\[STORAGE_IO\]/);
      }),
    );
  });
});

function outcomeOf(run: () => unknown): string {
  try {
    run();
    return "read";
  } catch (error) {
    return String(error);
  }
}
