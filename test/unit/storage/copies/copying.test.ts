/**
 * Copies that are being made: readers share one download, and nothing that happens to the local disk
 * or to a reader costs another reader anything but requests.
 */
import fs from "node:fs";
import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import { type BroughtRange, CopyUnderWay } from "../../../../src/storage/copies/copy-under-way.ts";
import type { BeforeStep, DiskStep } from "../../../../src/storage/disk/disk-steps.ts";
import { RangeMemory } from "../../../../src/storage/s3/blob-ranges.ts";
import { at } from "../../cache/cache-fixture.ts";
import { openFiles, scratchDirectory, tree, watchedLog } from "../scratch-directory.ts";
import { get, MIB, openCopies, readAll, SentBlob } from "./copied-blobs.ts";

afterEach(() => {
  vi.useRealTimers();
});

function failing(code: string): () => never {
  return () => {
    throw Object.assign(new Error(code), { code, syscall: "write" });
  };
}

describe("readers of one blob that is not copied yet", () => {
  it("share one download, however many come at once and how fast they read", async () => {
    const blob = new SentBlob(20 * MIB + 3);
    const copies = await openCopies({ directory: scratchDirectory() });
    const gets = Array.from({ length: 12 }, (_, index) =>
      readAll(blob.reader(copies), blob.span.sizeBytes, 200_000 + index * 50_000),
    );
    for (const bytes of await Promise.all(gets)) expect(bytes.equals(blob.bytes)).toBe(true);
    await copies.idle();
    expect(blob.sentBytes).toBe(blob.span.sizeBytes);
    expect(copies.counts).toMatchObject({ copies: 1, abandoned: 0 });
  });

  it("go on with the copy of one that left", async () => {
    const blob = new SentBlob(8 * MIB);
    const copies = await openCopies({ directory: scratchDirectory() });
    const first = blob.reader(copies);
    await first.read(0, MIB);
    const second = blob.reader(copies);
    await second.read(0, MIB);
    first.close();
    expect((await readAll(second, blob.span.sizeBytes)).equals(blob.bytes)).toBe(true);
    await copies.idle();
    expect(copies.counts).toMatchObject({ copies: 1, abandoned: 0 });
  });

  it("bring the bytes that the store did not give to one of them", async () => {
    const blob = new SentBlob(8 * MIB);
    const copies = await openCopies({ directory: scratchDirectory() });
    const first = blob.reader(copies);
    const second = blob.reader(copies);
    await second.read(0, 1000);
    await first.read(0, 1000);
    blob.isDown = true;
    await expect(first.read(2 * MIB, 1000)).rejects.toThrow("STORAGE_UNAVAILABLE");
    first.close();
    blob.isDown = false;
    expect((await readAll(second, blob.span.sizeBytes)).equals(blob.bytes)).toBe(true);
    await copies.idle();
    expect((await get(blob, copies)).equals(blob.bytes)).toBe(true);
    expect(copies.counts.copies).toBe(1);
  });

  it("all get its bytes when one of them stops reading in the middle, and never leaves", async () => {
    const blob = new SentBlob(20 * MIB);
    const copies = await openCopies({ directory: scratchDirectory() });
    const stopped = blob.reader(copies);
    await stopped.read(0, 3 * MIB);
    expect((await readAll(blob.reader(copies), blob.span.sizeBytes)).equals(blob.bytes)).toBe(true);
    await copies.idle();
    expect(copies.counts.copies).toBe(1);
    stopped.close();
  });
});

describe("a reader that leaves", () => {
  it.each([
    ["before padding at the end", 16 * MIB, 16 * MIB - 100],
    ["after it read the end first", 15 * MIB + 1000, 15 * MIB],
  ])("%s completes the copy", async (_, sizeBytes, readBytes) => {
    const blob = new SentBlob(sizeBytes);
    const copies = await openCopies({ directory: scratchDirectory() });
    const reader = blob.reader(copies);
    await reader.read(sizeBytes - 2000, 2000);
    await reader.read(0, readBytes);
    reader.close();
    await copies.idle();
    expect(copies.counts).toMatchObject({ copies: 1, abandoned: 0 });
    expect((await get(blob, copies)).equals(blob.bytes)).toBe(true);
  });

  it("ends its request, and the memory of its ranges is free", async () => {
    const memory = new RangeMemory(16 * MIB);
    const blob = new SentBlob(16 * MIB);
    blob.gate = new Promise(() => {});
    const reader = blob.reader(undefined, memory);
    const reading = reader.read(0, 1000);
    await Promise.resolve();
    reader.close();
    await expect(reading).rejects.toThrow("CANCELLED");
    expect(memory.take(16 * MIB)).toBe(true);
  });
});

