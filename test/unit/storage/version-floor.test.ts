/**
 * The file of the version floor: two slots that are overwritten in place.
 */
import fs from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import type { DiskStep } from "../../../src/storage/disk/disk-steps.ts";
import { scratchDirectory, startedDisk, watchedLog } from "./scratch-directory.ts";

const SLOT_BYTES = 512;
let directory: string;
let file: string;

beforeEach(() => {
  directory = scratchDirectory();
  file = `${directory}/.version-floor`;
});

/** The floor that a start finds. */
async function found(): Promise<number> {
  const storage = await startedDisk({ directory });
  await storage.stop();
  return storage.versionFloor;
}

async function raised(...versions: readonly number[]): Promise<void> {
  const storage = await startedDisk({ directory });
  for (const version of versions) await storage.raiseVersionFloor(version);
  await storage.stop();
}

/** Overwrites a stretch of the file. */
function overwrite(position: number, bytes: Uint8Array): void {
  const fd = fs.openSync(file, "r+");
  fs.writeSync(fd, bytes, 0, bytes.length, position);
  fs.closeSync(fd);
}

describe("the version floor", () => {
  it("is made by the start, and never made anew", async () => {
    await raised();
    const { ino, size } = fs.statSync(file);
    await raised(5, 9, 700);
    expect(fs.statSync(file)).toMatchObject({ ino, size });
    expect(await found()).toBe(700);
  });

  it("holds when either slot is lost, and says so", async () => {
    await raised(5, 9);
    const whole = fs.readFileSync(file);
    for (const slot of [0, 1]) {
      for (const bytes of [Buffer.alloc(SLOT_BYTES), Buffer.alloc(7, 0x41)]) {
        fs.writeFileSync(file, whole);
        overwrite(slot * SLOT_BYTES, bytes);
        const log = watchedLog();
        expect(await found()).toBe(9);
        expect(log()).toMatchObject([{ level: "warn", version: 9 }]);
      }
    }
  });

  it.each([0, 1])(
    "that a torn write left in slot %s is the one before, and is raised from there",
    async (slot) => {
      await raised(5, 9);
      overwrite(slot * SLOT_BYTES, Buffer.alloc(SLOT_BYTES));
      await raised(20);
      expect(await found()).toBe(20);
      overwrite((1 - slot) * SLOT_BYTES, Buffer.alloc(SLOT_BYTES));
      expect(await found()).toBe(20);
    },
  );

  it("is refused when no slot is whole: guessing would give a version out twice", async () => {
    await raised(5);
    overwrite(0, Buffer.alloc(2 * SLOT_BYTES));
    await expect(found()).rejects.toMatchObject({
      code: "INVALID_CONFIG",
      facts: { path: ".version-floor" },
    });
  });

  it("is refused when it claims more than there can be", async () => {
    fs.writeFileSync(file, `${Number.MAX_SAFE_INTEGER}\n`);
    await expect(found()).rejects.toMatchObject({
      code: "INVALID_CONFIG",
      facts: { path: ".version-floor" },
    });
  });

  it("is never above the highest version there is", async () => {
    await raised(Number.MAX_SAFE_INTEGER);
    expect(await found()).toBe(LIMITS.versionMax);
  });

  it.each(["41\n", "41"])("of an earlier release, %j, is taken over in its place", async (text) => {
    fs.writeFileSync(file, text);
    const { ino } = fs.statSync(file);
    expect(await found()).toBe(41);
    expect(fs.statSync(file)).toMatchObject({ ino, size: 2 * SLOT_BYTES });
    await raised(50);
    expect(await found()).toBe(50);
  });

  it.each(["writeFloor", "syncFloor", "copyFloor"] as const)(
    "of an earlier release holds when the process dies before %s",
    async (step) => {
      fs.writeFileSync(file, "41\n");
      const left: Buffer[] = [];
      const beforeStep = (each: DiskStep): void => {
        if (each === step) left.push(fs.readFileSync(file));
      };
      await (await startedDisk({ directory, beforeStep })).stop();
      fs.writeFileSync(file, left[0]!);
      expect(await found()).toBe(41);
    },
  );
});
