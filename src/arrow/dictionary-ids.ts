/**
 * The dictionary ids of a schema, in the order of its fields.
 *
 * Batches name their dictionaries by these ids, so two streams can be joined only if their ids
 * match.
 */
import type { ArrowField, FieldsOnly } from "./schema.ts";

export function dictionaryIds(schema: FieldsOnly): bigint[] {
  const ids: bigint[] = [];
  const collect = (fields: readonly ArrowField[]): void => {
    for (const field of fields) {
      if (field.dictionary !== undefined) ids.push(field.dictionary.id);
      collect(field.children);
    }
  };
  collect(schema.fields);
  return ids;
}
