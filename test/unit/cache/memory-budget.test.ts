import { describe, expect, it } from "vitest";
import { MemoryBudget } from "../../../src/cache/memory-budget.ts";
import { LruPolicy } from "../../../src/eviction/lru-policy.ts";
import { NoEviction } from "../../../src/eviction/no-eviction.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";

const key = (objectId: string) => parseObjectKey(`a/s/${objectId}`);
const base = (sizeBytes: number) => ({ sizeBytes, replaces: true });
const patch = (sizeBytes: number) => ({ sizeBytes, replaces: false });
const anyone = () => true;
const lru = (bytesMax: number, objectsMax?: number) =>
  new MemoryBudget({ policy: new LruPolicy(), bytesMax, objectsMax });

describe("the memory budget", () => {
  it("lets in what fits and counts it", () => {
    const budget = lru(100);
    expect(budget.take(key("1"), base(60), anyone)).toEqual([]);
    expect(budget.take(key("2"), base(40), anyone)).toEqual([]);
    expect(budget.heldBytes).toBe(100);
  });

  it("names those who were used longest ago, as many as are needed", () => {
    const budget = lru(100);
    for (const id of ["1", "2", "3", "4"]) budget.take(key(id), base(25), anyone);
    budget.touch(key("1"));
    expect(budget.take(key("5"), base(50), anyone)).toEqual([key("2"), key("3")]);
    expect(budget.heldBytes).toBe(100);
  });

  it("passes over objects that cannot leave now", () => {
    const budget = lru(100);
    for (const id of ["1", "2"]) budget.take(key(id), base(50), anyone);
    expect(budget.take(key("3"), base(50), (name) => name !== "a/s/1")).toEqual([key("2")]);
  });

  it("does not count what a new base replaces", () => {
    const budget = lru(100);
    budget.take(key("1"), base(90), anyone);
    expect(budget.take(key("1"), base(100), anyone)).toEqual([]);
    expect(budget.heldBytes).toBe(100);
  });

  it("adds patches to their object and never evicts it for one of its own", () => {
    const budget = lru(100);
    budget.take(key("1"), base(50), anyone);
    budget.take(key("2"), base(30), anyone);
    expect(budget.take(key("1"), patch(40), anyone)).toEqual([key("2")]);
    expect(() => budget.take(key("1"), patch(40), anyone)).toThrow(/^\[STORAGE_FULL\]/);
    expect(budget.heldBytes).toBe(90);
  });

  it("refuses what is larger than all it has, and evicts nobody for it", () => {
    const budget = lru(100);
    budget.take(key("1"), base(50), anyone);
    expect(() => budget.take(key("2"), base(101), anyone)).toThrow(/^\[STORAGE_FULL\]/);
    expect(budget.heldBytes).toBe(50);
  });

  it("bounds the number of objects", () => {
    const budget = lru(100, 2);
    budget.take(key("1"), base(1), anyone);
    budget.take(key("2"), base(1), anyone);
    expect(budget.take(key("2"), base(1), anyone)).toEqual([]);
    expect(budget.take(key("3"), base(1), anyone)).toEqual([key("1")]);
  });

  it("gives back what a deleted object held", () => {
    const budget = lru(100);
    budget.take(key("1"), base(100), anyone);
    budget.remove(key("1"));
    budget.remove(key("never there"));
    expect(budget.take(key("2"), base(100), anyone)).toEqual([]);
  });

  it("refuses instead of evicting when nobody may leave", () => {
    const budget = new MemoryBudget({ policy: new NoEviction(), bytesMax: 100, objectsMax: undefined });
    budget.take(key("1"), base(100), anyone);
    expect(() => budget.take(key("2"), base(1), anyone)).toThrow(/^\[STORAGE_FULL\]/);
  });
});
