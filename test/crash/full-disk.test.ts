/**
 * A disk without a free block, or without a free inode: what is there can be read and leaves by
 * every way there is, and then there is room again.
 *
 * The disks are real ones (test/support/small-disk.ts): only they tell what needs a block. What was
 * put is a file before the disk is filled, or still in the log.
 */
import fs from "node:fs";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { IndexedCache } from "../../src/cache/indexed-cache.ts";
import { StorageBudget } from "../../src/cache/storage-budget.ts";
import { LruPolicy } from "../../src/eviction/lru-policy.ts";
import type { KeyPattern } from "../../src/object/object-key.ts";
import { parseObjectKey } from "../../src/object/object-key.ts";
import type { DiskStep } from "../../src/storage/disk/disk-steps.ts";
import { DiskStorage } from "../../src/storage/disk/disk-storage.ts";
import type { Durability } from "../../src/storage/object-storage.ts";
import { fillUp, type SmallDisk, smallDisk, smallDisks } from "../support/small-disk.ts";
import { keysOf, patch, put, read, refused } from "../unit/cache/cache-fixture.ts";
import { watchedLog } from "../unit/storage/scratch-directory.ts";
import { untilNextSegment } from "../unit/storage/watched-disk.ts";

const { here, missing } = smallDisks();
const KIB = 1024;
const START_MS = Date.UTC(2030, 0, 1);
const MINUTE_MS = 60_000;
const SESSION: KeyPattern = { scope: "session", applicationId: "a", sessionId: "s" };

/** A disk with a cache on it, and the time by which the cache goes. */
class FullDisk {
  readonly directory: string;
  readonly clock = { nowMs: START_MS };
  readonly #disk: SmallDisk;
  cache!: IndexedCache;
  storage!: DiskStorage;
  readonly steps: DiskStep[] = [];

  constructor(disk: SmallDisk) {
    this.#disk = disk;
    this.directory = smallDisk(disk);
    onTestFinished(() => this.cache.stop());
  }

  async start(bytesMax?: number): Promise<void> {
    const budget =
      bytesMax === undefined
        ? undefined
        : new StorageBudget({ policy: new LruPolicy(), evicts: true, bytesMax });
    const beforeStep = (step: DiskStep): void => void this.steps.push(step);
    this.storage = new DiskStorage({ directory: `${this.directory}/objects`, beforeStep });
    this.cache = new IndexedCache(this.storage, { budget, nowMs: () => this.clock.nowMs });
    await this.cache.start();
  }

  async restart(): Promise<void> {
    await this.cache.stop();
    await this.start();
  }

  /** Nothing can be put any more. What was put is at rest. */
  async fill(): Promise<void> {
    await this.storage.settle();
    await this.fillPending();
  }

