/**
 * One field of a header block, and whether a request may have it.
 *
 * The checks cost a pass over name and value, so they are made once, when the field is made, and go with it into the
 * table: a field that is referenced there is not checked again. What depends on other fields (order, repetition) is
 * checked by header-block.ts.
 * Source: RFC 9113, 8.2 and 8.3; RFC 9110, 5.6.2 (tokens); RFC 7541, 4.1 (size).
 */

/** What HPACK and SETTINGS_MAX_HEADER_LIST_SIZE count for each field beside its name and value. */
const FIELD_OVERHEAD_BYTES = 32;

/** Pseudo-headers of a request, a bit each. */
export const PSEUDO_HEADERS: Readonly<Record<string, number>> = {
  ":method": 1,
  ":scheme": 2,
  ":path": 4,
  ":authority": 8,
};

const TAB = 0x09;
const SPACE = 0x20;
const DELETE = 0x7f;

/** By character, whether it may stand in a field's name; pseudo-headers' colons are not looked up. */
const IN_NAME = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
  IN_NAME[character.charCodeAt(0)] = 1;
}

/** Fields of HTTP/1.1 that are about its connection. */
const CONNECTION_FIELDS = new Set([
  "connection",
  "proxy-connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
]);

export class HeaderField {
  readonly name: string;
  readonly value: string;
  /** As both HPACK's table and the limit on header lists count it. */
  readonly sizeBytes: number;
  /** Which of PSEUDO_HEADERS it is, 0 for none. */
  readonly pseudoBit: number;
  /** Why a request that has it is malformed; undefined when it may. */
  readonly flaw: string | undefined;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.sizeBytes = sizeOfField(name.length, value.length);
    const isPseudo = name.startsWith(":");
    this.pseudoBit = isPseudo ? (PSEUDO_HEADERS[name] ?? 0) : 0;
    this.flaw = isPseudo ? pseudoFlawOf(name, value) : flawOf(name, value);
  }
}

export function sizeOfField(nameBytes: number, valueBytes: number): number {
  return nameBytes + valueBytes + FIELD_OVERHEAD_BYTES;
}

function flawOf(name: string, value: string): string | undefined {
  if (!isName(name)) return "a name is empty, has upper case or invalid characters";
  if (!isValue(value)) return "a value has control characters or space around it";
  if (CONNECTION_FIELDS.has(name)) return `${name} is no field of HTTP/2`;
  if (name === "te" && value.toLowerCase() !== "trailers") return "te is not trailers";
  if (name === "content-length" && !isDigits(value)) return "content-length is not a number";
  return undefined;
}

function pseudoFlawOf(name: string, value: string): string | undefined {
  if (!(name in PSEUDO_HEADERS)) return "a pseudo-header is unknown";
  if (!isVisible(value) || (value === "" && name !== ":authority")) {
    return `${name} is empty or has invalid characters`;
  }
  if (name === ":path" && !value.startsWith("/") && value !== "*") return ":path does not begin with a slash";
  return undefined;
}

function isName(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (IN_NAME[text.charCodeAt(i)] === 0) return false;
  }
  return text.length > 0;
}

function isValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < SPACE && code !== TAB) || code === DELETE) return false;
  }
  return !isBlank(text.charCodeAt(0)) && !isBlank(text.charCodeAt(text.length - 1));
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

function isVisible(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= SPACE || code >= DELETE) return false;
  }
  return true;
}

function isDigits(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return false;
  }
  return text.length > 0;
}
