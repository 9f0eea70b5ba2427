/**
 * An owner of a policy that holds so many items and no more, and two workloads that one policy is good and the other bad at.
 */
import type { EvictionPolicy } from "../../../src/eviction/eviction-policy.ts";
import { Item } from "./evicted-item.ts";

export class NamedCache<Policy extends EvictionPolicy> {
  readonly policy: Policy;
  readonly #heldMax: number;
  readonly #held = new Map<string, Item>();

  constructor(policy: Policy, heldMax: number) {
    this.policy = policy;
    this.#heldMax = heldMax;
  }

  get items(): Item[] {
    return [...this.#held.values()];
  }

  /** Reads an item, which is brought in when it is not there. @returns whether it was. */
  access(name: string): boolean {
    const held = this.#held.get(name);
    if (held !== undefined) {
      this.policy.touched(held);
      return true;
    }
    if (this.#held.size === this.#heldMax) this.#evictOne();
    const item = new Item(name);
    this.#held.set(name, item);
    this.policy.admitted(item);
    return false;
  }

  /** The same names again and again: least recently used never hits when they are more than there is room for. */
  loop(length: number, rounds: number): number {
    let hits = 0;
    for (let step = 0; step < length * rounds; step += 1)
      hits += Number(this.access(`loop ${step % length}`));
    return hits;
  }

  /** Each name twice, some steps apart: S3-FIFO does not hit when they have left the small queue by then. */
  readOnceAfter(distance: number, steps: number): number {
    let hits = 0;
    for (let step = 0; step < steps; step += 1) {
      this.access(`once ${step}`);
      hits += Number(this.access(`once ${step - distance}`));
    }
    return hits;
  }

  #evictOne(): void {
    for (const victim of this.policy.victims()) {
      this.policy.removed(victim, "evicted");
      this.#held.delete(victim.evictionKey);
      return;
    }
    throw new Error("nobody may leave");
  }
}
