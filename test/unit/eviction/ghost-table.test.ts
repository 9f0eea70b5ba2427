import { describe, expect, it } from "vitest";
import { GhostTable } from "../../../src/eviction/ghost-table.ts";
import { hashName } from "../../../src/eviction/name-hash.ts";
import { LIMITS } from "../../../src/limits.ts";

const hashes = (count: number, prefix = "n"): number[] =>
  Array.from({ length: count }, (_, i) => hashName(`${prefix}${i}`));

describe("the ghosts", () => {
  it("are known once", () => {
    const table = new GhostTable();
    table.remember(7, 1, 10);
    expect([table.take(8, 10), table.take(7, 10), table.take(7, 10)]).toEqual([false, true, false]);
  });

  it("are forgotten when more than a window was evicted from them on", () => {
    const table = new GhostTable();
    table.remember(7, 4, 10);
    table.remember(8, 6, 10);
    expect([table.take(7, 5), table.take(8, 5)]).toEqual([false, true]);
  });

  it("are young again when they are evicted again", () => {
    const table = new GhostTable();
    for (const hash of [7, 8, 7]) table.remember(hash, 5, 10);
    expect([table.take(7, 0), table.take(7, 100)]).toEqual([true, false]);
  });

  it("have room for as many as there are items, and keep those they had when it grows", () => {
    const table = new GhostTable();
    const early = hashes(200, "early");
    for (const hash of early) table.remember(hash, 1, 200);
    for (const hash of hashes(3000)) table.remember(hash, 1, 5000);
    expect(table.places).toBe(8192);
    const known = early.filter((hash) => table.take(hash, 10_000)).length;
    expect(known).toBeGreaterThan(180);
  });

  it("find nearly all of the youngest when as many were evicted as there is room for", () => {
    const table = new GhostTable();
    const all = hashes(40_000);
    for (const hash of all) table.remember(hash, 1, 10_000);
    const known = all.slice(-10_000).filter((hash) => table.take(hash, 10_000)).length;
    expect(known).toBeGreaterThan(9000);
  });

  it("never take more memory than the limit says", () => {
    const table = new GhostTable();
    for (const hash of hashes(20)) table.remember(hash, 1, Number.MAX_SAFE_INTEGER);
    expect(table.places).toBe(LIMITS.evictionGhostsMax);
  });
});

describe("the hash of a name", () => {
  it("tells a hundred thousand similar names apart in all its bits", () => {
    const all = hashes(100_000, "application/session/object-");
    expect(new Set(all).size).toBeGreaterThan(99_990);
    for (let bit = 0; bit < 32; bit += 1) {
      const ones = all.filter((hash) => ((hash >>> bit) & 1) === 1).length;
      expect(Math.abs(ones - 50_000)).toBeLessThan(1500);
    }
  });
});
