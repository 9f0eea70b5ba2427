/**
 * A clock that is set back brings nothing back to life.
 */
import { describe, expect, it, onTestFinished } from "vitest";
import { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import { SteadyClock } from "../../../src/cache/retention/steady-clock.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { MemoryStorage } from "../../../src/storage/memory-storage.ts";
import { watchedLog } from "../storage/scratch-directory.ts";
import { at, keysOf, ownDirectory, put, refused } from "./cache-fixture.ts";

const START_MS = Date.UTC(2030, 0, 1);
const [MINUTE_MS, DAY_MS] = [60_000, 86_400_000];

describe("a steady clock", () => {
  function clock() {
    const [wall, own] = [{ ms: START_MS }, { ms: 5 }];
    const steady = new SteadyClock(
      () => wall.ms,
      () => own.ms,
    );
    return { wall, own, steady };
  }

  it("follows the wall clock forward", () => {
    const { wall, steady } = clock();
    expect(steady.nowMs()).toBe(START_MS);
    wall.ms += DAY_MS;
    expect(steady.nowMs()).toBe(START_MS + DAY_MS);
  });

  it("goes on at the pace of the process when the wall clock is set back", () => {
    const { wall, own, steady } = clock();
    steady.nowMs();
    wall.ms -= DAY_MS;
    expect(steady.nowMs()).toBe(START_MS);
    own.ms += 700;
    wall.ms += 700;
    expect(steady.nowMs()).toBe(START_MS + 700);
    wall.ms += 2 * DAY_MS;
    expect(steady.nowMs()).toBe(START_MS + DAY_MS + 700);
  });

  it("does not gain on a wall clock that is set forth and back again and again", () => {
    const { wall, own, steady } = clock();
    for (let turn = 0; turn < 100; turn += 1) {
      own.ms += 10;
      wall.ms += turn % 2 === 0 ? 12 : 8;
      steady.nowMs();
    }
    expect(steady.nowMs()).toBe(wall.ms + 2);
  });

  it("begins no earlier than an earlier process ended", () => {
    const { steady } = clock();
    expect(steady.notBefore(START_MS - 1)).toBe(0);
    expect(steady.notBefore(START_MS + DAY_MS)).toBe(DAY_MS);
    expect(steady.nowMs()).toBe(START_MS + DAY_MS);
  });
});

async function opened(storage: DiskStorage | MemoryStorage, clock: { nowMs: number }): Promise<IndexedCache> {
  const cache = new IndexedCache(storage, { nowMs: () => clock.nowMs });
  await cache.start();
  onTestFinished(() => cache.stop());
  return cache;
}

async function putForAMinute(cache: IndexedCache, key: string): Promise<void> {
  await put(cache, key, "value");
  await cache.retaining.expire({ scope: "object", key: parseObjectKey(key) }, MINUTE_MS);
}

describe.each([
  ["none", () => new MemoryStorage()],
  ["files", () => new DiskStorage({ directory: ownDirectory() })],
] as const)("a clock set back, storage %s", (_, storage) => {
  it("served what was already gone", async () => {
    const clock = { nowMs: START_MS };
    const cache = await opened(storage(), clock);
    await putForAMinute(cache, "a/s/o");
    clock.nowMs += MINUTE_MS;
    await expect(cache.stat(parseObjectKey("a/s/o"))).rejects.toEqual(refused("OBJECT_NOT_FOUND"));
    clock.nowMs -= DAY_MS;
    await expect(cache.stat(parseObjectKey("a/s/o"))).rejects.toEqual(refused("OBJECT_NOT_FOUND"));
    expect(await keysOf(cache)).toEqual([]);
  });
});

describe("a clock set back before a start", () => {
  /** A cache whose object expired and could not be removed; then it ends, and the clock is set back. */
  async function restarted(): Promise<IndexedCache> {
    const directory = ownDirectory();
    const clock = { nowMs: START_MS };
    const refuse = (): void => {
      throw Object.assign(new Error("no"), { code: "EIO", syscall: "unlink" });
    };
    const before = await opened(
      new DiskStorage({ directory, beforeStep: at("unlinkObject", refuse) }),
      clock,
    );
    await putForAMinute(before, "a/s/o");
    await put(before, "a/s/endless", "value");
    clock.nowMs += MINUTE_MS;
    await before.sweepNow();
    await before.stop();
    clock.nowMs -= DAY_MS;
    return await opened(new DiskStorage({ directory }), clock);
  }

  it("brings back nothing that was taken for over, and is logged", async () => {
    const log = watchedLog();
    const cache = await restarted();
    expect(await keysOf(cache)).toEqual(["a/s/endless"]);
    await expect(cache.stat(parseObjectKey("a/s/o"))).rejects.toEqual(refused("OBJECT_NOT_FOUND"));
    expect(log()).toContainEqual(expect.objectContaining({ level: "warn", aheadMs: DAY_MS }));
  });
});
