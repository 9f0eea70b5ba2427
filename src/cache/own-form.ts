/**
 * Converts an object of another program, so far only read, to our own form. Patches need that: they
 * name their base, but patches of the Rust cache have names that a later base could match.
 *
 *     1  our patches under the new base's version are removed: leftovers of an earlier attempt
 *     2  each patch is written as one of ours, beside the base of the other program
 *     3  the base is written as one of ours and renamed over the old one
 *     4  the old patches are removed once nobody reads them
 *
 * Until the rename in 3 the object is the other program's and our patches are stale; after it the
 * object is ours, and deltas of no higher version are leftovers. So the object is whole after a
 * crash at any point. Everything is synced before anything is removed, because the old files may be
 * durable. Versions stay, unless the other program skipped some or appended to our base: then base
 * and patches get new ones, above those that clients may hold.
 * Cost: one read and write of the object, under its lock.
 */
import { CacheError } from "../errors.ts";
import { logFor } from "../log.ts";
import { copyObject } from "../object/copy-object.ts";
import type { FileForm } from "../object/file-head.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import type { Lifetime } from "../object/object-metadata.ts";
import type { FileSummary } from "../object/object-writer.ts";
import type { StoredObject } from "../object/stored-blocks.ts";
import type { ObjectPart } from "../storage/object-storage.ts";
import { turnIfDue } from "../turns.ts";
import { CountedSink } from "./counted-sink.ts";
import { IndexEntry } from "./index-entry.ts";
import { versionAfter } from "./next-version.ts";
import type { ObjectReading } from "./object-reading.ts";
import type { FreeBytes } from "./object-registry.ts";
import { placeOf, type WriteContext } from "./write-context.ts";

const log = logFor("cache");

/** True if our patches cannot be appended to the object in its current form. */
export function needsOwnForm(entry: IndexEntry): boolean {
  return entry.isForeign || (entry.deltas !== undefined && entry.deltas.places.size > 0);
}

interface Written {
  readonly version: number;
  readonly summary: FileSummary;
  readonly fileSizeBytes: number;
  readonly sink: CountedSink | undefined;
}

/** A base and its patches in our form, published. */
interface Copies {
  readonly base: Written;
  readonly patches: readonly Written[];
  readonly lifetime: Lifetime | undefined;
}

/**
 * The caller holds the key's lock.
 * @returns the entry of the object in our form; the old one is retired.
 * @throws {CacheError} STORAGE_FULL, STORAGE_IO, OBJECT_CORRUPT, OBJECT_TOO_LARGE if there are no
 *   versions left
 */
export async function takeOwnForm(context: WriteContext, old: IndexEntry): Promise<IndexEntry> {
  // Our base is compared with its checksum on the way, because its copy gets a new one.
  const { reading, base } = await context.openLocked(old.key, old, old.isForeign ? "look" : "send");
  let copies: Copies;
  try {
    if (base === undefined) throw new CacheError("OBJECT_NOT_FOUND");
    copies = await writeCopies(context, reading, base);
  } finally {
    reading.close();
  }
  const { entry, free } = enter(context, old, copies);
  await dropOld(context, old, { form: entry.form, free });
  log.info("converted an object of another program", {
    key: entry.evictionKey,
    version: entry.version,
  });
  return entry;
}

async function writeCopies(
  context: WriteContext,
  reading: ObjectReading,
  base: StoredObject,
): Promise<Copies> {
  const { key, entry: old } = reading;
  const oldVersions = [...old.patchesAfter(old.baseVersion)];
  const baseVersion = keepsVersions(old, oldVersions) ? old.baseVersion : versionAfter(old.version);
  const lifetime = context.retention.lifetimes.forCopy(old);
  await context.storage.removePatches(key, { only: baseVersion });
  const patches: Written[] = [];
  let isOurs = false;
  const published = (): void => {
    isOurs = true;
  };
  try {
    for (const oldVersion of oldVersions) {
      await turnIfDue();
      const version = versionAfter(baseVersion + patches.length);
      const partOf = (): ObjectPart => ({ kind: "patch", baseVersion, version });
      await reading.withPatch(oldVersion, async (object) => {
        patches.push(await writeCopy(context, key, { object, version, partOf }));
      });
    }
    const partOf = ({ part: kind }: FileSummary): ObjectPart => ({ kind });
    const copying = { object: base, version: baseVersion, lifetime, partOf, published };
    return { base: await writeCopy(context, key, copying), patches, lifetime };
  } catch (error) {
    for (const { sink } of patches) await sink?.release();
    // The index no longer matches the disk: the next lookup reads it again.
    if (isOurs) context.registry.remove(old, "deleted")();
    else await context.storage.removePatches(key, { only: baseVersion }).catch(() => {});
    throw error;
  }
}

function keepsVersions(old: IndexEntry, versions: readonly number[]): boolean {
  return old.isForeign && versions.every((version, index) => version === old.baseVersion + index + 1);
}

interface Copying {
  readonly object: StoredObject;
  readonly version: number;
  readonly lifetime?: Lifetime | undefined;
  readonly partOf: (summary: FileSummary) => ObjectPart;
  /** Called when the copy has its name, even if it is not durable. */
  readonly published?: () => void;
}

async function writeCopy(context: WriteContext, key: ObjectKey, copying: Copying): Promise<Written> {
  const { object, version, lifetime, partOf, published } = copying;
  const { budget } = context.registry;
  const staged = context.storage.stage();
  const sink = budget && new CountedSink(staged, budget, { key, evictedObjects: 0 });
  sink?.committing();
  try {
    const writer = await copyObject(object, sink ?? staged);
    const summary = await writer.finish(version, { lifetime, putBy: object.putBy });
    await sink?.takeRest(0);
    await staged.publish({ key, part: partOf(summary) }, "power-loss");
    published?.();
    return { version, summary, fileSizeBytes: staged.sizeBytes, sink };
  } catch (error) {
    if (staged.isPublished) published?.();
    await staged.discard();
    await sink?.release();
    throw error;
  }
}

interface Entered {
  readonly entry: IndexEntry;
  readonly free: FreeBytes;
}

/** Updates the index for base and patches in one turn of the loop. */
function enter(context: WriteContext, old: IndexEntry, { base, patches, lifetime }: Copies): Entered {
  const { registry } = context;
  const { part: form, rowCount, dataBytes } = base.summary;
  const { version, fileSizeBytes } = base;
  const facts = {
    kind: old.kind,
    form,
    version,
    rowCount,
    dataBytes,
    fileSizeBytes,
    isVerified: true,
    isDurable: true,
    putBy: old.putBy,
  };
  const entry = new IndexEntry(old.key, { ...facts, ...placeOf(context, base.summary) });
  const free = registry.add(entry, { lifetime, sink: base.sink });
  for (const patch of patches) {
    entry.addPatch({ ...patch.summary, ...patch, isDurable: true });
    registry.grow(entry, patch.fileSizeBytes, patch.sink);
  }
  return { entry, free };
}

/** A crash or an error here leaves only ignored files: a lower form, and leftovers. */
async function dropOld(
  context: WriteContext,
  old: IndexEntry,
  { form, free }: { form: FileForm; free: FreeBytes },
): Promise<void> {
  const { key } = old;
  try {
    if (form !== old.form) await context.storage.remove({ key, part: { kind: old.form } });
    await context.retire(key, old, free);
  } catch (error) {
    log.warn("files of another program left behind", { key: formatObjectKey(key), error });
  }
}