describe("a failure of the local disk", () => {
  const STEPS: readonly DiskStep[] = ["createStaged", "writeStaged", "renameIntoPlace", "closeStaged"];

  it.each(STEPS.flatMap((step) => ["ENOSPC", "EIO"].map((code) => ({ step, code }))))(
    "with $code at $step costs no get, is logged once, and leaves no file that is not whole",
    async ({ step, code }) => {
      const logged = watchedLog();
      const directory = scratchDirectory();
      const copies = await openCopies({ directory, beforeStep: at(step, failing(code)) });
      const blobs = [new SentBlob(9 * MIB, 1), new SentBlob(9 * MIB, 2)];
      for (const blob of blobs) expect((await get(blob, copies)).equals(blob.bytes)).toBe(true);
      const failures = logged().filter(({ level }) => level === "error" || level === "warn");
      expect(failures).toHaveLength(step === "closeStaged" ? 0 : 1);
      const { heldBytes, copies: count } = copies.counts;
      expect(fs.readdirSync(`${directory}/copies`)).toHaveLength(count);
      expect(heldBytes === 0).toBe(count === 0);
    },
  );

  it("pauses new copies, and gets go on", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    let isFull = true;
    const beforeStep: BeforeStep = (step) => {
      if (step === "writeStaged" && isFull) failing("ENOSPC")();
    };
    const copies = await openCopies({ directory: scratchDirectory(), beforeStep });
    const blob = new SentBlob(2 * MIB);
    await get(blob, copies);
    isFull = false;
    await get(blob, copies);
    expect(copies.counts).toMatchObject({ failed: 1, copies: 0 });
    vi.advanceTimersByTime(LIMITS.copyPauseMs);
    await get(blob, copies);
    expect(copies.counts).toMatchObject({ failed: 1, copies: 1 });
  });

  it("that takes too long gives the copy up, and keeps no reader waiting", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let endWrite = (): void => {};
    const hung = new Promise<void>((resolve) => {
      endWrite = resolve;
    });
    const removed: string[] = [];
    const steps = {
      createStaged: async () => 1_000_000,
      writeStaged: () => hung,
      closeStaged: async () => {},
      renameIntoPlace: async () => {},
      unlinkStaged: async (path: string) => void removed.push(path),
    };
    const ends: string[] = [];
    const blob = new SentBlob(24 * MIB);
    const copy = new CopyUnderWay(
      { blob: blob.span, steps, stagedPath: "part", path: "whole" },
      { written() {}, finished: () => ends.push("finished"), givenUp: (error) => ends.push(`${error}`) },
    );
    copy.join();
    for (const from of [0, 4, 8, 12]) copy.bring(brought(blob, from * MIB, 4 * MIB));
    const waiting = [copy.waitForDisk(), copy.readInto(Buffer.alloc(10), 0)];
    await vi.advanceTimersByTimeAsync(LIMITS.copyWriteMsMax);
    expect(await Promise.all(waiting)).toEqual([undefined, 0]);
    expect(copy.wantedFrom).toBeUndefined();
    // The space counts until the disk has answered.
    expect(ends).toEqual([]);
    endWrite();
    await copy.ended();
    expect(ends).toEqual(["CacheError: [STORAGE_IO] the local disk takes too long"]);
    expect(removed).toEqual(["part"]);
  });

  it("that is slower than the store gives the copy up", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const writeMs = LIMITS.copyWriteMsMax / 2;
    const steps = {
      createStaged: async () => 1_000_000,
      writeStaged: () => new Promise<void>((resolve) => setTimeout(resolve, writeMs)),
      closeStaged: async () => {},
      renameIntoPlace: async () => {},
      unlinkStaged: async () => {},
    };
    const ends: string[] = [];
    const blob = new SentBlob(24 * MIB);
    const copy = new CopyUnderWay(
      { blob: blob.span, steps, stagedPath: "part", path: "whole" },
      { written() {}, finished: () => ends.push("finished"), givenUp: (error) => ends.push(`${error}`) },
    );
    copy.join();
    const bringing = bringAll(copy, blob);
    for (let write = 0; write < 24; write += 1) await vi.advanceTimersByTimeAsync(writeMs);
    await bringing;
    await copy.ended();
    expect(ends).toEqual(["CacheError: [STORAGE_IO] the local disk takes too long"]);
  });

  it("is given up in time if its readers are too slow", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const directory = scratchDirectory();
    const copies = await openCopies({ directory });
    const blob = new SentBlob(20 * MIB);
    const slow = blob.reader(copies);
    await slow.read(0, 1000);
    expect(copies.counts.heldBytes).toBeGreaterThan(20 * MIB);
    while (copies.counts.writtenBytes < MIB) await setImmediate();
    await vi.advanceTimersByTimeAsync(LIMITS.copyMsMin + 20 * 1024);
    await copies.idle();
    expect(copies.counts).toMatchObject({ heldBytes: 0, abandoned: 1 });
    expect(tree(directory)).toEqual(["copies/"]);
    expect((await readAll(slow, blob.span.sizeBytes)).equals(blob.bytes)).toBe(true);
  });
});