  /** Nothing can be put any more. What was put is in the log. */
  async fillPending(): Promise<void> {
    fillUp(this.directory, this.#disk);
    await expect(this.put("full/s/o")).rejects.toEqual(refused("STORAGE_FULL"));
  }

  async put(key: string, durability?: Durability): Promise<number> {
    return await put(this.cache, key, Buffer.alloc(20 * KIB, 7), durability);
  }

  async putWithTtl(key: string, ttlMs: number): Promise<void> {
    await this.put(key);
    await this.cache.retaining.expire({ scope: "object", key: parseObjectKey(key) }, ttlMs);
  }
}

/**
 * A started cache with a few objects of `a/s` and one of `a/other`. No segment is being made: it
 * would be given up on a full disk, and leave room.
 */
async function diskWithObjects(disk: SmallDisk, durability?: Durability): Promise<FullDisk> {
  const full = new FullDisk(disk);
  await full.start();
  for (const key of ["a/s/1", "a/s/2", "a/s/3", "a/other/4"]) await full.put(key, durability);
  await untilNextSegment(full.steps);
  return full;
}

it.skipIf(missing.size > 0 && process.env.CI !== "true")("a disk of memory can be mounted", () => {
  const reasons = [...missing].filter(([{ name }]) => name.startsWith("tmpfs"));
  expect(reasons).toEqual([]);
});

describe.each(here)("a full disk ($name)", (disk) => {
  it.each(["restart", "power-loss"] as const)(
    "lets objects be deleted (%s), and put again",
    async (durability) => {
      const full = await diskWithObjects(disk, durability);
      await full.fill();
      await full.cache.delete({ scope: "object", key: parseObjectKey("a/s/1") }, durability);
      expect(await full.put("a/s/1", durability)).toBe(2);
      expect(await full.cache.delete(SESSION, durability)).toBe(3);
      expect(await full.put("a/s/1", durability)).toBe(3);
      expect(await full.cache.delete({ scope: "application", applicationId: "a" }, durability)).toBe(2);
      expect(await keysOf(full.cache)).toEqual([]);
      expect(await full.put("b/s/1", durability)).toBe(3 + 1);
    },
  );

  it("lets objects be deleted after a restart", async () => {
    const full = await diskWithObjects(disk);
    await full.fill();
    await full.restart();
    expect(await keysOf(full.cache)).toEqual(["a/other/4", "a/s/1", "a/s/2", "a/s/3"]);
    await expect(full.put("a/s/9")).rejects.toEqual(refused("STORAGE_FULL"));
    expect(await full.cache.delete(SESSION)).toBe(3);
    await full.restart();
    expect(await full.put("a/s/1")).toBe(2);
  });

  it("lets objects with patches be deleted", async () => {
    const full = await diskWithObjects(disk);
    await patch(full.cache, "a/s/1", "more");
    await patch(full.cache, "a/s/1", "and more");
    await full.fill();
    expect(await full.cache.delete(SESSION)).toBe(3);
    await full.storage.settle();
    expect(fs.existsSync(`${full.directory}/objects/a/s`)).toBe(false);
    expect(await full.put("a/s/1")).toBe(4);
  });

  it("removes what has expired", async () => {
    const full = await diskWithObjects(disk);
    await full.putWithTtl("a/s/mortal", MINUTE_MS);
    await full.fill();
    full.clock.nowMs += MINUTE_MS;
    await full.cache.sweepNow();
    expect(full.cache.counts.removals.expiredObjects).toBe(1);
    expect(await full.put("a/s/next")).toBe(2);
  });

  it("removes what is evicted for a put", async () => {
    const full = new FullDisk(disk);
    await full.start(100 * KIB);
    for (const key of ["a/s/1", "a/s/2", "a/s/3", "a/s/4"]) await full.put(key);
    await full.storage.settle();
    fillUp(full.directory, disk);
    expect(await full.put("a/s/5")).toBeGreaterThan(1);
    expect(full.cache.counts.removals.evictedObjects).toBeGreaterThan(0);
  });

  it("lets what was pinned be unpinned and deleted, also after a restart", async () => {
    const full = await diskWithObjects(disk);
    const names = Array.from({ length: 400 }, (_, session) => `pinned${session}`);
    for (const sessionId of names)
      await full.cache.retaining.pin({ scope: "session", applicationId: "a", sessionId });
    await full.cache.retaining.expire(SESSION, MINUTE_MS);
    await full.fill();
    for (const sessionId of names)
      expect(await full.cache.retaining.unpin({ scope: "session", applicationId: "a", sessionId })).toBe(
        true,
      );
    expect(await full.cache.delete(SESSION)).toBe(3);
    await full.restart();
    expect(
      await full.cache.retaining.unpin({ scope: "session", applicationId: "a", sessionId: names[0]! }),
    ).toBe(false);
    await full.put("a/s/endless");
    full.clock.nowMs += 2 * MINUTE_MS;
    await full.cache.sweepNow();
    expect((await read(full.cache, "a/s/endless")).version).toBe(2);
  });

  it("keeps a damaged object an error that can be deleted", async () => {
    const full = await diskWithObjects(disk);
    await full.cache.stop();
    fs.writeFileSync(`${full.directory}/objects/a/s/1.arrow`, "ARROW1 no object FLAMEOBJ");
    damage(`${full.directory}/objects/a/s/2.arrow`);
    fillUp(full.directory, disk);
    await full.start();
    await expect(read(full.cache, "a/s/2")).rejects.toEqual(refused("OBJECT_CORRUPT"));
    await full.cache.delete(SESSION);
    await full.storage.settle();
    expect(fs.existsSync(`${full.directory}/objects/a/s/2.arrow`)).toBe(false);
    expect(await full.put("a/s/2")).toBeGreaterThan(1_000_000);
  });

  it("leaves no directory behind of a put that found no room", async () => {
    const full = await diskWithObjects(disk);
    await full.fill();
    const before = fs.readdirSync(`${full.directory}/objects`);
    for (const key of ["new/s/1", "new/t/2", "a/new/3"])
      await expect(full.put(key)).rejects.toEqual(refused("STORAGE_FULL"));
    expect(fs.readdirSync(`${full.directory}/objects`)).toEqual(before);
    expect(fs.readdirSync(`${full.directory}/objects/a`).sort()).toEqual(["other", "s"]);
    expect(fs.readdirSync(`${full.directory}/objects/.staging`)).toEqual([]);
  });

  it("that an earlier release filled lets objects be deleted", async () => {
    const full = await diskWithObjects(disk);
    await full.cache.stop();
    fs.writeFileSync(`${full.directory}/objects/.version-floor`, "40\n");
    fillUp(full.directory, disk);
    await full.start();
    expect(await full.cache.delete(SESSION)).toBe(3);
    expect(await full.put("a/s/1")).toBe(41);
  });

  it("without the engine's own files makes room for them out of what it can spare, or says so", async () => {
    const full = await diskWithObjects(disk);
    await full.cache.stop();
    const objects = `${full.directory}/objects`;
    for (const own of [".staging", ".log"]) fs.rmSync(`${objects}/${own}`, { recursive: true });
    fillUp(full.directory, disk);
    const log = watchedLog();
    await full.start();
    await vi.waitFor(() =>
      expect(log().map(({ text }) => text)).toContain(
        "no segment for the log: small puts write their own files",
      ),
    );
    expect((await read(full.cache, "a/s/1")).version).toBe(1);
    await expect(full.cache.delete(SESSION)).rejects.toEqual(refused("STORAGE_FULL"));
    fs.rmSync(`${full.directory}/ballast`, { recursive: true });
    expect(await full.cache.delete(SESSION)).toBe(3);
    expect(await full.put("a/s/1")).toBe(2);
  });

  it("keeps what was in the log when it was filled, lets it be deleted, and writes it when it can", async () => {
    const full = await diskWithObjects(disk, "power-loss");
    await full.fillPending();
    await full.storage.settle();
    expect(await keysOf(full.cache)).toEqual(["a/other/4", "a/s/1", "a/s/2", "a/s/3"]);
    expect((await read(full.cache, "a/s/2")).version).toBe(1);
    await full.cache.delete({ scope: "object", key: parseObjectKey("a/s/1") }, "power-loss");
    await full.restart();
    expect(await keysOf(full.cache)).toEqual(["a/other/4", "a/s/2", "a/s/3"]);
    expect((await read(full.cache, "a/s/2")).version).toBe(1);
    fs.rmSync(`${full.directory}/ballast`, { recursive: true });
    expect(await full.put("a/s/1")).toBe(2);
    await full.restart();
    expect(fs.existsSync(`${full.directory}/objects/a/s/2.arrow`)).toBe(true);
  });

  it("takes puts again, without a restart, when somebody else makes room", async () => {
    const full = await diskWithObjects(disk);
    await full.fill();
    fs.rmSync(`${full.directory}/ballast`, { recursive: true });
    expect(await full.put("a/s/1")).toBe(2);
    expect(await full.put("new/s/1")).toBe(1);
  });
});

/** Flips a bit of the footer. */
function damage(path: string): void {
  const bytes = fs.readFileSync(path);
  bytes[bytes.length - 40]! ^= 1;
  const fd = fs.openSync(path, "r+");
  fs.writeSync(fd, bytes, 0, bytes.length, 0);
  fs.closeSync(fd);
}
