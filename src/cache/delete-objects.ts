/**
 * Deletes the objects that match a pattern, each after raising the version floor to its version.
 *
 * The floor comes first: if the process dies in between, some objects remain, but no version is
 * reused. With durability `power-loss` the removals are synced before the answer, once per session.
 * Cost: at most one floor write, plus the removal of the objects, a few at once. Other calls run in
 * between.
 */
import type { RemovalReason } from "../eviction/eviction-policy.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import { formatKeyPattern, formatObjectKey, type KeyPattern, type ObjectKey } from "../object/object-key.ts";
import type { Durability, RemovalPlace } from "../storage/object-storage.ts";
import { nextTurn, turnIfDue } from "../turns.ts";
import type { EventName, NewEvent } from "./events/object-event.ts";
import type { EvictionCause } from "./evictions.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { Precondition } from "./put-draft.ts";
import type { WriteContext } from "./write-context.ts";

const log = logFor("cache");

export interface DeleteOptions {
  /** With `power-loss` it resolves when no object can reappear. Default `restart`. */
  readonly durability?: Durability | undefined;
  /** Called for each object, immediately before its removal. */
  readonly precondition?: Precondition | undefined;
  /** The caller, for the event journal. */
  readonly actor?: string | undefined;
}

/** @returns the number of objects that existed. */
export async function deleteObjects(
  context: WriteContext,
  pattern: KeyPattern,
  { durability = "restart", precondition, actor }: DeleteOptions,
): Promise<number> {
  const { keys, highest } = await collectKeys(context, pattern);
  // One write for all that the index knows. A removal raises the floor for any other.
  await context.storage.raiseVersionFloor(highest);
  const cause = { pattern: formatKeyPattern(pattern), actor, precondition };
  let deleted = 0;
  await forEach(keys, async (key) => {
    if (await context.locks.run(formatObjectKey(key), () => removeNamed(context, key, cause))) deleted += 1;
  });
  if (durability === "power-loss") await context.storage.syncRemovals([...keys, ...placesOf(pattern)]);
  await context.retention.forget(pattern, durability);
  log.debug("deleted", { scope: pattern.scope, objects: deleted });
  return deleted;
}

