/**
 * Converts a table cell for `--json`: types that JSON has stay, others become the text of the
 * table.
 *
 * Integers beyond 2^53 become text, because most JSON readers would change them. A JSON object
 * cannot repeat a name, so the second of two columns `a` becomes `a_2`.
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

/** The names of the columns, made unique. */
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
