/**
 * Deletes the plain objects of a session or application, many in one write.
 *
 * An object is plain if it is one file that the index knows, and nobody works on it or reads it. Its
 * removal asks the disk nothing. Everything else is left to the caller. Cost: 6 us an object in files.
 */
import { LIMITS } from "../limits.ts";
import { formatObjectKey, type KeyPattern, type ObjectKey } from "../object/object-key.ts";
import { isBase } from "../storage/object-part.ts";
import type { RemovalPlace, SingleFile } from "../storage/object-storage.ts";
import { nextTurn, turnIfDue } from "../turns.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { Precondition } from "./put-draft.ts";
import { eventOf } from "./remove-object.ts";
import type { WriteContext } from "./write-context.ts";

export interface DeleteCause {
  /** What is deleted, for the event journal. */
  readonly pattern: string;
  readonly actor: string | undefined;
  /** Called for each object, immediately before its removal. */
  readonly precondition: Precondition | undefined;
}

type Prefix = Extract<KeyPattern, { scope: "session" | "application" }>;

export interface PlainDeleted {
  /** How many objects. */
  readonly deleted: number;
  /** Where they may have been. Also if nothing was found: a delete may be repeated for its sync. */
  readonly places: readonly RemovalPlace[];
  /** Keys of the storage that the index does not have: clients stored their files. */
  readonly unindexed: readonly ObjectKey[];
}

export async function deletePlain(
  context: WriteContext,
  pattern: Prefix,
  cause: DeleteCause,
): Promise<PlainDeleted> {
  // Before the storage is read: an object that is replaced meanwhile is another entry then.
  const { entries, highest } = await entriesOf(context, pattern);
  const { places, unindexed, twofold } = await lookInStorage(context, pattern);
  // One write for all. A removal raises the floor for any other.
  await context.storage.raiseVersionFloor(highest);
  let deleted = 0;
  for (let start = 0; start < entries.length; start += LIMITS.deletedPerTurn) {
    if (start > 0) await nextTurn();
    const group = entries.slice(start, start + LIMITS.deletedPerTurn);
    const plain = group.filter((entry) => isPlain(context, entry, highest) && !twofold.has(entry));
    deleted += await deleteGroup(context, plain, cause);
  }
  return { deleted, places, unindexed };
}

async function entriesOf(
  { registry }: WriteContext,
  pattern: Prefix,
): Promise<{ readonly entries: readonly IndexEntry[]; readonly highest: number }> {
  const entries: IndexEntry[] = [];
  let highest = 0;
  for (const [, entry] of registry.entries(pattern)) {
    entries.push(entry);
    highest = Math.max(highest, entry.version);
    if (entries.length % LIMITS.deletedPerTurn === 0) await turnIfDue();
  }
  return { entries, highest };
}

interface InStorage extends Omit<PlainDeleted, "deleted"> {
  /** Entries whose object has a base in the other form, too. */
  readonly twofold: ReadonlySet<IndexEntry>;
}

async function lookInStorage({ storage, registry }: WriteContext, pattern: Prefix): Promise<InStorage> {
  const { applicationId } = pattern;
  const sessionIds =
    pattern.scope === "session" ? [pattern.sessionId] : await storage.listSessions(applicationId);
  const unindexed = new Map<string, ObjectKey>();
  const twofold = new Set<IndexEntry>();
  let looked = 0;
  for (const sessionId of sessionIds) {
    const scanned = await storage.scanSession(applicationId, sessionId);
    for (const { key, part } of scanned?.names ?? []) {
      looked += 1;
      if (looked % LIMITS.deletedPerTurn === 0) await turnIfDue();
      const entry = registry.get(key);
      // Deltas too: their base may already be removed.
      if (entry === undefined && part.kind !== "patch") unindexed.set(formatObjectKey(key), key);
      if (entry !== undefined && isBase(part) && part.kind !== entry.form) twofold.add(entry);
    }
  }
  const places = [pattern, ...sessionIds.map((sessionId) => ({ applicationId, sessionId }))];
  return { places, unindexed: [...unindexed.values()], twofold };
}

/** @param highest the version up to which the floor was raised. */
function isPlain({ registry, locks }: WriteContext, entry: IndexEntry, highest: number): boolean {
  const { version, baseVersion, isForeign, readers, deltas, damage } = entry;
  const isOneFile = version === baseVersion && !isForeign && deltas === undefined && damage === undefined;
  if (!isOneFile || version > highest || readers > 0) return false;
  return registry.get(entry.key) === entry && !locks.isHeld(entry.evictionKey);
}

/** Nobody works on these objects. @returns their number. */
async function deleteGroup(
  context: WriteContext,
  group: readonly IndexEntry[],
  { pattern, actor, precondition }: DeleteCause,
): Promise<number> {
  const { registry, storage, locks, retention, events } = context;
  if (group.length === 0) return 0;
  for (const entry of group) precondition?.(retention.lifetimes.isExpired(entry) ? undefined : entry);
  await locks.runAll(
    group.map(({ evictionKey }) => evictionKey),
    async () => {
      const free = group.map((entry) => registry.remove(entry, "deleted"));
      try {
        await storage.removeSingle(group.map(fileOf));
      } finally {
        for (const each of free) each();
        for (const { key } of group) context.removed(key);
      }
      for (const entry of group)
        events?.record(eventOf(entry, "deleted", { by: actor, details: { pattern } }));
    },
  );
  return group.length;
}

function fileOf({ key, form, version, storedBytes: sizeBytes }: IndexEntry): SingleFile {
  return { name: { key, part: { kind: form } }, version, sizeBytes };
}
