/**
 * Checks whether a patch fits its table: the fields, their metadata, the dictionary ids, and the
 * table client's own description in `flame.cache.fits` (docs/protocol.md, "DoPut").
 *
 * Field metadata can change the meaning of values (the words of an Enum, the unit of an extension
 * type), so it has to be equal. Schema metadata does not, and `flame.cache.fits` is compared only
 * if both have it. Cost: both schemas decoded once; nothing if their bytes are equal, which the
 * caller checks first.
 */
import { dictionaryIds } from "../arrow/dictionary-ids.ts";
import type { SchemaMetadata } from "../arrow/key-values.ts";
import { type ArrowField, type ArrowSchema, decodeBytewiseSteps, sameFieldsSteps } from "../arrow/schema.ts";

export const SCHEMA_KEY_FITS = "flame.cache.fits";

const NAME_LENGTH_SHOWN_MAX = 100;
/** Fields and metadata entries per step. */
const WORK_PER_STEP = 32;

/** Why the patch does not fit; undefined if it does. @throws {CacheError} INVALID_IPC */
export function* patchMisfitSteps(table: Uint8Array, patch: Uint8Array): Generator<void, string | undefined> {
  const base = yield* decodeBytewiseSteps(table);
  const added = yield* decodeBytewiseSteps(patch);
  if (!(yield* sameFieldsSteps(base, added))) return "the schema of the patch differs from the table's";
  yield;
  if (String(dictionaryIds(base)) !== String(dictionaryIds(added)))
    return "the patch uses other dictionary ids than the table";
  const field = yield* otherMetadataSteps(base.fields, added.fields);
  if (field !== undefined)
    return `the metadata of field ${shown(field)} in the patch differs from the table's`;
  const [said, wanted] = [fitsOf(added), fitsOf(base)];
  if (said !== undefined && wanted !== undefined && said !== wanted)
    return "the labels, index or dtypes of the patch differ from the table's";
  return undefined;
}

/** The name of the first field with different metadata. The fields are otherwise the same. */
function* otherMetadataSteps(
  ours: readonly ArrowField[],
  theirs: readonly ArrowField[],
): Generator<void, string | undefined> {
  const pairs = [[ours, theirs] as const];
  let work = 0;
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    for (const [index, field] of pair[0].entries()) {
      const other = pair[1][index]!;
      if (!sameEntries(field.metadata, other.metadata)) return field.name;
      if (field.children.length > 0) pairs.push([field.children, other.children]);
      work += 1 + field.metadata.length;
      if (work < WORK_PER_STEP) continue;
      work = 0;
      yield;
    }
  }
  return undefined;
}

/** In any order. */
function sameEntries(ours: SchemaMetadata, theirs: SchemaMetadata): boolean {
  const [a, b] = [sortedTexts(ours), sortedTexts(theirs)];
  return a.length === b.length && a.every((text, index) => text === b[index]);
}

/** The length tells where the key ends. */
function sortedTexts(metadata: SchemaMetadata): string[] {
  return metadata.map(([key, value]) => `${key.length} ${key}${value}`).sort();
}

function fitsOf({ metadata }: ArrowSchema): string | undefined {
  return metadata.find(([key]) => key === SCHEMA_KEY_FITS)?.[1];
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, NAME_LENGTH_SHOWN_MAX));
}
