/**
 * Copies of blobs on the local disk, when the process dies while it makes one, and when the disk is
 * full: no get notices, and nothing half written is ever used.
 *
 * Before each step that changes the disk the directory is copied, which is what a process leaves
 * that dies there. The full disks are real ones (test/support/small-disk.ts).
 */
import fs from "node:fs";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { LIMITS } from "../../src/limits.ts";
import type { DiskStep } from "../../src/storage/disk/disk-steps.ts";
import { fillUp, smallDisk, smallDisks } from "../support/small-disk.ts";
import { get, MIB, openCopies, SentBlob } from "../unit/storage/copies/copied-blobs.ts";
import { scratchDirectory } from "../unit/storage/scratch-directory.ts";

const { here, missing } = smallDisks();

describe("a process that dies while it copies a blob", () => {
  it("leaves a whole copy or none, before whichever step it dies", async () => {
    const directory = scratchDirectory();
    const left = scratchDirectory();
    const steps: DiskStep[] = [];
    const copies = await openCopies({
      directory,
      beforeStep: (step) => {
        fs.cpSync(directory, `${left}/${steps.length}`, { recursive: true });
        steps.push(step);
      },
    });
    const blob = new SentBlob(9 * MIB);
    await get(blob, copies);
    expect(new Set(steps)).toEqual(
      new Set(["createStaged", "writeStaged", "renameIntoPlace", "closeStaged"]),
    );
    for (const [index, step] of steps.entries()) {
      const later = await openCopies({ directory: `${left}/${index}` });
      await later.idle();
      const isWhole = step === "closeStaged";
      expect(fs.readdirSync(`${left}/${index}/copies`)).toHaveLength(isWhole ? 1 : 0);
      const { sentBytes } = blob;
      expect((await get(blob, later)).equals(blob.bytes)).toBe(true);
      expect(blob.sentBytes - sentBytes).toBe(isWhole ? 0 : 9 * MIB);
    }
  });
});

describe.runIf(here.length > 0)("a full local disk", () => {
  it.each(here)(
    "costs no get, keeps its copies, and is used again when there is space ($name)",
    async (disk) => {
      vi.useFakeTimers({ toFake: ["performance"] });
      onTestFinished(() => vi.useRealTimers() && undefined);
      const directory = smallDisk(disk);
      const copies = await openCopies({ directory: `${directory}/near`, bytesMax: 1024 * MIB });
      const [kept, other] = [new SentBlob(3 * MIB, 1), new SentBlob(3 * MIB, 2)];
      await get(kept, copies);
      fillUp(directory, disk);
      expect((await get(other, copies)).equals(other.bytes)).toBe(true);
      expect((await get(kept, copies)).equals(kept.bytes)).toBe(true);
      expect(kept.sentBytes).toBe(3 * MIB);
      expect(copies.counts).toMatchObject({ copies: 1, failed: 1 });
      expect(fs.readdirSync(`${directory}/near/copies`)).toHaveLength(1);
      fs.rmSync(`${directory}/ballast`, { recursive: true });
      vi.advanceTimersByTime(LIMITS.copyPauseMs);
      await get(other, copies);
      expect(copies.counts.copies).toBe(2);
    },
  );
});

it.runIf(process.env.CI === "true")("is tested on a full disk", () => {
  expect([...missing.keys()].filter(({ name }) => name.startsWith("tmpfs"))).toEqual([]);
});
