/**
 * A queue of evictable items, from oldest to newest, with the sum of their costs.
 *
 * The links are fields of the items: adding, removing and moving is O(1) and allocates nothing.
 * Costs are summed in KiB, each item rounded up, because whole numbers of that size need no box (up
 * to 2 TiB per item), and the overhead of every object is near one KiB anyway.
 */
import type { Evictable, EvictionQueue } from "./eviction-policy.ts";

const KIB = 1024;

function kibOf(item: Evictable): number {
  return Math.max(1, Math.ceil(item.costBytes / KIB));
}

export class ItemQueue implements EvictionQueue {
  #oldest: Evictable | undefined;
  #newest: Evictable | undefined;
  #count = 0;
  #costKib = 0;

  get oldest(): Evictable | undefined {
    return this.#oldest;
  }

  get count(): number {
    return this.#count;
  }

  /** Total cost of its items, KiB. */
  get costKib(): number {
    return this.#costKib;
  }

  /** Adds an item that is in no queue at the newest end, and counts its cost. */
  add(item: Evictable): void {
    const newest = this.#newest;
    item.queue = this;
    item.older = newest;
    if (newest === undefined) this.#oldest = item;
    else newest.newer = item;
    this.#newest = item;
    item.countedKib = kibOf(item);
    this.#count += 1;
    this.#costKib += item.countedKib;
  }

  recount(item: Evictable): void {
    this.#costKib -= item.countedKib;
    item.countedKib = kibOf(item);
    this.#costKib += item.countedKib;
  }

  remove(item: Evictable): void {
    const { older, newer } = item;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    item.queue = undefined;
    item.older = undefined;
    item.newer = undefined;
    this.#count -= 1;
    this.#costKib -= item.countedKib;
  }

  /** Moves one of its items to the newest end of another queue, or of its own. */
  move(item: Evictable, to: ItemQueue): void {
    this.remove(item);
    to.add(item);
  }

  /** Moves all items to the newest end of another queue, in order. */
  moveAll(to: ItemQueue): void {
    for (let item = this.#oldest; item !== undefined; item = this.#oldest) this.move(item, to);
  }
}
