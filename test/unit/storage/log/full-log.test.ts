/**
 * A log without space, and a disk without space for it: puts write their own files, removals still have a place.
 */
import fs from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import type { DiskStep } from "../../../../src/storage/disk/disk-steps.ts";
import type { DiskStorage } from "../../../../src/storage/disk/disk-storage.ts";
import type { LogSettings } from "../../../../src/storage/disk/log/log-settings.ts";
import { named, patternBytes, publish, readWhole, startedDisk, watchedLog } from "../scratch-directory.ts";
import { copyOf, loggingDisk, PATIENT, putDurably, type WatchedDisk, watchedDisk } from "../watched-disk.ts";

/** What the disk says is free, where it is not what is. */
const free = vi.hoisted((): { bytes?: number; files?: number } => ({}));

vi.mock("../../../../src/storage/disk/disk-space.ts", async (original) => {
  const actual = await original<typeof import("../../../../src/storage/disk/disk-space.ts")>();
  const freeSpaceNow: typeof actual.freeSpaceNow = (directory) => ({
    ...actual.freeSpaceNow(directory),
    ...free,
  });
  return { ...actual, freeSpaceNow };
});

const NAME = named("a/s/o");
const SMALL = patternBytes(1500);

afterEach(() => {
  vi.restoreAllMocks();
  delete free.bytes;
  delete free.files;
});

/** An engine whose only segment has no space for puts. While `createStaged` fails, no file of it comes to rest. */
async function fullLog(log: Partial<LogSettings> = {}): Promise<WatchedDisk> {
  const failing = new Map<DiskStep, string>([["createStaged", "ENOSPC"]]);
  const disk = await watchedDisk({ log: { segmentBytes: 8 * 1024, segmentsMax: 1, ...log } }, failing);
  for (let i = 0; i < 4; i += 1) await publish(disk.storage, named(`a/s/${i}`), SMALL);
  await expect(publish(disk.storage, named("a/s/5"), SMALL)).rejects.toMatchObject({ code: "STORAGE_FULL" });
  return disk;
}

describe("a full log", () => {
  it("leaves puts to their own files, which last as promised", async () => {
    watchedLog();
    const { storage, directory, steps, failing } = await fullLog();
    failing.clear();
    steps.length = 0;
    await putDurably(storage, NAME, SMALL);
    expect(steps.indexOf("syncStaged")).toBeGreaterThanOrEqual(0);
    expect(steps.indexOf("syncStaged")).toBeLessThan(steps.indexOf("renameIntoPlace"));
    expect(steps).toContain("syncDirectory");
    expect(fs.readFileSync(`${directory}/a/s/o.arrow`)).toEqual(SMALL);
  });

  it("takes a put over a file in it: the next start has the later one", async () => {
    watchedLog();
    const { storage, directory, failing } = await fullLog();
    failing.clear();
    const later = patternBytes(900);
    await publish(storage, named("a/s/1"), later);
    expect(await readWhole(storage, named("a/s/1"))).toEqual(later);
    expect(await readWhole(await startedDisk({ directory: copyOf(directory) }), named("a/s/1"))).toEqual(
      later,
    );
  });

  it("takes removals and the floor", async () => {
    watchedLog();
    const { storage, directory } = await fullLog();
    await storage.raiseVersionFloor(41);
    expect(await storage.remove(named("a/s/1"))).toBe(true);
    expect(await storage.open(named("a/s/1"))).toBeUndefined();
    const next = await startedDisk({ directory: copyOf(directory) });
    expect(next.versionFloor).toBe(41);
    expect(await next.open(named("a/s/1"))).toBeUndefined();
    expect(await readWhole(next, named("a/s/2"))).toEqual(SMALL);
  });

  it("takes puts again when its files have come to rest", async () => {
    watchedLog();
    const { storage, steps, failing } = await fullLog({ restDelayMs: 0 });
    failing.clear();
    await vi.waitFor(async () => {
      await storage.settle();
      steps.length = 0;
      await publish(storage, NAME, SMALL);
      expect(steps).toContain("appendLog");
    }, PATIENT);
    expect(await readWhole(storage, NAME)).toEqual(SMALL);
  });

  it("takes more removals than it has space for, as files come to rest meanwhile", async () => {
    watchedLog();
    const { storage, directory } = await watchedDisk({
      log: { segmentBytes: 8 * 1024, segmentsMax: 1, restDelayMs: 0 },
    });
    const names = Array.from({ length: 60 }, (_, i) => named(`a/s/${"n".repeat(180)}${i}`));
    for (const name of names) await publish(storage, name, Buffer.from("small"));
    for (const name of names) expect(await storage.remove(name)).toBe(true);
    await storage.syncRemovals([{ applicationId: "a", sessionId: "s" }]);
    await storage.settle();
    expect(fs.existsSync(`${directory}/a`)).toBe(false);
  });

  it("whose files cannot come to rest refuses a removal for which it has no space: it waited forever", async () => {
    watchedLog();
    const { storage, directory } = await fullLog({ restDelayMs: 0 });
    const refusal = await fillWithFloors(storage);
    expect(refusal).toMatchObject({ code: "STORAGE_FULL" });
    await expect(storage.remove(named("a/s/2"))).rejects.toMatchObject({ code: "STORAGE_FULL" });
    expect(await readWhole(storage, named("a/s/2"))).toEqual(SMALL);
    expect(await readWhole(await startedDisk({ directory: copyOf(directory) }), named("a/s/2"))).toEqual(
      SMALL,
    );
  });

  it("that cannot take the note of a large put over a file in it refuses the put", async () => {
    watchedLog();
    const { storage, failing } = await fullLog({ restDelayMs: 0 });
    failing.set("headSegment", "ENOSPC");
    await fillWithFloors(storage);
    failing.delete("createStaged");
    await expect(publish(storage, named("a/s/1"), patternBytes(100_000))).rejects.toMatchObject({
      code: "STORAGE_FULL",
    });
  });
});

