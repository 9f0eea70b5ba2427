/**
 * S3-FIFO: evicts first the items that were not read twice on their way through a small queue.
 *
 * Source: J. Yang, Y. Zhang, Z. Qiu, Y. Yue, K. V. Rashmi, "FIFO queues are all you need for cache
 * eviction", SOSP 2023. New items enter a small queue, a tenth of the cost held; items read twice
 * there move to the main queue, which gives items that were read another round, up to three. An
 * item that comes back after leaving the small queue, while at most about the size of the cache was
 * evicted, goes to the main queue directly. Scans and loops pass through the small queue and do not
 * affect the rest.
 * Weakness: items that are read soon after the put, but not within a tenth of the cache (a replay
 * buffer that prefers new experiences, an agent's context), are evicted before they are read; items
 * that were popular yesterday stay long.
 * Cost: a read is one addition in the item, a put builds and hashes the names of new and evicted
 * items: with a million items 0.2 and 1.6 us. Beside the links, 8 to 16 bytes per item for the
 * ghosts.
 */
import type { Evictable, EvictionPolicy, RemovalReason } from "./eviction-policy.ts";
import { GhostTable } from "./ghost-table.ts";
import { ItemQueue } from "./item-queue.ts";
import { hashName } from "./name-hash.ts";

/** The small queue's part of the cost held. */
const SMALL_PART = 0.1;
/** Reads in the small queue that promote an item. */
const PROMOTING_USES = 2;
/**
 * Maximum of counted reads; also the mask of the bits of `uses` that count. Higher bits are not
 * changed.
 */
const USES_MAX = 3;

export class S3FifoPolicy implements EvictionPolicy {
  /**
   * While set, "recency" makes the same queues least recently used: a read item moves to the newest
   * end of the small queue, which may grow; the main queue counts as older; no ghosts are kept. For
   * policies that choose between the two.
   */
  order: "fifo" | "recency" = "fifo";
  readonly #small = new ItemQueue();
  readonly #main = new ItemQueue();
  /** Victims that the current reader has skipped. */
  readonly #passedSmall = new ItemQueue();
  readonly #passedMain = new ItemQueue();
  readonly #ghosts = new GhostTable();

  get heldKib(): number {
    return this.#smallKib + this.#main.costKib + this.#passedMain.costKib;
  }

  get #smallKib(): number {
    return this.#small.costKib + this.#passedSmall.costKib;
  }

  get #count(): number {
    return this.#small.count + this.#main.count + this.#passedSmall.count + this.#passedMain.count;
  }

  admitted(item: Evictable): void {
    if (item.queue === undefined) this.admitNew(item, hashName(item.evictionKey));
    else this.admitAgain(item);
  }

  /** @param hash of the item's name. */
  admitNew(item: Evictable, hash: number): void {
    item.uses &= ~USES_MAX;
    const isBack = this.order === "fifo" && this.#ghosts.take(hash, this.heldKib);
    const queue = isBack ? this.#main : this.#small;
    queue.add(item);
  }

  /** A held item was replaced, which counts as a read, or changed its cost. */
  admitAgain(item: Evictable): void {
    item.queue?.recount(item);
    this.touched(item);
  }

  touched(item: Evictable): void {
    const { queue } = item;
    if (queue === undefined) return;
    if ((item.uses & USES_MAX) < USES_MAX) item.uses += 1;
    if (this.order === "fifo" || (queue !== this.#small && queue !== this.#main)) return;
    queue.remove(item);
    this.#small.add(item);
  }

  removed(item: Evictable, reason: RemovalReason): void {
    const { queue } = item;
    if (queue === undefined) return;
    const isRemembered = reason === "evicted" && this.order === "fifo";
    if (isRemembered && (queue === this.#small || queue === this.#passedSmall)) {
      this.#ghosts.remember(hashName(item.evictionKey), item.countedKib, this.#count);
    }
    queue.remove(item);
  }

  *victims(): Generator<Evictable, void, void> {
    this.#putBack();
    try {
      for (let item = this.#nextVictim(); item !== undefined; item = this.#nextVictim()) yield item;
    } finally {
      this.#putBack();
    }
  }

  /** Moves on items that may stay until it finds a victim, which joins the passed items. */
  #nextVictim(): Evictable | undefined {
    for (;;) {
      const [small, main] = [this.#small.oldest, this.#main.oldest];
      if (small !== undefined && (main === undefined || this.#isSmallsTurn())) {
        if (!this.#promote(small)) return this.#pass(small, this.#small, this.#passedSmall);
      } else if (main === undefined) return undefined;
      else if (!this.#giveAnotherRound(main)) return this.#pass(main, this.#main, this.#passedMain);
    }
  }

  #isSmallsTurn(): boolean {
    return this.order === "fifo" && this.#smallKib > SMALL_PART * this.heldKib;
  }

  #promote(item: Evictable): boolean {
    if (this.order === "recency" || (item.uses & USES_MAX) < PROMOTING_USES) return false;
    item.uses &= ~USES_MAX;
    this.#small.move(item, this.#main);
    return true;
  }

  #giveAnotherRound(item: Evictable): boolean {
    if (this.order === "recency" || (item.uses & USES_MAX) === 0) return false;
    item.uses -= 1;
    this.#main.move(item, this.#main);
    return true;
  }

  #pass(item: Evictable, from: ItemQueue, to: ItemQueue): Evictable {
    from.move(item, to);
    return item;
  }

  #putBack(): void {
    this.#passedSmall.moveAll(this.#small);
    this.#passedMain.moveAll(this.#main);
  }
}
