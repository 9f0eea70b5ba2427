/**
 * Renders an opaque value for people, by its first bytes: JSON, text, or a hex dump.
 *
 *     46 4C 4D NN ...   a type tag of the SDKs (client/values/value-tags.ts): JSON, bytes, pickle or numpy
 *                       array; cat.ts handles tables
 *     anything else     an uploaded file: text if it is UTF-8 without control characters
 *
 * A pickle is never decoded, because decoding it would run the code in it.
 */
import { isUtf8 } from "node:buffer";
import { readTag } from "../client/values/value-tags.ts";
import { isCacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { escapeInvisible } from "../log-format.ts";
import { TAG_SIZE_BYTES, type TagName } from "../object/value-tags.ts";
import { formatSize } from "./quantities.ts";

/** The beginning of a value, or all of it. */
export interface ValueStart {
  readonly bytes: Buffer;
  /** Size of the whole value. */
  readonly sizeBytes: number;
}

export type ReadableKind = "json" | "text" | "bytes" | "pickle" | "numpy" | "unknown";

export interface ReadableValue {
  readonly kind: ReadableKind;
  /** Lines for people. */
  readonly text: string;
  /** The fields of `--json`: one of `value`, `text` and `hex`. */
  readonly json: Readonly<Record<string, unknown>>;
}

const HEX_BYTES_MAX = 512;
/**
 * Indentation grows with the square of the depth: a MiB of brackets would become hundreds of MiB.
 */
const PRETTY_DEPTH_MAX = 32;
const [QUOTE, BACKSLASH] = Buffer.from('"\\');
const OPENING = Buffer.from("[{");
const CLOSING = Buffer.from("]}");
const HEX_LINE_BYTES = 16;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern matches control characters
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;
/** First byte of pickle protocols 2 to 5. */
const PICKLE_START = 0x80;
const PICKLE_PROTOCOLS = [2, 3, 4, 5];

/** The type tag; "unknown" for a tag of a newer client; undefined without a tag. */
export function tagOf(bytes: Buffer): TagName | "unknown" | undefined {
  try {
    return readTag(bytes);
  } catch (error) {
    if (isCacheError(error, "UNREADABLE_VALUE")) return "unknown";
    throw error;
  }
}

/** @param value must not have the tag of a table. */
export function readableValue(value: ValueStart): ReadableValue {
  const tag = tagOf(value.bytes);
  const payload: ValueStart = {
    bytes: value.bytes.subarray(TAG_SIZE_BYTES),
    sizeBytes: value.sizeBytes - TAG_SIZE_BYTES,
  };
  switch (tag) {
    case "json":
      return readableJson(payload) ?? readableBytes("json", payload, "tagged as JSON, but invalid");
    case "bytes":
      return readableText(payload) ?? readableBytes("bytes", payload);
    case "cloudpickle":
    case "bufferedPickle":
      return pickled(value.sizeBytes);
    case "numpy":
      return readableBytes("numpy", payload, "a numpy array, as an Arrow tensor message");
    case undefined:
      if (isPickle(value.bytes)) return pickled(value.sizeBytes);
      return readableText(value) ?? readableBytes("bytes", value);
    default:
      return readableBytes(
        "unknown",
        value,
        `a value with the tag ${value.bytes.toString("hex", 0, TAG_SIZE_BYTES)}`,
      );
  }
}

/** Whether the value is a pickle without a tag, as the first clients put it. */
export function isPickle(bytes: Buffer): boolean {
  return bytes[0] === PICKLE_START && PICKLE_PROTOCOLS.includes(bytes[1] ?? 0);
}

function pickled(sizeBytes: number): ReadableValue {
  const text =
    `a pickled Python value, ${formatSize(sizeBytes)}: not displayed, because decoding it would run its code.\n` +
    "Read it in Python with flame_object_cache.get_object, or write its bytes with `get -o FILE`.\n";
  return { kind: "pickle", text, json: {} };
}

/** Indented JSON. A value that is cut off is no longer JSON and is displayed as text. */
function readableJson(value: ValueStart): ReadableValue | undefined {
  try {
    if (value.bytes.length < value.sizeBytes) return readableText(value);
    const source = value.bytes.toString();
    const depth = nestingOf(value.bytes);
    // The SDKs reject deeper JSON, so it is displayed unparsed.
    if (depth > LIMITS.jsonDepthMax) return readableText(value);
    const parsed: unknown = JSON.parse(source);
    // Not reformatted: numbers beyond 2^53, which would change, and text that would be mostly
    // indentation.
    const isPretty = depth <= PRETTY_DEPTH_MAX && !/\d{16}/.test(source);
    const text = isPretty ? JSON.stringify(parsed, undefined, 2) : source;
    return { kind: "json", text: `${escapeUnseenButLines(text)}\n`, json: { value: parsed } };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The maximum nesting of brackets outside strings. Accepts any text. */
function nestingOf(json: Buffer): number {
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at];
    if (byte === QUOTE) isInString = !isInString;
    else if (isInString) at += byte === BACKSLASH ? 1 : 0;
    else if (OPENING.includes(byte!)) deepest = Math.max(deepest, ++depth);
    else if (CLOSING.includes(byte!)) depth -= 1;
  }
  return deepest;
}

function readableText({ bytes, sizeBytes }: ValueStart): ReadableValue | undefined {
  const isCut = bytes.length < sizeBytes;
  const whole = isCut ? withoutCutCharacter(bytes) : bytes;
  if (!isUtf8(whole)) return undefined;
  const text = whole.toString();
  if (CONTROL.test(text)) return undefined;
  const rest = isCut ? `… ${formatSize(sizeBytes - whole.length)} more: get -o FILE brings it all\n` : "";
  const end = text === "" || text.endsWith("\n") ? "" : "\n";
  return { kind: "text", text: `${escapeUnseenButLines(text)}${end}${rest}`, json: { text } };
}

/** Drops up to three bytes of a last character that was cut. */
function withoutCutCharacter(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > bytes.length - 4 && end > 0 && !isUtf8(bytes.subarray(0, end))) end -= 1;
  return bytes.subarray(0, end);
}

