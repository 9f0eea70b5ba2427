/**
 * The type of a column in one text, with what it is nested of: `list<item: int32>`, `dictionary<int8, utf8>`.
 */
import type { ArrowField } from "../arrow/schema.ts";

export function formatType(field: ArrowField): string {
  const { type, children, dictionary } = field;
  const inner = children.map((child) => `${child.name}: ${formatType(child)}`).join(", ");
  const name = children.length === 0 ? type.name : `${type.name}<${inner}>`;
  return dictionary === undefined ? name : `dictionary<${dictionary.indexType.name}, ${name}>`;
}

/** `"name" type`, and `not null` where that is so. */
export function formatField(field: ArrowField): string {
  return `${JSON.stringify(field.name)} ${formatType(field)}${field.nullable ? "" : " not null"}`;
}
