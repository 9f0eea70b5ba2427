/**
 * When a segment of the log is released, and when it stays.
 */
import fs from "node:fs";
import { describe, expect, it, vi } from "vitest";
import {
  named,
  patternBytes,
  publish,
  readWhole,
  startedDisk,
  tree,
  watchedLog,
} from "../scratch-directory.ts";
import { count, HOUR_MS, loggingDisk, PATIENT, putDurably, watchedDisk } from "../watched-disk.ts";

const NAME = named("a/s/o");
const SMALL = patternBytes(1500);

describe("a segment", () => {
  /** Full after three puts of 2000 bytes. */
  const TINY = { segmentBytes: 8 * 1024, segmentsMax: 4 };

  it("has a block for each of its bytes before anything relies on it", async () => {
    const { directory } = await loggingDisk();
    const names = fs.readdirSync(`${directory}/.log`);
    expect(names).toHaveLength(2);
    for (const name of names) {
      const { size, blocks } = fs.statSync(`${directory}/.log/${name}`);
      expect(size).toBe(64 * 1024);
      expect(blocks * 512).toBeGreaterThanOrEqual(size);
    }
  });

  it("is not released before all of its files are at rest, also at a stop", async () => {
    watchedLog();
    const { storage, directory, failing } = await loggingDisk({ log: TINY });
    for (let i = 0; i < 7; i += 1) await publish(storage, named(`a/s/${i}`), patternBytes(2000, i));
    failing.set("renameIntoPlace", "EIO");
    await storage.stop();
    expect(storage.counts.disk.log.checkpoints).toBe(0);
    const next = await startedDisk({ directory });
    for (let i = 0; i < 7; i += 1)
      expect(await readWhole(next, named(`a/s/${i}`))).toEqual(patternBytes(2000, i));
    await next.stop();
    expect(next.counts.disk.log.checkpoints).toBeGreaterThan(2);
    expect(tree(`${directory}/a`)).toHaveLength(8);
  });

  it("that nobody was promised is released without syncs of its files", async () => {
    const { storage, steps } = await loggingDisk();
    await publish(storage, NAME, SMALL);
    steps.length = 0;
    await storage.stop();
    expect(steps).not.toContain("syncPublished");
    expect(steps.at(-1)).toBe("headSegment");
  });

  it("that somebody was promised is released when its files and directories are synced", async () => {
    const { storage, steps } = await loggingDisk();
    await publish(storage, named("a/t/o"), SMALL);
    await putDurably(storage, NAME, SMALL);
    steps.length = 0;
    await storage.stop();
    expect(count(steps, "syncPublished")).toBe(3);
    const head = steps.lastIndexOf("headSegment");
    expect(steps.lastIndexOf("syncPublished")).toBeLessThan(steps.lastIndexOf("syncDirectory"));
    expect(steps.lastIndexOf("syncDirectory")).toBeLessThan(head);
  });

  it("that somebody was promised stays at a stop that would have to sync many files", async () => {
    const { storage, directory, steps } = await loggingDisk({ log: { syncedAtStopMax: 0 } });
    await putDurably(storage, NAME, SMALL);
    steps.length = 0;
    const before = fs.readFileSync(`${directory}/.log/1`).subarray(0, 1024);
    await storage.stop();
    expect(steps).not.toContain("syncPublished");
    expect(fs.readFileSync(`${directory}/.log/1`).subarray(0, 1024)).toEqual(before);
  });

  it("of which a file could not be synced stays until the machine is restarted, also over a stop", async () => {
    const log = watchedLog();
    const { storage, directory, steps, failing } = await loggingDisk();
    await putDurably(storage, NAME, SMALL);
    failing.set("syncPublished", "EIO");
    await storage.stop();
    expect(steps).toContain("syncPublished");
    expect(storage.counts.disk.log.checkpoints).toBe(0);
    expect(log()).toMatchObject([{ level: "error", text: expect.stringContaining("could not be synced") }]);
    const before = fs.readFileSync(`${directory}/.log/1`);
    const same = await startedDisk({ directory });
    expect(same.counts.disk.log.heldSegments).toBe(1);
    await same.stop();
    expect(fs.readFileSync(`${directory}/.log/1`)).toEqual(before);
  });

  it("that is full gives way to the next, and is used again when its files are at rest", async () => {
    const { storage, directory } = await watchedDisk({ log: { ...TINY, restDelayMs: 0 } });
    await vi.waitFor(
      async () => {
        await publish(storage, NAME, patternBytes(2000));
        expect(storage.counts.disk.log.checkpoints).toBeGreaterThan(6);
      },
      { ...PATIENT, interval: 1 },
    );
    expect(fs.readdirSync(`${directory}/.log`).length).toBeLessThanOrEqual(TINY.segmentsMax);
    expect(await readWhole(storage, NAME)).toEqual(patternBytes(2000));
  });

  it("of which all files were put again is used again at once, without a sync", async () => {
    const { storage, steps } = await watchedDisk({ log: { ...TINY, restDelayMs: HOUR_MS } });
    await vi.waitFor(
      async () => {
        await publish(storage, NAME, patternBytes(2000));
        expect(storage.counts.disk.log.checkpoints).toBeGreaterThan(12);
      },
      { ...PATIENT, interval: 1 },
    );
    expect(count(steps, "createSegment")).toBeLessThanOrEqual(TINY.segmentsMax);
    expect(count(steps, "syncSegment")).toBe(count(steps, "createSegment"));
    expect(steps).not.toContain("syncLog");
    expect(steps).not.toContain("unlinkSegment");
  });

  it.each([
    { quickFillMs: HOUR_MS, removed: 0 },
    { quickFillMs: 0, removed: 2 },
  ])("that was full within $quickFillMs ms or later: of three, $removed are removed", async (each) => {
    const { quickFillMs, removed } = each;
    const log = { ...TINY, sparesMax: 1, quickFillMs };
    const { storage, directory, steps } = await loggingDisk({ log });
    for (let i = 0; i < 10; i += 1) {
      await publish(storage, named(`a/s/${i}`), patternBytes(2000));
      // The next segment is ready.
      await vi.waitFor(() => {
        expect(steps.lastIndexOf("syncDirectory")).toBeGreaterThanOrEqual(steps.lastIndexOf("makeDirectory"));
      }, PATIENT);
    }
    await storage.settle();
    await publish(storage, NAME, SMALL);
    await vi.waitFor(() => expect(storage.counts.disk.log.checkpoints).toBe(3), PATIENT);
    expect(count(steps, "unlinkSegment")).toBe(removed);
    await storage.stop();
    expect(fs.readdirSync(`${directory}/.log`)).toHaveLength(1);
  });
});
