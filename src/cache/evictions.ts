/**
 * Pending evictions of objects: the bytes they will release, and counters since the start.
 *
 * To evict an object is to delete it from the storage, which holds its only bytes. A read cache
 * drops copies on its own (storage/tier/memory-tier.ts).
 *
 * A caller that needs space waits for any eviction and then checks again.
 */
import type { EvictionPolicy } from "../eviction/eviction-policy.ts";
import { logFor } from "../log.ts";
import type { ObjectKey } from "../object/object-key.ts";
import type { IndexEntry } from "./index-entry.ts";

const log = logFor("cache");

/** The put that needs space: evictions are recorded with it. */
export interface PutCause {
  readonly key: ObjectKey;
  /** Its caller. */
  readonly actor?: string | undefined;
  /** Objects evicted for it so far. */
  evictedObjects: number;
}

/** The limit in bytes, by the name that operators know. */
export type BytesBound = "capacity" | "memory";

export interface EvictionCause {
  /** The limit that was reached. */
  readonly bound: BytesBound | "objects";
  /** From 1, among the objects that were evicted for the put. */
  readonly place: number;
  /** Their number so far. */
  readonly of: number;
  /** Undefined if more was found at the start than fits. */
  readonly put: PutCause | undefined;
}

/** How the cache deletes an object to make space. */
export interface ObjectEviction {
  /** False while a call works on the object. */
  mayDelete(entry: IndexEntry): boolean;
  /** Called in the same turn as `mayDelete`. */
  deleteObject(entry: IndexEntry, cause: EvictionCause): Promise<void>;
}

export interface Victim {
  readonly entry: IndexEntry;
  readonly costBytes: number;
}

type VictimsCause = Pick<EvictionCause, "bound" | "put">;

export class ObjectEvictions {
  readonly #policy: EvictionPolicy;
  readonly #underWay = new Set<Promise<void>>();
  /** Bytes of victims that are still charged as held. */
  bytes = 0;
  objects = 0;
  /** Counted since the start. */
  evictedBytes = 0;
  evictedObjects = 0;
  evictedForCount = 0;

  constructor(policy: EvictionPolicy) {
    this.#policy = policy;
  }

  get areUnderWay(): boolean {
    return this.#underWay.size > 0;
  }

  /** Begins to remove the victims of one need, in order. */
  beginAll(victims: readonly Victim[], eviction: ObjectEviction, { bound, put }: VictimsCause): void {
    const before = put?.evictedObjects ?? 0;
    const of = before + victims.length;
    if (put !== undefined) put.evictedObjects = of;
    for (const [index, victim] of victims.entries()) {
      this.#begin(victim, eviction, { bound, put, place: before + index + 1, of });
    }
  }

  #begin({ entry, costBytes }: Victim, eviction: ObjectEviction, cause: EvictionCause): void {
    // Prevents the policy from naming it again during the removal.
    this.#policy.removed(entry, "evicted");
    this.bytes += costBytes;
    this.objects += 1;
    this.evictedObjects += 1;
    this.evictedBytes += costBytes;
    const removal = eviction
      .deleteObject(entry, cause)
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

  /** Waits until one eviction is done. */
  async next(): Promise<void> {
    await Promise.race(this.#underWay);
  }

  /** Waits for all evictions, including later ones. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }
}
