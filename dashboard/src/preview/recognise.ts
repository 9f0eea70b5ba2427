/**
 * Recognises the value of an opaque object by its first bytes. Pure.
 *
 *     46 4C 4D NN   a type tag of the clients: 00 07 pickle, 01 tensor, 02 03 04 Arrow stream, 05 JSON, 06 bytes
 *     FF FF FF FF   an Arrow message: a tensor or a stream
 *     80 02..05     a pickle
 *     anything else JSON or text if it is UTF-8 without control characters, else binary
 *
 * The bytes are hostile. A pickle is never decoded, because decoding it would run the code in it.
 */
import { visibleLines } from "../format/visible-text.ts";
import { readMessage } from "./flat-table.ts";
import { readTensor, type Tensor } from "./tensor.ts";

export type Recognised =
  | { readonly kind: "json" | "text"; readonly text: string }
  | { readonly kind: "tensor"; readonly tensor: Tensor }
  | { readonly kind: "stream"; readonly bytes: Uint8Array }
  | { readonly kind: "pickle" }
  | { readonly kind: "binary"; readonly bytes: Uint8Array };

const TAG_BYTES = 4;
const [F, L, M] = [0x46, 0x4c, 0x4d];
/** A deeper value would become mostly indentation. */
const PRETTY_DEPTH_MAX = 32;

/** @param isCut true if the value goes on after these bytes */
export function recognise(bytes: Uint8Array, isCut: boolean): Recognised {
  const tag = bytes[0] === F && bytes[1] === L && bytes[2] === M ? bytes[3] : undefined;
  const payload = bytes.subarray(TAG_BYTES);
  switch (tag) {
    case 0:
    case 7:
      return { kind: "pickle" };
    case 1:
    case 2:
    case 3:
    case 4:
      return arrow(payload) ?? { kind: "binary", bytes };
    case 5:
    case 6:
      return textual(payload, isCut) ?? { kind: "binary", bytes: payload };
    default:
      if (isPickle(bytes)) return { kind: "pickle" };
      return arrow(bytes) ?? textual(bytes, isCut) ?? { kind: "binary", bytes };
  }
}

function isPickle(bytes: Uint8Array): boolean {
  return bytes[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5;
}

function arrow(bytes: Uint8Array): Recognised | undefined {
  const tensor = readTensor(bytes);
  if (tensor !== undefined) return { kind: "tensor", tensor };
  try {
    return readMessage(bytes, 0)?.kind === "schema" ? { kind: "stream", bytes } : undefined;
  } catch {
    return undefined;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern matches control characters
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

function textual(bytes: Uint8Array, isCut: boolean): Recognised | undefined {
  let text: string;
  try {
    // With `stream`, a character that is cut off at the end is not an error.
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: isCut });
  } catch {
    return undefined;
  }
  if (CONTROL.test(text)) return undefined;
  const json = isCut ? undefined : prettyJson(text);
  return { kind: json === undefined ? "text" : "json", text: visibleLines(json ?? text) };
}

/** Indented; undefined if it is not an object or a list in JSON. Digits are never changed. */
function prettyJson(text: string): string | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const isPretty = nestingOf(text) <= PRETTY_DEPTH_MAX && !/\d{16}/.test(text);
    return isPretty ? JSON.stringify(value, undefined, 2) : text;
  } catch {
    return undefined;
  }
}

/** The maximum nesting of brackets outside strings. */
function nestingOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  for (let at = 0; at < json.length; at += 1) {
    const character = json[at]!;
    if (character === '"') isInString = !isInString;
    else if (isInString) at += character === "\\" ? 1 : 0;
    else if (character === "{" || character === "[") deepest = Math.max(deepest, ++depth);
    else if (character === "}" || character === "]") depth -= 1;
  }
  return deepest;
}
