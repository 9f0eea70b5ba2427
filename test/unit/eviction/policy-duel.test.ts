import { describe, expect, it } from "vitest";
import { LruPolicy } from "../../../src/eviction/lru-policy.ts";
import { MiniatureCache } from "../../../src/eviction/miniature-cache.ts";
import { PolicyDuel } from "../../../src/eviction/policy-duel.ts";
import { S3FifoPolicy } from "../../../src/eviction/s3-fifo-policy.ts";

const open = (): PolicyDuel => new PolicyDuel(new LruPolicy(), new S3FifoPolicy());

/** Hashes 0 to 119 again and again, in a cache for 100. */
function loop(duel: PolicyDuel, steps: number): void {
  duel.full(100_000);
  for (let step = 0; step < steps; step += 1) duel.access(step % 120, 1000);
}

describe("a duel of policies", () => {
  it("samples every name of a small cache and fewer of a large one", () => {
    const duel = open();
    const hashes = Array.from({ length: 20_000 }, (_, i) => Math.imul(i, 0x9e3779b1));
    expect(hashes.every((hash) => duel.samples(hash))).toBe(true);
    for (const hash of hashes) if (duel.samples(hash)) duel.access(hash, 1000);
    const sampled = hashes.filter((hash) => duel.samples(hash)).length;
    expect(sampled).toBeGreaterThan(256);
    expect(sampled).toBeLessThanOrEqual(1024);
  });

  it("has no opinion while nothing had to leave", () => {
    const duel = open();
    for (let step = 0; step < 5000; step += 1) duel.access(step % 900, 1000);
    expect(duel.isChallengerAhead).toBe(false);
  });

  it("prefers the challenger only when it is ahead by more than chance", () => {
    const duel = open();
    loop(duel, 150);
    expect(duel.isChallengerAhead).toBe(false);
    loop(duel, 6000);
    expect(duel.isChallengerAhead).toBe(true);
  });

  it("soon prefers the leader again, however long the challenger was ahead", () => {
    const duel = open();
    loop(duel, 50_000);
    for (let step = 0; step < 1000; step += 1) {
      duel.access(1000 + step, 1000);
      duel.access(1000 + step - 40, 1000);
    }
    expect(duel.isChallengerAhead).toBe(false);
  });

  it("believes at once that a cache is larger than it was, and slowly that it is smaller", () => {
    const duel = open();
    duel.full(1000);
    duel.full(200_000);
    duel.full(1000);
    for (let step = 0; step < 6000; step += 1) duel.access(step % 120, 1000);
    expect(duel.isChallengerAhead).toBe(false);
    for (let i = 0; i < 800; i += 1) duel.full(90_000);
    for (let step = 0; step < 6000; step += 1) duel.access(step % 120, 1000);
    expect(duel.isChallengerAhead).toBe(true);
  });
});

describe("a miniature cache", () => {
  it("holds what fits and lets go by its policy", () => {
    const cache = new MiniatureCache(new LruPolicy());
    for (const hash of [1, 2, 1, 3]) cache.access(hash, 50, 100);
    expect([1, 3, 2].map((hash) => cache.access(hash, 50, 100))).toEqual([true, true, false]);
  });

  it("holds nothing that is larger than itself, and lets nobody go for it", () => {
    const cache = new MiniatureCache(new LruPolicy());
    cache.access(1, 50, 100);
    expect([cache.access(2, 101, 100), cache.access(2, 101, 100), cache.access(1, 50, 100)]).toEqual([
      false,
      false,
      true,
    ]);
  });

  it("counts an item as large as it was last", () => {
    const cache = new MiniatureCache(new LruPolicy());
    cache.access(1, 90, 100);
    cache.access(1, 10, 100);
    cache.access(2, 90, 100);
    expect([cache.access(1, 10, 100), cache.access(2, 90, 100)]).toEqual([true, true]);
  });

  it("does not hold what was removed or is no longer wanted", () => {
    const cache = new MiniatureCache(new LruPolicy());
    for (const hash of [1, 2, 3, 4]) cache.access(hash, 10, 100);
    cache.remove(1, "deleted");
    cache.keep((hash) => hash !== 2);
    expect(cache.size).toBe(2);
    expect([1, 2, 3].map((hash) => cache.access(hash, 10, 100))).toEqual([false, false, true]);
  });
});
