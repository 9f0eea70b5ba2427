/**
 * Formats log records as lines: for people (`text`) or for programs (`json`).
 *
 * A record is always exactly one line and cannot control a terminal: control characters, line
 * separators and direction marks are escaped. Values are converted first: an error becomes its
 * fields, cause and stack, bytes become their count, big integers become decimal text. Values that
 * are too long or too deep are cut and marked as cut.
 */
import type { LogRecord } from "@logtape/logtape";
import { LIMITS } from "./limits.ts";

type Plain = string | number | boolean | null | readonly Plain[] | { readonly [name: string]: Plain };

export type LineFormatter = (record: LogRecord) => string;

/** Names of the fixed fields, which a record's own fields cannot replace. */
const RESERVED: ReadonlySet<string> = new Set(["time", "level", "target", "text"]);

/**
 * One JSON object: `{time, level, target, text, ...fields}`. Fields with a reserved name get the
 * prefix `field_`.
 */
export function formatJsonLine(record: LogRecord): string {
  const line: Record<string, Plain> = {
    time: new Date(record.timestamp).toISOString(),
    level: levelName(record),
    target: record.category.join("::"),
    text: textOf(record),
  };
  for (const [name, value] of plainFields(record)) line[RESERVED.has(name) ? `field_${name}` : name] = value;
  return `${escapeInvisible(JSON.stringify(line))}\n`;
}

const COLOURS: Readonly<Record<string, string>> = {
  error: "\u001b[31m",
  warn: "\u001b[33m",
  info: "\u001b[32m",
  debug: "\u001b[36m",
  trace: "\u001b[35m",
};
const DIM = "\u001b[2m";
const PLAIN = "\u001b[0m";

/** `TIME LEVEL target text key=value ...`. Nested values become `key.inner=value`. */
export function textLineFormatter(options: { readonly isColoured: boolean }): LineFormatter {
  const paint = (colour: string, text: string) => (options.isColoured ? `${colour}${text}${PLAIN}` : text);
  return (record) => {
    const level = levelName(record);
    const pairs = plainFields(record).flatMap(([name, value]) => flatten(name, value));
    const parts = [
      paint(DIM, new Date(record.timestamp).toISOString()),
      paint(COLOURS[level] ?? "", level.toUpperCase().padStart(5)),
      paint(DIM, record.category.join("::")),
      escapeInvisible(textOf(record)),
      ...pairs.map(([name, value]) => `${paint(DIM, `${quoteName(name)}=`)}${value}`),
    ];
    return `${parts.join(" ")}\n`;
  };
}

function levelName(record: LogRecord): string {
  if (record.level === "warning") return "warn";
  return record.level === "fatal" ? "error" : record.level;
}

/** The constant text, without values. */
function textOf(record: LogRecord): string {
  return typeof record.rawMessage === "string" ? record.rawMessage : record.rawMessage.join("{}");
}

function plainFields(record: LogRecord): [string, Plain][] {
  return Object.entries(record.properties)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, toPlain(value, 0)]);
}

function toPlain(value: unknown, depth: number): Plain {
  switch (typeof value) {
    case "string":
      return cut(value);
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "boolean":
      return value;
    case "object":
      return value === null ? null : objectToPlain(value, depth);
    default:
      return cut(String(value));
  }
}

function objectToPlain(value: object, depth: number): Plain {
  if (depth >= LIMITS.logValueDepthMax) return "[too deep]";
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "[invalid date]" : value.toISOString();
  if (value instanceof Error) return errorToPlain(value, depth);
  if (value instanceof Map) return entriesToPlain([...value], depth);
  if (Array.isArray(value) || value instanceof Set) {
    const items = [...value].slice(0, LIMITS.logValueItemsMax).map((item) => toPlain(item, depth + 1));
    const left = (Array.isArray(value) ? value.length : value.size) - items.length;
    return left > 0 ? [...items, `[${left} more]`] : items;
  }
  return entriesToPlain(Object.entries(value), depth);
}

/** Name, message, code and facts, then the cause and the stack. */
function errorToPlain(error: Error, depth: number): Plain {
  const own = Object.entries(error).filter(([name]) => !["name", "message", "stack", "cause"].includes(name));
  const entries: [string, unknown][] = [["name", error.name], ["message", error.message], ...own];
  if (error.cause !== undefined) entries.push(["cause", error.cause]);
  if (error.stack !== undefined) entries.push(["stack", error.stack]);
  return entriesToPlain(entries, depth);
}

function entriesToPlain(entries: readonly (readonly [unknown, unknown])[], depth: number): Plain {
  const plain: Record<string, Plain> = Object.create(null);
  for (const [name, value] of entries.slice(0, LIMITS.logValueItemsMax)) {
    if (value !== undefined) plain[cut(String(name))] = toPlain(value, depth + 1);
  }
  const left = entries.length - LIMITS.logValueItemsMax;
  if (left > 0) plain["..."] = `[${left} more]`;
  return plain;
}

function cut(text: string): string {
  const left = text.length - LIMITS.logValueLengthMax;
  return left > 0 ? `${text.slice(0, LIMITS.logValueLengthMax)}[${left} more]` : text;
}

function flatten(name: string, value: Plain): [string, string][] {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([inner, innerValue]) => flatten(`${name}.${inner}`, innerValue));
  }
  return [[name, typeof value === "string" ? quoteText(value) : escapeInvisible(JSON.stringify(value))]];
}

/**
 * Unquoted if the text has no space, quote, `=`, backslash or control character; else as a JSON
 * string.
 */
function quoteText(text: string): string {
  return /^[^\s"=\\\p{C}]+$/u.test(text) ? text : escapeInvisible(JSON.stringify(text));
}

function quoteName(name: string): string {
  return /^[\w.$-]+$/.test(name) ? name : escapeInvisible(JSON.stringify(name));
}

/**
 * Replaces control characters, line separators, direction marks and lone surrogates by `\uXXXX`.
 */
export function escapeInvisible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (character) =>
    [...Array(character.length).keys()]
      .map((unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}