/** Works on a few keys at once and yields to other calls. The first failure ends it. */
async function forEach(keys: readonly ObjectKey[], work: (key: ObjectKey) => Promise<void>): Promise<void> {
  let next = 0;
  let turn = Promise.resolve();
  const worker = async (): Promise<void> => {
    while (next < keys.length) {
      const key = keys[next]!;
      next += 1;
      if (next % LIMITS.deletedPerTurn === 0) turn = nextTurn();
      // All workers wait, otherwise the event loop would not get its turn.
      await turn;
      try {
        await work(key);
      } catch (error) {
        next = keys.length;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: LIMITS.deleteConcurrency }, worker));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** Also for objects that are not found: a delete that failed before its sync may be repeated. */
function placesOf(pattern: KeyPattern): RemovalPlace[] {
  return pattern.scope === "session" || pattern.scope === "application" ? [pattern] : [];
}

interface DeleteCause extends Pick<DeleteOptions, "precondition"> {
  readonly pattern: string;
  readonly actor: string | undefined;
}

/** Removes one object. The caller holds its lock. @returns false if there was none. */
async function removeNamed(
  context: WriteContext,
  key: ObjectKey,
  { pattern, actor, precondition }: DeleteCause,
): Promise<boolean> {
  const entry = await context.findLocked(key);
  const isExpired = entry !== undefined && context.retention.lifetimes.isExpired(entry);
  precondition?.(isExpired ? undefined : entry);
  // Deltas left by a delete that was killed after it removed the base.
  if (entry === undefined) await context.storage.removeDeltas(key);
  if (entry === undefined) return false;
  await removeObject(context, entry, "deleted");
  context.events?.record(eventOf(entry, "deleted", { by: actor, details: { pattern } }));
  return true;
}

/** Deletes an object to make space for a put. The caller holds its lock. */
export async function evictObject(
  context: WriteContext,
  entry: IndexEntry,
  { bound, place, of, put }: EvictionCause,
): Promise<void> {
  await removeObject(context, entry, "evicted");
  if (context.events === undefined) return;
  const details = { bound, ...(put !== undefined && { place, of, put: formatObjectKey(put.key) }) };
  context.events.record(eventOf(entry, "evicted", { by: put?.actor, details }));
}

/** Removes an object if it has expired and the entry is current. @returns false if it stays. */
export function removeExpired(context: WriteContext, entry: IndexEntry): Promise<boolean> {
  const { registry, retention, locks, events } = context;
  return locks.run(entry.evictionKey, async () => {
    const { key } = entry;
    if (registry.get(key) !== entry || !retention.lifetimes.isExpired(entry)) return false;
    const ttlMs = retention.lifetimes.of(entry)?.ttlMs;
    const rule = retention.lifetimes.ruleNameOf(entry);
    await removeObject(context, entry, "evicted");
    const details = { ...(ttlMs !== undefined && { ttlMs }), ...(rule !== undefined && { rule }) };
    events?.record(eventOf(entry, "expired", { details }));
    await retention.forget({ scope: "object", key });
    return true;
  });
}

function eventOf(
  { evictionKey: name, version, dataBytes: bytes }: IndexEntry,
  event: EventName,
  { by, details }: Pick<NewEvent, "by" | "details">,
): NewEvent {
  return { name, event, version, bytes, by, details };
}

/**
 * Removes an indexed object. The caller holds its lock.
 * @param reason evictions are frequent: they write the floor ahead, so that most of them write
 *   nothing.
 */
export async function removeObject(
  context: WriteContext,
  entry: IndexEntry,
  reason: RemovalReason,
): Promise<void> {
  const { key } = entry;
  // The object may have got a patch since the floor was raised for all.
  await context.storage.raiseVersionFloor(entry.version, reason === "evicted" ? LIMITS.versionFloorAhead : 0);
  const free = context.registry.remove(entry, reason);
  try {
    const version = entry.isForeign ? undefined : entry.version;
    await context.storage.remove({ key, part: { kind: "file" } }, version);
    await context.storage.remove({ key, part: { kind: "stream" } }, version);
    if (entry.patchesMayBeDurable) await context.storage.syncRemovals([key]);
  } catch (error) {
    free();
    throw error;
  }
  await context.retire(key, entry, free);
  context.removed(key);
}

/** What a delete removes. */
interface Collected {
  /** A key may come twice. */
  readonly keys: readonly ObjectKey[];
  /** Highest version that the index knows of them. */
  readonly highest: number;
}

/**
 * Keys from the storage, which may contain files that clients stored, then from the index: in this
 * order, because a scan moves keys from one to the other meanwhile.
 */
async function collectKeys(context: WriteContext, pattern: KeyPattern): Promise<Collected> {
  if (pattern.scope === "object") return { keys: [pattern.key], highest: 0 };
  const keys = await keysInStorage(context, pattern);
  let highest = 0;
  for (const [key, { version }] of context.registry.entries(pattern)) {
    keys.push(key);
    highest = Math.max(highest, version);
    if (keys.length % LIMITS.deletedPerTurn === 0) await turnIfDue();
  }
  return { keys, highest };
}

/** Without those in the index. */
async function keysInStorage(context: WriteContext, pattern: KeyPattern): Promise<ObjectKey[]> {
  if (pattern.scope !== "session" && pattern.scope !== "application") return [];
  const keys = new Map<string, ObjectKey>();
  for (const sessionId of await sessionsOf(context, pattern)) {
    const scanned = await context.storage.scanSession(pattern.applicationId, sessionId);
    let looked = 0;
    for (const { key, part } of scanned?.names ?? []) {
      looked += 1;
      if (looked % LIMITS.deletedPerTurn === 0) await turnIfDue();
      // Deltas too: their base may already be removed.
      if (part.kind !== "patch" && context.registry.get(key) === undefined)
        keys.set(formatObjectKey(key), key);
    }
  }
  return [...keys.values()];
}

async function sessionsOf(context: WriteContext, pattern: KeyPattern): Promise<readonly string[]> {
  if (pattern.scope === "session") return [pattern.sessionId];
  if (pattern.scope === "application") return await context.storage.listSessions(pattern.applicationId);
  return [];
}
