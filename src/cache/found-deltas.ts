/**
 * The patches that the Rust cache appended to an object: which of its files count, and under which versions.
 *
 *     the file says a version above the object's        a patch of that version
 *     it says one that is not                           a leftover of a crash, ignored and logged
 *     it says none, the base is of another program      base + place + 1
 *     it says none, the base is ours                    a leftover: that cache knew older bases only
 *
 * A schema of a table's delta that repeats the version of the base says none. The last file may be half written: its writer
 * died, and nobody was told of it. Anything else that is amiss makes the object an error, and no file is touched.
 */
import { sameFieldsSteps } from "../arrow/schema.ts";
import { logFor } from "../log.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import { readPayloadSchemaInTurns } from "../object/object-schema.ts";
import type { StoredObject } from "../object/stored-blocks.ts";
import { inTurns, turnIfDue } from "../turns.ts";
import type { IndexEntry, PatchFacts } from "./index-entry.ts";

const log = logFor("loading");

/** What a file holds; undefined when it is not whole, a text when it cannot be read. */
export type FoundFile = StoredObject | string | undefined;

interface Delta extends PatchFacts {
  readonly place: number;
}

/**
 * Adds the deltas that count to the entry, or says in its `damage` why they cannot be used.
 * @param read gives the delta at a place.
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
  if (object === undefined) return "is not whole";
  if (typeof object === "string") return `cannot be read: ${object}`;
  if (object.kind !== base.kind) return `is ${object.kind}, its object is ${base.kind}`;
  if (object.kind === "opaque") return undefined;
  const [own, expected] = [
    await readPayloadSchemaInTurns(object.schemaHeader),
    await readPayloadSchemaInTurns(base.schemaHeader),
  ];
  const fits = await inTurns(sameFieldsSteps(own.schema, expected.schema));
  return fits ? undefined : "has another schema than its table";
}

/** 0 for what is a leftover for certain. */
function versionOf(object: StoredObject, entry: IndexEntry, place: number): number {
  const repeatsBase = object.kind === "table" && object.version === entry.baseVersion;
  if (object.isOwn || (object.saysVersion === true && !repeatsBase)) return object.version;
  return entry.isForeign ? entry.baseVersion + place + 1 : 0;
}

/** Versions may be left out where leftovers lie between; where a file is gone, or two say the same, the object is not whole. */
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
