/**
 * Formats one value of a table for a cell: short, on one line, and only as far as it is shown. Pure.
 */
import { cut, visible } from "../format/visible-text.ts";

const LENGTH_MAX = 200;
const ITEMS_MAX = 12;
const DEPTH_MAX = 4;
const BYTES_MAX = 16;
const MS_PER_DAY = 86_400_000;

/** @param type as typeText writes it. Null: the value is missing. */
export function cellText(value: unknown, type: string): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "number" && isTime(type)) return timeText(value, type);
  return cut(valueText(value, 0), LENGTH_MAX);
}

function isTime(type: string): boolean {
  return type.startsWith("date") || type.startsWith("timestamp");
}

/** @param ms since 1970 */
function timeText(ms: number, type: string): string {
  const time = new Date(ms);
  if (Number.isNaN(time.getTime())) return String(ms);
  const text = time.toISOString();
  return type.startsWith("date") && ms % MS_PER_DAY === 0
    ? text.slice(0, 10)
    : text.replace("T", " ").replace("Z", "");
}

function valueText(value: unknown, depth: number): string {
  if (typeof value === "string") return visible(cut(value, LENGTH_MAX));
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Uint8Array) return bytesText(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "invalid date" : value.toISOString();
  if (depth >= DEPTH_MAX) return "…";
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return listText(value as ArrayLike<unknown>, depth);
  if (value instanceof Map) return fieldsText([...firstOf(value)], depth);
  return fieldsText(Object.entries(value), depth);
}

function listText(list: ArrayLike<unknown>, depth: number): string {
  const items = Array.from({ length: Math.min(list.length, ITEMS_MAX) }, (_, index) =>
    valueText(list[index], depth + 1),
  );
  return `[${items.join(", ")}${list.length > ITEMS_MAX ? `, … ${list.length - ITEMS_MAX} more` : ""}]`;
}

function fieldsText(fields: readonly (readonly [unknown, unknown])[], depth: number): string {
  const texts = fields
    .slice(0, ITEMS_MAX)
    .map(([name, value]) => `${visible(cut(String(name), 40))}: ${valueText(value, depth + 1)}`);
  return `{${texts.join(", ")}${fields.length > ITEMS_MAX ? ", …" : ""}}`;
}

function* firstOf(map: Map<unknown, unknown>): Generator<[unknown, unknown]> {
  let left = ITEMS_MAX + 1;
  for (const entry of map) {
    if (left === 0) return;
    left -= 1;
    yield entry;
  }
}

function bytesText(bytes: Uint8Array): string {
  const pairs = Array.from(bytes.subarray(0, BYTES_MAX), (byte) => byte.toString(16).padStart(2, "0"));
  return `${pairs.join("")}${bytes.length > BYTES_MAX ? `… ${bytes.length} bytes` : ""}`;
}