/** Takes all space of the log. @returns why no more could be taken. */
async function fillWithFloors(storage: DiskStorage): Promise<unknown> {
  for (let version = 1; version <= 100; version += 1) {
    const failed: unknown = await storage.raiseVersionFloor(version).catch((error: unknown) => error);
    if (failed !== undefined) return failed;
  }
  return undefined;
}

describe("a disk without space for the log", () => {
  it.each(["createSegment", "fillSegment", "headSegment", "syncSegment"] as const)(
    "(%s) leaves puts to their own files, which is said once, and leaves no part of a segment",
    async (step) => {
      const log = watchedLog();
      const failing = new Map<DiskStep, string>([[step, "ENOSPC"]]);
      const { storage, directory, steps } = await watchedDisk({}, failing);
      await publish(storage, NAME, SMALL);
      await putDurably(storage, named("a/s/p"), SMALL);
      expect(steps).toContain("syncStaged");
      expect(steps).not.toContain("appendLog");
      expect(await readWhole(storage, NAME)).toEqual(SMALL);
      expect(log()).toMatchObject([{ level: "warn", errno: "ENOSPC" }]);
      expect(fs.readdirSync(`${directory}/.log`)).toEqual([]);
    },
  );

  it("still takes deletes and refuses the floor", async () => {
    watchedLog();
    const { storage, directory } = await watchedDisk(
      {},
      new Map<DiskStep, string>([["createSegment", "ENOSPC"]]),
    );
    await publish(storage, NAME, SMALL);
    expect(await storage.remove(NAME)).toBe(true);
    expect(fs.existsSync(`${directory}/a`)).toBe(false);
    await expect(storage.raiseVersionFloor(3)).rejects.toMatchObject({ code: "STORAGE_FULL" });
  });

  it.each([{ bytes: LIMITS.logSpareBytes + 1000 }, { files: 2 }])(
    "(%j) in which a small file could lack space when it comes to rest has it as a file at once",
    async (few) => {
      const { storage, directory, steps } = await loggingDisk();
      Object.assign(free, few);
      nextSecond();
      await publish(storage, NAME, SMALL);
      expect(steps).toContain("renameIntoPlace");
      expect(fs.readFileSync(`${directory}/a/s/o.arrow`)).toEqual(SMALL);
      Object.assign(free, { bytes: 10 * LIMITS.logSpareBytes, files: 10_000 });
      nextSecond();
      steps.length = 0;
      await publish(storage, named("a/s/p"), SMALL);
      expect(steps).toEqual(["appendLog"]);
    },
  );
});

/** Measured space is believed for a while. */
function nextSecond(): void {
  const nowMs = performance.now() + 1000;
  vi.spyOn(performance, "now").mockReturnValue(nowMs);
}
