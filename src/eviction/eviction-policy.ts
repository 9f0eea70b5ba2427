/**
 * The contract of an eviction policy: it chooses what to evict if there is no space.
 *
 * A policy knows the order of events and the cost of each item, nothing else: no clock, no I/O. Its
 * owner reports every item that is added, read, and removed; the policy names victims. An item is an
 * object, which its owner deletes (cache/storage-budget.ts), or a copy, which its owner drops
 * (storage/tier/memory-tier.ts). The policy removes nothing itself: the owner takes as many victims
 * as it needs, calls `removed` for each, and skips items that cannot be evicted now (being written,
 * pinned).
 *
 * Cost: a policy keeps its order in links inside the items, 5 words each, so that a million objects
 * need no map beside the owner's index. An item belongs to at most one policy.
 */

/** An ordered queue of items; each item refers to its queue. */
export interface EvictionQueue {
  /** Removes an item of this queue and clears its neighbours. */
  remove(item: Evictable): void;
  /** Updates the counted cost of one of its items; the item keeps its place. */
  recount(item: Evictable): void;
}

/** An evictable item, with its place in a policy's queues. Only the policy uses these fields. */
export abstract class Evictable {
  /** The queue that contains it; undefined if no policy holds it. */
  queue: EvictionQueue | undefined = undefined;
  /** The neighbour that was added before it. */
  older: Evictable | undefined = undefined;
  /** The neighbour that was added after it. */
  newer: Evictable | undefined = undefined;
  /** Counted reads, a small integer defined by the policy. */
  uses = 0;
  /**
   * The cost that its queue has counted, KiB, so that the sum stays correct when `costBytes`
   * changes.
   */
  countedKib = 0;

  /** Its cost in bytes. After a change the owner calls `admitted` again. */
  abstract readonly costBytes: number;
  /**
   * Its name, by which a policy may recognise it after its removal. Read only when it is added and
   * removed, so it may be built on demand.
   */
  abstract readonly evictionKey: string;
}

/**
 * Why an item was removed: `evicted` to make space, or `deleted` because its content is gone or
 * outdated. A policy remembers evicted items only.
 */
export type RemovalReason = "evicted" | "deleted";

export interface EvictionPolicy {
  /** An item was added, was replaced, or changed its cost. */
  admitted(item: Evictable): void;
  /** An item was read. Unknown items are ignored. */
  touched(item: Evictable): void;
  /** An item was removed. Unknown items are ignored. */
  removed(item: Evictable, reason: RemovalReason): void;
  /**
   * Yields victims in order, each at most once; empty if there are none. Read it until enough is
   * free: skipped items stay, as if they were new. Items may be added, read and removed meanwhile.
   * One reader at a time: a second reader starts over, including the items that the first skipped.
   */
  victims(): Iterable<Evictable>;
}
