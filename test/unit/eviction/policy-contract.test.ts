/**
 * What every policy that evicts promises its owner, whatever its order.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AdaptivePolicy } from "../../../src/eviction/adaptive-policy.ts";
import type { EvictionPolicy } from "../../../src/eviction/eviction-policy.ts";
import { LruPolicy } from "../../../src/eviction/lru-policy.ts";
import { S3FifoPolicy } from "../../../src/eviction/s3-fifo-policy.ts";
import { campaign } from "../../support/campaign.ts";
import { admit, evict, Item, itemsNamed, namesOf } from "./evicted-item.ts";
import { NamedCache } from "./named-cache.ts";

/** One that has come to prefer S3-FIFO, and holds nothing. */
function openSwitched(): EvictionPolicy {
  const cache = new NamedCache(new AdaptivePolicy(), 100);
  cache.loop(120, 10);
  for (const item of cache.items) cache.policy.removed(item, "deleted");
  expect(cache.policy.order).toBe("s3-fifo");
  return cache.policy;
}

const POLICIES: readonly (readonly [string, () => EvictionPolicy])[] = [
  ["lru", () => new LruPolicy()],
  ["s3-fifo", () => new S3FifoPolicy()],
  ["adaptive", () => new AdaptivePolicy()],
  ["adaptive, as s3-fifo", openSwitched],
];

const sorted = (names: string): string => [...names].toSorted().join("");

describe.each(POLICIES)("the policy %s", (_name, open) => {
  it("names everybody once while nobody leaves", () => {
    const policy = open();
    const items = admit(policy, itemsNamed("abcdefgh"));
    for (const item of [items[0]!, items[3]!, items[3]!]) policy.touched(item);
    expect(sorted(namesOf(policy.victims()))).toBe("abcdefgh");
    expect(sorted(namesOf(policy.victims()))).toBe("abcdefgh");
  });

  it("names nobody when it was told of nobody", () => {
    expect([...open().victims()]).toEqual([]);
  });

  it("never names who has left, however he left", () => {
    const policy = open();
    const [a, , c] = admit(policy, itemsNamed("abc"));
    policy.removed(a!, "deleted");
    policy.removed(c!, "evicted");
    expect(namesOf(policy.victims())).toBe("b");
  });

  it("does not learn of strangers by a read or a removal", () => {
    const policy = open();
    const stranger = new Item("x");
    policy.touched(stranger);
    policy.removed(stranger, "deleted");
    expect([...policy.victims()]).toEqual([]);
    expect(stranger.isFree).toBe(true);
  });

  it("names who comes back after he was evicted or deleted", () => {
    const policy = open();
    const [a, b] = admit(policy, itemsNamed("ab"));
    policy.removed(a!, "evicted");
    policy.removed(b!, "deleted");
    admit(policy, [a!, b!]);
    expect(sorted(namesOf(policy.victims()))).toBe("ab");
  });

  it("names an item once that came again, or changed its cost", () => {
    const policy = open();
    const [a] = admit(policy, itemsNamed("ab"));
    a!.costBytes = 50_000;
    policy.admitted(a!);
    expect(sorted(namesOf(policy.victims()))).toBe("ab");
  });

  it("names each once while they are removed one after the other", () => {
    const policy = open();
    admit(policy, itemsNamed("abcdefgh"));
    expect(sorted(evict(policy, 8))).toBe("abcdefgh");
    expect([...policy.victims()]).toEqual([]);
  });

  it("names those first who were never read since they came", () => {
    const policy = open();
    const items = admit(policy, itemsNamed("abcdefgh"));
    for (const item of items.slice(0, 6)) for (let i = 0; i < 3; i += 1) policy.touched(item);
    expect(sorted(evict(policy, 2))).toBe("gh");
  });

  it("names those who were passed over in a later reading, and others before them", () => {
    const policy = open();
    admit(policy, itemsNamed("abcdefgh"));
    let passed = "";
    for (const victim of policy.victims()) {
      passed += victim.evictionKey;
      if (passed.length === 3) break;
    }
    const later = namesOf(policy.victims());
    expect(sorted(later)).toBe("abcdefgh");
    expect(sorted(later.slice(0, 5) + passed)).toBe("abcdefgh");
  });

  it("keeps its order when everybody was passed over", () => {
    const policy = open();
    admit(policy, itemsNamed("abcdefgh"));
    const order = namesOf(policy.victims());
    expect(namesOf(policy.victims())).toBe(order);
    expect(evict(policy, 8)).toBe(order);
  });

  it("does not lose those whom a reader took and never came back for", () => {
    const policy = open();
    admit(policy, itemsNamed("abc"));
    const abandoned = policy.victims()[Symbol.iterator]();
    abandoned.next();
    abandoned.next();
    expect(sorted(namesOf(policy.victims()))).toBe("abc");
  });

  it("goes on when items come, are read and leave while it is read", () => {
    const policy = open();
    const items = admit(policy, itemsNamed("abcdefgh"));
    const [late] = itemsNamed("z");
    let named = "";
    for (const victim of policy.victims()) {
      if (named === "") {
        for (const item of items.filter((each) => each !== victim).slice(0, 3))
          policy.removed(item, "deleted");
        policy.touched(victim);
        admit(policy, [late!]);
      }
      named += victim.evictionKey;
    }
    expect(named).toHaveLength(6);
    expect(named).toContain("z");
    expect(sorted(namesOf(policy.victims()))).toBe(sorted(named));
  });

  it("leaves no links in items that have left", () => {
    const policy = open();
    const items = admit(policy, itemsNamed("abcdefgh"));
    for (const item of items) policy.touched(item);
    for (const item of [items[0]!, items[4]!, items[7]!]) policy.removed(item, "deleted");
    expect(items.map((item) => item.isFree)).toEqual([true, false, false, false, true, false, false, true]);
    const reading = policy.victims()[Symbol.iterator]();
    const passed = reading.next().value as Item;
    policy.removed(passed, "evicted");
    reading.return?.();
    expect(passed.isFree).toBe(true);
    evict(policy, 8);
    expect(items.filter((item) => !item.isFree)).toEqual([]);
  });
});

