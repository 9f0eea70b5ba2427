/**
 * Removals of victims under way: what they will free, and how many there were since the start.
 *
 * Nobody waits for one of them by name: whoever makes room waits until any of them is done and looks again.
 */
import type { EvictionPolicy } from "../eviction/eviction-policy.ts";
import { logFor } from "../log.ts";
import type { IndexEntry } from "./index-entry.ts";

const log = logFor("cache");

/** How the budget removes an object; both are the cache's. */
export interface Eviction {
  /** False while somebody works on the object. */
  mayLeave(entry: IndexEntry): boolean;
  /** Called in the same turn as `mayLeave`. */
  remove(entry: IndexEntry): Promise<void>;
}

export class Evictions {
  readonly #policy: EvictionPolicy;
  readonly #underWay = new Set<Promise<void>>();
  /** Of objects that are about to leave, as long as they are counted as held. */
  bytes = 0;
  objects = 0;
  /** Since the start. */
  evictedBytes = 0;
  evictedObjects = 0;

  constructor(policy: EvictionPolicy) {
    this.#policy = policy;
  }

  get areUnderWay(): boolean {
    return this.#underWay.size > 0;
  }

  begin(entry: IndexEntry, costBytes: number, eviction: Eviction): void {
    // Nobody is to be named twice while the removal is under way.
    this.#policy.removed(entry, "evicted");
    this.bytes += costBytes;
    this.objects += 1;
    this.evictedObjects += 1;
    this.evictedBytes += costBytes;
    const removal = eviction
      .remove(entry)
      .then(() => {
        if (log.isEnabled("debug")) log.debug("evicted", { key: entry.evictionKey, bytes: costBytes });
      })
      .catch((error: unknown) => log.error("object could not be evicted", { key: entry.evictionKey, error }))
      .finally(() => {
        this.bytes -= costBytes;
        this.objects -= 1;
        this.#underWay.delete(removal);
      });
    this.#underWay.add(removal);
  }

  /** Waits until one of them is done. */
  async next(): Promise<void> {
    await Promise.race(this.#underWay);
  }

  /** Waits for all, and those that begin meanwhile. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }
}
