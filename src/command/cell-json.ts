/**
 * A value of a table's cell for `--json`: what JSON has stays itself, the rest is the text that the table shows.
 *
 * Whole numbers beyond 2^53 are text, because most readers of JSON would change them.
 */
import type { ArrowField } from "../arrow/schema.ts";
import { formatCell } from "./cell-text.ts";

export function jsonCell(value: unknown, field: ArrowField): unknown {
  if (value === null || value === undefined) return null;
  const { name } = field.type;
  const [child] = field.children;
  if (typeof value === "boolean" || name === "utf8" || name === "large_utf8" || name === "utf8_view")
    return value;
  if (/^u?int\d/.test(name)) return wholeNumber(value);
  if (/^float\d/.test(name)) return Number.isFinite(value) ? Number(formatCell(value, field)) : String(value);
  if (/^(large_)?list(_view)?$|^fixed_size_list/.test(name) && child !== undefined) {
    return Array.from(value as Iterable<unknown>, (item) => jsonCell(item, child));
  }
  if (name === "struct") {
    const record = value as Record<string, unknown>;
    return Object.fromEntries(
      field.children.map((inner) => [inner.name, jsonCell(record[inner.name], inner)]),
    );
  }
  return formatCell(value, field);
}

function wholeNumber(value: unknown): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
