/**
 * Deletes the objects that match a pattern, each after raising the version floor to its version.
 *
 * The floor comes first: if the process dies in between, some objects remain, but no version is
 * reused. Plain objects go together (delete-plain.ts), the others one by one, a few at once. With
 * durability `power-loss` the removals are synced before the answer, once per session. Cost: at most
 * one floor write, and the removals. Other calls run in between.
 */
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import { formatKeyPattern, formatObjectKey, type KeyPattern, type ObjectKey } from "../object/object-key.ts";
import type { Durability } from "../storage/object-storage.ts";
import { nextTurn, turnIfDue } from "../turns.ts";
import { type DeleteCause, deletePlain } from "./delete-plain.ts";
import type { Precondition } from "./put-draft.ts";
import { eventOf, removeObject } from "./remove-object.ts";
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
  const cause = { pattern: formatKeyPattern(pattern), actor, precondition };
  const isPrefix = pattern.scope === "session" || pattern.scope === "application";
  const plain = isPrefix ? await deletePlain(context, pattern, cause) : undefined;
  const keys = [...(plain?.unindexed ?? [])];
  let deleted = plain?.deleted ?? 0;
  // The index may not know this one. Of others: what is not plain, and what came meanwhile.
  if (pattern.scope === "object") keys.push(pattern.key);
  else
    for (const [key] of context.registry.entries(pattern)) {
      keys.push(key);
      if (keys.length % LIMITS.deletedPerTurn === 0) await turnIfDue();
    }
  await forEach(keys, async (key) => {
    if (await context.locks.run(formatObjectKey(key), () => deleteOne(context, key, cause))) deleted += 1;
  });
  if (durability === "power-loss") await context.storage.syncRemovals([...(plain?.places ?? []), ...keys]);
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

/** Removes one object. The caller holds its lock. @returns false if there was none. */
async function deleteOne(
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
