import { describe, expect, it } from "vitest";
import { S3FifoPolicy } from "../../../src/eviction/s3-fifo-policy.ts";
import { admit, evict, Item, itemsNamed, namesOf } from "./evicted-item.ts";

function read(policy: S3FifoPolicy, item: Item | undefined, times: number): void {
  for (let i = 0; i < times; i += 1) policy.touched(item!);
}

/** One item per letter, 1 KiB each; those in capitals have come to the main queue. */
function opened(names: string): [S3FifoPolicy, Item[]] {
  const policy = new S3FifoPolicy();
  const items = itemsNamed(names);
  const main = items.filter((item) => /[A-Z]/.test(item.evictionKey));
  for (const item of main) {
    policy.admitted(item);
    policy.removed(item, "evicted");
    policy.admitted(item);
  }
  admit(
    policy,
    items.filter((item) => !main.includes(item)),
  );
  return [policy, items];
}

describe("s3-fifo", () => {
  it("lets go who was read once in the small queue and keeps who was read twice", () => {
    const [policy, [a, b]] = opened("abc");
    read(policy, a, 2);
    read(policy, b, 1);
    expect(evict(policy, 3)).toBe("bca");
  });

  it("keeps the order of coming, whoever was read in between", () => {
    const [policy, [a]] = opened("abcd");
    read(policy, a, 1);
    expect(evict(policy, 4)).toBe("abcd");
  });

  it("empties the small queue down to a tenth and then turns to the main queue", () => {
    const [policy] = opened("ABCDEFGHIJKLMNOPQRSabcd");
    expect(evict(policy, 4)).toBe("abAB");
  });

  it("measures queues by what their items cost", () => {
    const [policy, [a]] = opened("AB");
    const large = new Item("x", 3 * 1024);
    policy.admitted(large);
    a!.costBytes = 40 * 1024;
    expect(namesOf(policy.victims())[0]).toBe("x");
    policy.admitted(a!);
    expect(namesOf(policy.victims())[0]).not.toBe("x");
  });

  it("gives who was read in the main queue another round for each read, up to three", () => {
    const [policy, [a, b, c]] = opened("ABCD");
    read(policy, a, 9);
    read(policy, b, 3);
    read(policy, c, 1);
    expect(evict(policy, 4)).toBe("DCAB");
  });

  it("takes an item that comes back soon after it was evicted to the main queue", () => {
    const [policy, [a]] = opened("abcdefgh");
    expect(evict(policy, 1)).toBe("a");
    policy.admitted(a!);
    expect(evict(policy, 8)).toBe("bcdefgha");
  });

  it("does not know an item again that was deleted, or that comes back late", () => {
    const [policy, [a, b]] = opened("abcdefgh");
    policy.removed(a!, "deleted");
    policy.admitted(a!);
    expect(evict(policy, 7)).toBe("bcdefgh");
    policy.admitted(b!);
    expect(evict(policy, 2)).toBe("ab");
  });

  it("counts a replacement as a read", () => {
    const [policy, [a]] = opened("ab");
    policy.admitted(a!);
    policy.admitted(a!);
    expect(evict(policy, 2)).toBe("ba");
  });

  it("is least recently used while that order is set, and s3-fifo again after", () => {
    const policy = new S3FifoPolicy();
    policy.order = "recency";
    const [a, b, , d] = admit(policy, itemsNamed("abcd"));
    read(policy, a, 2);
    read(policy, d, 1);
    read(policy, b, 1);
    expect(namesOf(policy.victims())).toBe("cadb");
    policy.order = "fifo";
    expect(namesOf(policy.victims())).toBe("cdba");
  });

  it("as least recently used lets go of the main queue first, of which what is read leaves it", () => {
    const [policy, [a, , c]] = opened("ABCde");
    policy.order = "recency";
    read(policy, a, 1);
    read(policy, c, 1);
    expect(evict(policy, 5)).toBe("BdeAC");
  });
});
