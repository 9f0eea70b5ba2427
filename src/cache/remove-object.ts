/**
 * Removes an indexed object: for a delete, an eviction, or at the end of its time to live.
 *
 * The version floor comes first: if the process dies in between, some files remain, but no version is
 * reused.
 */
import type { RemovalReason } from "../eviction/eviction-policy.ts";
import { LIMITS } from "../limits.ts";
import { formatObjectKey } from "../object/object-key.ts";
import type { EventName, NewEvent } from "./events/object-event.ts";
import type { EvictionCause } from "./evictions.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { WriteContext } from "./write-context.ts";

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

export function eventOf(
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
