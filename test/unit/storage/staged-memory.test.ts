/**
 * Many files staged at once: what they hold together, and when they are written aside.
 */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import type { DiskStep } from "../../../src/storage/disk/disk-steps.ts";
import { type GatheringFile, StagedMemory } from "../../../src/storage/staged-memory.ts";
import { named, patternBytes, readWhole, startedDisk } from "./scratch-directory.ts";

const KIB = 1024;
const PART_BYTES = 100 * KIB;
const PARTS = 9;
/** Under the size at which a file is written for itself. */
const FILE_BYTES = PART_BYTES * PARTS;
/** Together half as much again as may be gathered. */
const FILES = Math.ceil((LIMITS.stagedMemoryBytesMax * 1.5) / FILE_BYTES);

async function watchedDisk(failing?: DiskStep) {
  const steps: DiskStep[] = [];
  let isFailing = failing !== undefined;
  const storage = await startedDisk({
    beforeStep: (step) => {
      if (isFailing && step === failing)
        throw Object.assign(new Error("EIO: simulated"), { code: "EIO", syscall: "test" });
      steps.push(step);
    },
  });
  const count = (step: DiskStep) => steps.filter((each) => each === step).length;
  const mend = () => {
    isFailing = false;
  };
  return { storage, count, mend };
}

describe("files that are staged together", () => {
  it("are written aside, the oldest first, when they would hold more than the bound", async () => {
    const { storage, count } = await watchedDisk();
    const files = Array.from({ length: FILES }, () => storage.stage());
    for (const [i, file] of files.entries()) {
      for (let part = 0; part < PARTS; part += 1) await file.append([patternBytes(PART_BYTES, i + part)]);
    }
    const aside = count("createStaged");
    expect(aside).toBeGreaterThan(FILES / 4);
    expect(aside).toBeLessThan(FILES);
    // The last one was not: until it is published nothing is written of it.
    const last = files.at(-1)!;
    await last.publish(named("a/s/last"));
    expect(count("createStaged")).toBe(aside + 1);
    await files[0]!.overwrite(PART_BYTES - 2, Buffer.from("over"));
    await files[0]!.append([Buffer.from("end")]);
    await files[0]!.publish(named("a/s/first"));
    expect(count("createStaged")).toBe(aside + 1);
    const expected = Buffer.concat([
      ...Array.from({ length: PARTS }, (_, part) => patternBytes(PART_BYTES, part)),
      Buffer.from("end"),
    ]);
    expected.write("over", PART_BYTES - 2);
    expect((await readWhole(storage, named("a/s/first")))?.equals(expected)).toBe(true);
    await Promise.all(files.map((file) => file.discard()));
  });

  it("are not written before they are published while they are few", async () => {
    const { storage, count } = await watchedDisk();
    const files = Array.from({ length: 8 }, () => storage.stage());
    for (const file of files) expect(file.append([patternBytes(FILE_BYTES)])).toBe(undefined);
    expect(count("createStaged")).toBe(0);
    await Promise.all(files.map((file, i) => file.publish(named(`a/s/${i}`))));
    expect(count("createStaged")).toBe(8);
    expect(count("writeStaged")).toBe(8);
  });

  it("hold nothing any more when the disk refused them, and others go on", async () => {
    const { storage, count, mend } = await watchedDisk("writeStaged");
    const files = Array.from({ length: FILES }, () => storage.stage());
    for (const file of files) await file.append([patternBytes(FILE_BYTES)]);
    const refused = files[0]!.append([Buffer.from("more")]);
    await expect(refused).rejects.toMatchObject({ code: "STORAGE_IO" });
    mend();
    await Promise.all(files.map((file) => file.discard()));
    const before = count("createStaged");
    const next = storage.stage();
    expect(next.append([patternBytes(FILE_BYTES)])).toBe(undefined);
    expect(count("createStaged")).toBe(before);
    await next.discard();
  });
});

describe("the memory of staged files", () => {
  class File implements GatheringFile {
    isSpilled = false;
    spill(): void {
      this.isSpilled = true;
    }
  }

  it("makes whoever brings too much wait until enough was written", async () => {
    const memory = new StagedMemory(100);
    const file = new File();
    memory.gathers(file);
    memory.take(100);
    expect(memory.makeSpace()).toBe(undefined);
    memory.take(50);
    const waiting = memory.makeSpace();
    expect(file.isSpilled).toBe(true);
    memory.leave(60);
    memory.give(60);
    await waiting;
    expect(memory.sizeBytes).toBe(90);
  });

  it("writes no more files aside than are too many", () => {
    const memory = new StagedMemory(100);
    const files = [1, 2, 3].map(() => new File());
    for (const file of files) memory.gathers(file);
    memory.isEmpty(files[0]!);
    memory.take(110);
    files[1]!.spill = () => memory.leave(30);
    void memory.makeSpace();
    expect(files.map(({ isSpilled }) => isSpilled)).toEqual([false, false, false]);
  });
});
