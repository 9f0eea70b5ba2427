/**
 * Formats a table cell as text, by the type of its column: times as ISO 8601, decimals with their
 * point, bytes in hexadecimal.
 *
 * The values come from arrow-preview.ts. Times with a zone are printed in UTC with a `Z`, times
 * without a zone as they are.
 */
import type { ArrowField } from "../arrow/schema.ts";
import { escapeInvisible } from "../log-format.ts";

/** Maximum number of printed list items, map entries and bytes per value. */
const ITEMS_MAX = 64;
const UNIT_DIGITS: Readonly<Record<string, number>> = { s: 0, ms: 3, us: 6, ns: 9 };
const DAY_MS = 86_400_000;

/**
 * The result of `read`, or the reason as text if the cell cannot be decoded, so that the others
 * still print.
 */
export function cellOrReason<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    return escapeInvisible(`<unreadable: ${error instanceof Error ? error.message : String(error)}>`);
  }
}

/** The value as one line. */
export function formatCell(value: unknown, field: ArrowField): string {
  if (value === null || value === undefined) return "null";
  const name = field.type.name;
  const [base = "", parameters = ""] = name.split(/[[(]/, 2);
  const unit = parameters.replace(/[\])].*$/, "").split(",")[0] ?? "";
  switch (base) {
    case "float16":
    case "float32":
      return formatSingle(Number(value));
    case "date32":
    case "date64":
      return formatDate(value, base === "date32");
    case "timestamp":
      return `${formatInstant(value, unit)}${name.includes(",") ? "Z" : ""}`;
    case "time32":
    case "time64":
      return formatTime(value, unit);
    case "duration":
      return `${String(value)}${unit}`;
    case "decimal32":
    case "decimal64":
    case "decimal128":
    case "decimal256":
      return formatDecimal(value, Number(parameters.replace(")", "").split(",")[1]));
    case "run_end_encoded":
      return formatCell(value, field.children[1] ?? field);
    default:
      return formatNested(value, field);
  }
}

function formatNested(value: unknown, field: ArrowField): string {
  const [child] = field.children;
  if (value instanceof Map && child !== undefined) {
    // The only child of a map is the struct of its entries.
    const [keyField = child, valueField = child] = child.children;
    const format = ([key, item]: [unknown, unknown]): string =>
      `${formatCell(key, keyField)}: ${formatCell(item, valueField)}`;
    return `{${joinFirst(value, format)}}`;
  }
  if (
    /^(large_)?list(_view)?$|^fixed_size_list/.test(field.type.name) &&
    child !== undefined &&
    isIterable(value)
  ) {
    return `[${joinFirst(value, (item) => formatCell(item, child))}]`;
  }
  if (field.type.name === "struct" && isRecord(value)) {
    refuseEqualNames(field);
    const format = (inner: ArrowField): string =>
      `${escapeInvisible(inner.name)}: ${formatCell(value[inner.name], inner)}`;
    return `{${joinFirst(field.children, format)}}`;
  }
  return formatPlain(value);
}

/** Formats by the JavaScript type: strings, numbers, bytes, and values of a union. */
function formatPlain(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "string") return escapeText(value);
  if (value instanceof Uint8Array) return formatBytes(value);
  if (isIterable(value)) return `[${joinFirst(value, formatPlain)}]`;
  if (isRecord(value)) {
    const format = ([key, item]: [string, unknown]): string =>
      `${escapeInvisible(key)}: ${formatPlain(item)}`;
    return `{${joinFirst(Object.entries(value), format)}}`;
  }
  return String(value);
}

/** Writes line ends and tabs as `\n`, `\r`, `\t`, other invisible characters as `\uXXXX`. */
function escapeText(text: string): string {
  return escapeInvisible(text.replaceAll("\n", "\\n").replaceAll("\r", "\\r").replaceAll("\t", "\\t"));
}

function formatBytes(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.subarray(0, ITEMS_MAX)).toString("hex");
  return `0x${hex}${bytes.length > ITEMS_MAX ? `… (${bytes.length} bytes)` : ""}`;
}

/** A list may have millions of items: items beyond ITEMS_MAX are only counted. */
function joinFirst<T>(items: Iterable<T>, format: (item: T) => string): string {
  const texts: string[] = [];
  let count = 0;
  for (const item of items) if (count++ < ITEMS_MAX) texts.push(format(item));
  if (count > ITEMS_MAX) texts.push(`… (${count} items)`);
  return texts.join(", ");
}

/** Flechette returns a struct as an object, which loses one of two equal names. @throws {Error} */
export function refuseEqualNames({ children }: ArrowField): void {
  const names = new Set(children.map(({ name }) => name));
  if (names.size < children.length) throw new Error("two fields of the struct have the same name");
}

/** The shortest text that reads back as the same single-precision number. */
function formatSingle(value: number): string {
  for (let digits = 1; digits <= 9; digits += 1) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return String(text);
  }
  return String(value);
}

function formatDate(value: unknown, isDay: boolean): string {
  const milliseconds = Number(value);
  const date = new Date(milliseconds);
  if (Number.isNaN(date.getTime())) return `${String(value)}ms`;
  const text = date.toISOString();
  return isDay || milliseconds % DAY_MS === 0 ? text.slice(0, text.indexOf("T")) : text.replace("Z", "");
}

function formatInstant(value: unknown, unit: string): string {
  const digits = UNIT_DIGITS[unit] ?? 0;
  const { whole, fraction } = splitUnits(BigInt(value as bigint), digits);
  const date = new Date(Number(whole) * 1000);
  if (Number.isNaN(date.getTime())) return `${String(value)}${unit}`;
  return `${date.toISOString().slice(0, -5)}${fraction}`;
}

function formatTime(value: unknown, unit: string): string {
  const { whole, fraction } = splitUnits(BigInt(value as bigint), UNIT_DIGITS[unit] ?? 0);
  const seconds = Number(whole);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${parts.map((part) => String(part).padStart(2, "0")).join(":")}${fraction}`;
}

/** Whole seconds, rounded down, and the fraction as `.123`, or `""` if it is zero. */
function splitUnits(value: bigint, digits: number): { whole: bigint; fraction: string } {
  const scale = 10n ** BigInt(digits);
  const rest = ((value % scale) + scale) % scale;
  const text = String(rest).padStart(digits, "0").replace(/0+$/, "");
  return { whole: (value - rest) / scale, fraction: text === "" ? "" : `.${text}` };
}

function formatDecimal(value: unknown, scale: number): string {
  const units = BigInt(value as bigint);
  const sign = units < 0n ? "-" : "";
  const digits = String(units < 0n ? -units : units);
  if (!(scale > 0)) return `${sign}${digits}${"0".repeat(units === 0n ? 0 : -scale || 0)}`;
  const padded = digits.padStart(scale + 1, "0");
  return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