/** Escapes everything that could control a terminal, except line ends and tabs. */
function escapeUnseenButLines(text: string): string {
  return text
    .split(/(\r?\n|\t)/)
    .map((part, index) => (index % 2 === 1 ? part : escapeInvisible(part)))
    .join("");
}

function readableBytes(kind: ReadableKind, { bytes, sizeBytes }: ValueStart, what = "binary"): ReadableValue {
  const shown = bytes.subarray(0, HEX_BYTES_MAX);
  const rest =
    sizeBytes > shown.length
      ? `… ${formatSize(sizeBytes - shown.length)} more: get -o FILE brings it all\n`
      : "";
  return {
    kind,
    text: `${what}, ${formatSize(sizeBytes)}\n${hexDump(shown)}${rest}`,
    json: { hex: shown.toString("hex") },
  };
}

/** `00000010  46 4c 4d 05 ...  |FLM.|`, sixteen bytes a line. */
export function hexDump(bytes: Buffer): string {
  let lines = "";
  for (let position = 0; position < bytes.length; position += HEX_LINE_BYTES) {
    const line = bytes.subarray(position, position + HEX_LINE_BYTES);
    const pairs = Array.from(line, (byte) => byte.toString(16).padStart(2, "0"));
    const halves = `${pairs.slice(0, 8).join(" ")}  ${pairs.slice(8).join(" ")}`.padEnd(3 * HEX_LINE_BYTES);
    const text = line.toString("latin1").replaceAll(/[^\x20-\x7e]/g, ".");
    lines += `${position.toString(16).padStart(8, "0")}  ${halves}  |${text}|\n`;
  }
  return lines;
}
