/**
 * Formats the type of a column with its nested types.
 *
 * For example `list<item: int32>` and `dictionary<int8, utf8>`.
 */
import type { ArrowField } from "../arrow/schema.ts";

export function formatType(field: ArrowField): string {
  const { type, children, dictionary } = field;
  const inner = children.map((child) => `${child.name}: ${formatType(child)}`).join(", ");
  const name = children.length === 0 ? type.name : `${type.name}<${inner}>`;
  return dictionary === undefined ? name : `dictionary<${dictionary.indexType.name}, ${name}>`;
}

/** `"name" type`, followed by `not null` if the field is not nullable. */
export function formatField(field: ArrowField): string {
  return `${JSON.stringify(field.name)} ${formatType(field)}${field.nullable ? "" : " not null"}`;
}
