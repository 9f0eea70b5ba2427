/**
 * A cache without content: simulates what a policy would hold, for a sample of the items.
 *
 * Source: C. Waldspurger, T. Saemundson, I. Ahmad, N. Park, "Cache modeling and optimization using
 * miniature simulations", USENIX ATC 2017: a cache of a fraction of the size that sees the same
 * fraction of the names has the hit ratio of the whole. Items are identified only by their hashes.
 * Cost: 150 bytes per item plus the policy's own.
 */
import { Evictable, type EvictionPolicy, type RemovalReason } from "./eviction-policy.ts";

class MiniatureItem extends Evictable {
  readonly hash: number;
  costBytes: number;

  constructor(hash: number, costBytes: number) {
    super();
    this.hash = hash;
    this.costBytes = costBytes;
  }

  get evictionKey(): string {
    return String(this.hash);
  }
}

export class MiniatureCache {
  readonly #policy: EvictionPolicy;
  readonly #held = new Map<number, MiniatureItem>();
  #heldBytes = 0;

  constructor(policy: EvictionPolicy) {
    this.#policy = policy;
  }

  get size(): number {
    return this.#held.size;
  }

  /**
   * A put or read of an item, which is then held, unless it is larger than the cache. @returns
   * whether it was a hit.
   */
  access(hash: number, costBytes: number, bytesMax: number): boolean {
    const held = this.#held.get(hash);
    if (held !== undefined) {
      this.#accessHeld(held, costBytes);
      this.#makeSpace(bytesMax);
      return true;
    }
    if (costBytes > bytesMax) return false;
    this.#makeSpace(bytesMax - costBytes);
    const item = new MiniatureItem(hash, costBytes);
    this.#held.set(hash, item);
    this.#heldBytes += costBytes;
    this.#policy.admitted(item);
    return false;
  }

  remove(hash: number, reason: RemovalReason): void {
    const held = this.#held.get(hash);
    if (held === undefined) return;
    this.#held.delete(hash);
    this.#heldBytes -= held.costBytes;
    this.#policy.removed(held, reason);
  }

  /** Removes all items with unwanted hashes. */
  keep(isWanted: (hash: number) => boolean): void {
    for (const hash of this.#held.keys()) if (!isWanted(hash)) this.remove(hash, "deleted");
  }

  #accessHeld(held: MiniatureItem, costBytes: number): void {
    if (held.costBytes === costBytes) {
      this.#policy.touched(held);
      return;
    }
    this.#heldBytes += costBytes - held.costBytes;
    held.costBytes = costBytes;
    this.#policy.admitted(held);
  }

  #makeSpace(bytesMax: number): void {
    if (this.#heldBytes <= bytesMax) return;
    for (const victim of this.#policy.victims()) {
      this.remove((victim as MiniatureItem).hash, "evicted");
      if (this.#heldBytes <= bytesMax) return;
    }
  }
}