type Step =
  | {
      readonly what: "admit" | "touch" | "deleted" | "evicted";
      readonly at: number;
      readonly costBytes: number;
    }
  | { readonly what: "read"; readonly takes: readonly boolean[]; readonly isAbandoned: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    what: fc.constantFrom("admit", "admit", "touch", "touch", "deleted", "evicted"),
    at: fc.nat(19),
    costBytes: fc.oneof(fc.nat(3000), fc.nat(5_000_000)),
  }),
  fc.record({
    what: fc.constant("read" as const),
    takes: fc.array(fc.boolean(), { maxLength: 25 }),
    isAbandoned: fc.boolean(),
  }),
);

/** A policy and, beside it, the set of those who are in. */
class Comparison {
  readonly #policy: EvictionPolicy;
  readonly #items = Array.from({ length: 20 }, (_, i) => new Item(String.fromCharCode(97 + i)));
  readonly #held = new Set<Item>();

  constructor(policy: EvictionPolicy) {
    this.#policy = policy;
  }

  run(steps: readonly Step[]): void {
    for (const each of steps) {
      if (each.what === "read") this.#read(each.takes, each.isAbandoned);
      else this.#tell(each.what, this.#items[each.at]!, each.costBytes);
      for (const item of this.#items) expect(item.isFree).toBe(!this.#held.has(item));
    }
    expect(new Set(this.#policy.victims())).toEqual(this.#held);
    expect(evict(this.#policy, this.#held.size)).toHaveLength(this.#held.size);
    expect([...this.#policy.victims()]).toEqual([]);
  }

  #tell(what: "admit" | "touch" | "deleted" | "evicted", item: Item, costBytes: number): void {
    if (what === "touch") this.#policy.touched(item);
    else if (what === "admit") {
      item.costBytes = costBytes;
      this.#held.add(item);
      this.#policy.admitted(item);
    } else {
      this.#held.delete(item);
      this.#policy.removed(item, what);
    }
  }

  #read(takes: readonly boolean[], isAbandoned: boolean): void {
    const named = new Set<Item>();
    const reading = this.#policy.victims()[Symbol.iterator]();
    const before = this.#held.size;
    for (const taken of takes) {
      const { value, done } = reading.next();
      if (done) {
        expect(named.size).toBe(before);
        return;
      }
      const victim = value as Item;
      expect(this.#held.has(victim) && !named.has(victim)).toBe(true);
      named.add(victim);
      if (taken) this.#tell("evicted", victim, 0);
    }
    if (!isAbandoned) reading.return?.();
  }
}

describe.each(POLICIES)("whatever happens, the policy %s", (_name, open) => {
  it("names exactly those who are in, each once a reading", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => new Comparison(open()).run(steps)),
      { numRuns: campaign({ slice: 100, whole: 300 }) },
    );
  });
});
