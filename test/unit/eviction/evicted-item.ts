/**
 * Items for policies: a name and a cost, which a test may change.
 */
import { Evictable, type EvictionPolicy } from "../../../src/eviction/eviction-policy.ts";

export class Item extends Evictable {
  readonly evictionKey: string;
  costBytes: number;

  constructor(name: string, costBytes = 1000) {
    super();
    this.evictionKey = name;
    this.costBytes = costBytes;
  }

  /** Whether nothing of a policy is left in it. */
  get isFree(): boolean {
    return this.queue === undefined && this.older === undefined && this.newer === undefined;
  }
}

export function itemsNamed(names: string): Item[] {
  return [...names].map((name) => new Item(name));
}

/** Items that have come to a policy, one after the other. */
export function admit(policy: EvictionPolicy, items: Item[]): Item[] {
  for (const item of items) policy.admitted(item);
  return items;
}

export function namesOf(items: Iterable<Evictable>): string {
  return [...items].map((item) => item.evictionKey).join("");
}

/** Reads as many victims as are asked for and removes them. */
export function evict(policy: EvictionPolicy, count: number): string {
  let names = "";
  if (count === 0) return names;
  for (const victim of policy.victims()) {
    policy.removed(victim, "evicted");
    names += victim.evictionKey;
    if (names.length === count) return names;
  }
  return names;
}
