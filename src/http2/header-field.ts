/**
 * One field of a header block, and whether a request may contain it.
 *
 * The checks read the whole name and value, so they run once, when the field is created; the result
 * stays with the field in the table and is not computed again for a reference. header-block.ts
 * checks what depends on other fields (order, repetition).
 * Source: RFC 9113, 8.2 and 8.3; RFC 9110, 5.6.2 (tokens); RFC 7541, 4.1 (size).
 */

/** HPACK and SETTINGS_MAX_HEADER_LIST_SIZE add this for each field to its name and value. */
const FIELD_OVERHEAD_BYTES = 32;

/** Pseudo-headers of a request, one bit each. */
export const PSEUDO_HEADERS: Readonly<Record<string, number>> = {
  ":method": 1,
  ":scheme": 2,
  ":path": 4,
  ":authority": 8,
};

const TAB = 0x09;
const SPACE = 0x20;
const DELETE = 0x7f;

/**
 * By character: whether a field name may contain it. The colon of pseudo-headers is not looked up.
 */
const IN_NAME = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
  IN_NAME[character.charCodeAt(0)] = 1;
}

/** Connection-specific fields of HTTP/1.1. */
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
  /** Size as counted by the HPACK table and by the limit on header lists. */
  readonly sizeBytes: number;
  /** Bit of PSEUDO_HEADERS, or 0. */
  readonly pseudoBit: number;
  /** Why a request with this field is malformed, or undefined. */
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
  if (!isName(name)) return "a field name is empty, or has upper case or invalid characters";
  if (!isValue(value)) return "a field value has control characters or surrounding space";
  if (CONNECTION_FIELDS.has(name)) return `${name} is not allowed in HTTP/2`;
  if (name === "te" && value.toLowerCase() !== "trailers") return "te has a value other than trailers";
  if (name === "content-length" && !isDigits(value)) return "content-length is not a number";
  return undefined;
}

function pseudoFlawOf(name: string, value: string): string | undefined {
  if (!(name in PSEUDO_HEADERS)) return "unknown pseudo-header";
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
