/**
 * Begins a patch: checks that the object exists and that the patch fits, before its bytes are read.
 *
 * The check is repeated at the commit, because the base may be replaced in between; a table's
 * schema is compared again only then.
 */
import { CacheError } from "../errors.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import type { ObjectKind } from "../object/object-metadata.ts";
import type { StoredObject } from "../object/stored-blocks.ts";
import { damageError, type IndexEntry } from "./index-entry.ts";
import { type Draft, PatchDraft, refuseTooManyPatches } from "./put-draft.ts";
import type { WriteContext } from "./write-context.ts";

/** Throws INVALID_REQUEST if the patch does not fit the base. */
export type FitsBase = (base: StoredObject) => Promise<void> | void;

export interface PatchStart {
  readonly key: ObjectKey;
  readonly kind: ObjectKind;
  readonly fits: FitsBase;
  /** See PatchDraftOptions. */
  readonly ttlMs?: number | undefined;
}

/**
 * @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_CORRUPT, INVALID_REQUEST if the kinds differ,
 *   OBJECT_TOO_LARGE if there are too many patches.
 */
export async function beginPatch(
  context: WriteContext,
  { key, ttlMs, ...patch }: PatchStart,
): Promise<Draft> {
  const accept = acceptor(context, { key, ...patch });
  await context.locks.run(formatObjectKey(key), async () => {
    const entry = await context.findLocked(key);
    if (entry === undefined) throw new CacheError("OBJECT_NOT_FOUND");
    refuseTooManyPatches(entry);
    await accept(entry);
  });
  return new PatchDraft(context, key, { accept, ttlMs });
}

/** The check of the patch; the caller holds the lock. */
function acceptor(
  context: WriteContext,
  { key, kind, fits }: PatchStart,
): (entry: IndexEntry) => Promise<void> {
  let checkedBase: number | undefined;
  return async (entry) => {
    if (context.retention.lifetimes.isExpired(entry)) throw new CacheError("OBJECT_NOT_FOUND");
    if (entry.damage !== undefined) throw damageError(entry);
    if (entry.kind !== kind) {
      throw new CacheError("INVALID_REQUEST", `the object is ${entry.kind}, the patch is ${kind}`);
    }
    if (kind === "opaque" || checkedBase === entry.baseVersion) return;
    const opened = await context.openLocked(key, entry, "look");
    try {
      if (opened.base !== undefined) await fits(opened.base);
      checkedBase = entry.baseVersion;
    } finally {
      // The check has decoded what it read.
      opened.reading.close(true);
    }
  };
}
