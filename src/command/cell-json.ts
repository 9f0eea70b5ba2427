/**
 * A value of a table's cell for `--json`: what JSON has stays itself, the rest is the text that the table shows.
 *
 * Whole numbers beyond 2^53 are text, because most readers of JSON would change them. An object holds a name once: the
 * second of two columns `a` is `a_2`.
 */
import type { ArrowField } from "../arrow/schema.ts";
import { formatCell, refuseEqualNames } from "./cell-text.ts";

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
    refuseEqualNames(field);
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

/** The names of columns, each of them once. */
export function uniqueNames(fields: readonly ArrowField[]): string[] {
  const all = new Set(fields.map(({ name }) => name));
  const counts = new Map<string, number>();
  return fields.map(({ name }) => {
    let count = (counts.get(name) ?? 0) + 1;
    let unique = count === 1 ? name : `${name}_${count}`;
    for (; count > 1 && all.has(unique); unique = `${name}_${count}`) count += 1;
    counts.set(name, count);
    all.add(unique);
    return unique;
  });
}
