/**
 * The patches that the Rust cache appended to an object: which files count, and their versions.
 *
 *     version above the object's                     a patch of that version
 *     version not above it                           a leftover of a crash, ignored and logged
 *     no version, base of another program            base + place + 1
 *     no version, base is ours                       a leftover: that cache knew only older bases
 *
 * A table delta's schema that repeats the base's version counts as no version. The last file may be
 * partial: its writer died before it was acknowledged. Any other problem makes the object an error,
 * and no file is changed.
 */
import { sameFieldsSteps } from "../arrow/schema.ts";
import { logFor } from "../log.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import { readPayloadSchemaInTurns } from "../object/object-schema.ts";
import type { StoredObject } from "../object/stored-blocks.ts";
import { inTurns, turnIfDue } from "../turns.ts";
import type { IndexEntry, PatchFacts } from "./index-entry.ts";

const log = logFor("loading");

/** The content of a file; undefined if it is incomplete, a text if it cannot be read. */
export type FoundFile = StoredObject | string | undefined;

interface Delta extends PatchFacts {
  readonly place: number;
}

/**
 * Adds valid deltas to the entry, or sets its `damage` to the reason why they cannot be used.
 * @param read returns the delta at a place.
 */
export async function addDeltas(
  key: ObjectKey,
  { entry, base }: { readonly entry: IndexEntry; readonly base: StoredObject },
  {
    places,
    read,
  }: { readonly places: readonly number[]; readonly read: (place: number) => Promise<FoundFile> },
): Promise<void> {
  if (places.length === 0) return;
  const ownVersion = entry.version;
  const found: Delta[] = [];
  const leftovers: number[] = [];
  let damage = entry.damage;
  for (const place of places) {
    await turnIfDue();
    const object = await read(place);
    const isHalf = object === undefined && place === places.at(-1);
    const problem = isHalf ? undefined : await problemOf(object, base);
    damage ??= problem && `[OBJECT_CORRUPT] patch ${place} of another program ${problem}`;
    if (typeof object !== "object" || problem !== undefined) {
      if (isHalf) leftovers.push(place);
      continue;
    }
    const version = versionOf(object, entry, place);
    const { rowCount, dataBytes, source } = object;
    if (version > ownVersion)
      found.push({ place, version, rowCount, dataBytes, fileSizeBytes: source.sizeBytes });
    else leftovers.push(place);
  }
  found.sort((a, b) => a.version - b.version);
  damage ??= gapIn(found, places, ownVersion);
  for (const delta of found) entry.addPatch(delta);
  entry.deltas = { places: new Map(found.map(({ version, place }) => [version, place])), ownVersion };
  if (!Number.isSafeInteger(entry.rowCount)) damage ??= "[OBJECT_CORRUPT] the batches have too many rows";
  if (damage !== undefined) entry.damage = damage;
  if (leftovers.length > 0)
    log.warn("leftover patches of another program are ignored", namesOf(key, leftovers));
}

async function problemOf(object: FoundFile, base: StoredObject): Promise<string | undefined> {
  if (object === undefined) return "is incomplete";
  if (typeof object === "string") return `cannot be read: ${object}`;
  if (object.kind !== base.kind) return `is ${object.kind}, but its object is ${base.kind}`;
  if (object.kind === "opaque") return undefined;
  const [own, expected] = [
    await readPayloadSchemaInTurns(object.schemaHeader),
    await readPayloadSchemaInTurns(base.schemaHeader),
  ];
  const fits = await inTurns(sameFieldsSteps(own.schema, expected.schema));
  return fits ? undefined : "has a different schema than its table";
}

/** 0 for a definite leftover. */
function versionOf(object: StoredObject, entry: IndexEntry, place: number): number {
  const repeatsBase = object.kind === "table" && object.version === entry.baseVersion;
  if (object.isOwn || (object.saysVersion === true && !repeatsBase)) return object.version;
  return entry.isForeign ? entry.baseVersion + place + 1 : 0;
}

/**
 * Versions may be missing where leftovers lie between. A missing file, or a repeated version, means
 * damage.
 */
function gapIn(found: readonly Delta[], places: readonly number[], ownVersion: number): string | undefined {
  const there = new Set(places);
  let before = { place: -1, version: ownVersion };
  for (const delta of found) {
    if (delta.version === before.version) return `[OBJECT_CORRUPT] two patches have version ${delta.version}`;
    if (delta.version > before.version + 1) {
      for (let place = before.place + 1; place < delta.place; place += 1)
        if (!there.has(place)) return `[OBJECT_CORRUPT] patch ${place} of another program is missing`;
    }
    before = delta;
  }
  return undefined;
}

function namesOf(key: ObjectKey, places: readonly number[]): { key: string; places: string; count: number } {
  return { key: formatObjectKey(key), places: places.slice(0, 16).join(), count: places.length };
}