/** As a reader does whose store takes no time. */
async function bringAll(copy: CopyUnderWay, blob: SentBlob): Promise<void> {
  for (let from = copy.wantedFrom; from !== undefined; from = copy.wantedFrom) {
    copy.bring(brought(blob, from, MIB));
    await copy.waitForDisk();
  }
}

function brought(blob: SentBlob, position: number, sizeBytes: number): BroughtRange {
  const bytes = Promise.resolve(blob.bytes.subarray(position, position + sizeBytes));
  return { position, sizeBytes, bytes, hold() {}, release() {} };
}

describe("a stop", () => {
  it("leaves nothing of a copy that is being made, and no descriptor", async () => {
    const directory = scratchDirectory();
    const copies = await openCopies({ directory });
    const blob = new SentBlob(20 * MIB);
    const reader = blob.reader(copies);
    await reader.read(0, 5 * MIB);
    await copies.stop();
    expect(tree(directory)).toEqual(["copies/"]);
    reader.close();
    expect(openFiles(directory)).toEqual([]);
  });
});

describe("requests for a large blob", () => {
  it.each([
    [64 * 1024, 1],
    [MIB, 1],
    [16 * MIB, 5],
    [64 * MIB, 11],
  ])("of %i bytes are %i", async (sizeBytes, requests) => {
    const blob = new SentBlob(sizeBytes);
    const bytes = await readAll(blob.reader(), sizeBytes, MIB);
    expect(bytes.equals(blob.bytes)).toBe(true);
    expect(blob).toMatchObject({ requests, sentBytes: sizeBytes });
  });

  it("are one for each read while there is no memory for more", async () => {
    const blob = new SentBlob(4 * MIB);
    const copies = await openCopies({ directory: scratchDirectory() });
    const bytes = await readAll(blob.reader(copies, new RangeMemory(MIB / 2)), 4 * MIB, MIB);
    expect(bytes.equals(blob.bytes)).toBe(true);
    expect(blob).toMatchObject({ requests: 4, sentBytes: 4 * MIB });
  });

  it("give their memory back, whether they are read to the end, left or failed", async () => {
    const memory = new RangeMemory(16 * MIB);
    const blob = new SentBlob(20 * MIB);
    const copies = await openCopies({ directory: scratchDirectory() });
    await readAll(blob.reader(copies, memory), 20 * MIB);
    const left = blob.reader(undefined, memory);
    await left.read(0, 1000);
    left.close();
    blob.isDown = true;
    await expect(readAll(blob.reader(undefined, memory), 20 * MIB)).rejects.toThrow("UNAVAILABLE");
    await copies.idle();
    expect(memory.take(16 * MIB)).toBe(true);
  });
});
