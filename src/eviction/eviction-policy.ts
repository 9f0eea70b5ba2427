/**
 * The contract of an eviction policy: who leaves when there is no room.
 *
 * A policy knows the order of events and what each item costs, nothing else: no clock, no I/O, no names of its own.
 * Its owner tells it of every item that comes, is read, and goes; the policy names those who should go first. It removes
 * nothing itself: the owner takes of those it is named as many as it needs, says `removed` for each, and passes over
 * who cannot leave now (it is being written, it is pinned).
 *
 * Cost: a policy keeps its order in links inside of the items, 5 words each, so that a million objects need no map beside
 * the owner's index. An item belongs to one policy at most.
 */

/** What holds items in an order; each item knows the one it stands in. */
export interface EvictionQueue {
  /** Takes out an item that stands in this queue, and leaves it without neighbours. */
  remove(item: Evictable): void;
  /** Counts the cost of one of its items anew; the item keeps its place. */
  recount(item: Evictable): void;
}

/** What can be evicted, with its place in a policy's queues. The fields of this class are the policy's alone. */
export abstract class Evictable {
  /** The queue it stands in; undefined while no policy holds it. */
  queue: EvictionQueue | undefined = undefined;
  /** The neighbour that came before it. */
  older: Evictable | undefined = undefined;
  /** The neighbour that came after it. */
  newer: Evictable | undefined = undefined;
  /** Reads that count, a small integer whose meaning is the policy's. */
  uses = 0;
  /** What its queue has counted for it, KiB, so that the sum stays true when `costBytes` changes. */
  countedKib = 0;

  /** Bytes it takes of what is short. After a change `admitted` is said again. */
  abstract readonly costBytes: number;
  /** Its name, by which a policy may know it again after it left. Asked when it comes and when it leaves, so it may be made then. */
  abstract readonly evictionKey: string;
}

/** Why an item left: a policy remembers whom it evicted, not who was deleted. */
export type RemovalReason = "evicted" | "gone";

export interface EvictionPolicy {
  /** An item has come, was replaced, or changed its cost. */
  admitted(item: Evictable): void;
  /** An item was read. Unknown ones are no mistake. */
  touched(item: Evictable): void;
  /** An item has left. Unknown ones are no mistake. */
  removed(item: Evictable, reason: RemovalReason): void;
  /**
   * Who should leave, first one first, each at most once; empty when nobody may. Read it until enough is free: those that
   * were passed over stay, as if they had just come. Items may come, be read and be removed meanwhile. One reader at a
   * time: a second one begins anew, also with what the first has passed over.
   */
  victims(): Iterable<Evictable>;
}
