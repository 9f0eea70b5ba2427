import fs from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import type { BeforeStep, DiskStep } from "../../../../src/storage/disk/disk-steps.ts";
import type { DiskStorage } from "../../../../src/storage/disk/disk-storage.ts";
import { formatSummedLine } from "../../../../src/storage/disk/summed-line.ts";
import { scratchDirectory, startedDisk, watchedLog } from "../scratch-directory.ts";

let directory: string;
let file: string;

beforeEach(() => {
  directory = scratchDirectory();
  file = `${directory}/.log/notes`;
});

async function open(beforeStep?: BeforeStep): Promise<DiskStorage> {
  return await startedDisk({ directory, ...(beforeStep && { beforeStep }) });
}

/** Another process in a copy of what a killed one left. */
async function killed(storage: DiskStorage): Promise<DiskStorage> {
  const copy = scratchDirectory();
  fs.cpSync(directory, copy, { recursive: true });
  await storage.stop();
  return await startedDisk({ directory: copy });
}

async function recordsOf({ journal }: DiskStorage): Promise<string[]> {
  const records: string[] = [];
  for await (const record of journal.read()) records.push(record);
  return records;
}

async function appended(...records: readonly string[]): Promise<void> {
  const storage = await open();
  await recordsOf(storage);
  await Promise.all(records.map((record) => storage.journal.append(record, "restart")));
  await storage.stop();
}

const isOfLog = (step: DiskStep): boolean => step === "appendLog" || step === "syncLog";

describe("notes", () => {
  it("is not there before something was appended", async () => {
    expect(await recordsOf(await open())).toEqual([]);
    expect(fs.existsSync(file)).toBe(false);
  });

  it("gives back what was appended, in order, over any number of starts", async () => {
    await appended("one", "zwei ä", "");
    await appended("four");
    expect(await recordsOf(await open())).toEqual(["one", "zwei ä", "", "four"]);
  });

  it("cuts off a line that was being written when the process died, wherever it was cut", async () => {
    await appended("first", "second");
    const whole = fs.readFileSync(file);
    const start = whole.indexOf("\n") + 1;
    const end = whole.lastIndexOf("\n");
    for (let sizeBytes = start; sizeBytes <= end; sizeBytes += 1) {
      fs.writeFileSync(file, whole.subarray(0, sizeBytes));
      await appended("next");
      const storage = await open();
      expect(await recordsOf(storage)).toEqual(["first", "next"]);
      await storage.stop();
    }
  });

  it("passes over a damaged line, whichever bit it is, and counts it in the log", async () => {
    await appended("first", "second", "third");
    const whole = fs.readFileSync(file);
    const start = whole.indexOf("\n") + 1;
    const end = whole.indexOf("\n", start);
    for (let position = start; position < end; position += 1) {
      const damaged = Buffer.from(whole);
      damaged[position]! ^= 0x40;
      fs.writeFileSync(file, damaged);
      const log = watchedLog();
      const storage = await open();
      expect(await recordsOf(storage)).toEqual(["first", "third"]);
      await storage.stop();
      expect(log()).toMatchObject([{ level: "error", lines: 1 }]);
    }
  });

  it("passes over megabytes without a line feed in bounded memory", async () => {
    await appended("first");
    fs.appendFileSync(file, Buffer.alloc(3_000_000, 0x41));
    fs.appendFileSync(file, "\n");
    await appended("last");
    expect(await recordsOf(await open())).toEqual(["first", "last"]);
  });

  it("share one write, and one sync when one of them asks for it", async () => {
    const steps: DiskStep[] = [];
    const storage = await open((step) => void steps.push(step));
    await storage.journal.append("0", "restart");
    steps.length = 0;
    const append = (record: string) => storage.journal.append(record, "restart");
    await Promise.all([append("1"), append("2"), append("3")]);
    expect(steps.filter(isOfLog)).toEqual(["appendLog"]);
    steps.length = 0;
    await Promise.all([append("4"), storage.journal.append("5", "power-loss")]);
    expect(steps.filter(isOfLog)).toEqual(["appendLog", "syncLog"]);
  });

  it("is replaced in one step, appends meanwhile behind it", async () => {
    await appended("old", "older");
    const storage = await open();
    await storage.journal.append("oldest", "restart");
    const rewritten = storage.journal.rewrite(["new"]);
    await Promise.all([rewritten, storage.journal.append("newer", "restart")]);
    await storage.stop();
    expect(await recordsOf(await open())).toEqual(["new", "newer"]);
  });

  it("stays as it was when it cannot be replaced", async () => {
    await appended("old");
    const storage = await open((step) => {
      if (step === "renameJournal") throw Object.assign(new Error("no"), { code: "EIO", syscall: "rename" });
    });
    await recordsOf(storage);
    await expect(storage.journal.rewrite(["new"])).rejects.toMatchObject({ code: "STORAGE_IO" });
    await storage.journal.append("next", "restart");
    await storage.stop();
    expect(await recordsOf(await open())).toEqual(["old", "next"]);
  });

  it("are told once by the next process, in the file or in the log", async () => {
    const storage = await open();
    for (const record of ["one", "two"]) await storage.journal.append(record, "restart");
    await storage.journal.rewrite(["both"]);
    await storage.journal.append("three", "power-loss");
    expect(await recordsOf(await killed(storage))).toEqual(["both", "three"]);
  });

  it("are a typed error where the log has no space, and go on when there is some", async () => {
    let isFull = true;
    const storage = await open((step) => {
      if ((step !== "createSegment" && step !== "appendLog") || !isFull) return;
      throw Object.assign(new Error("no"), { code: "ENOSPC", syscall: "write" });
    });
    await expect(storage.journal.append("lost", "restart")).rejects.toMatchObject({ code: "STORAGE_FULL" });
    isFull = false;
    await storage.stop();
    await appended("kept");
    expect(await recordsOf(await open())).toEqual(["kept"]);
  });

  it("of earlier releases are taken over", async () => {
    fs.writeFileSync(`${directory}/.retention`, `${formatSummedLine("old")}${"\0".repeat(100)}`);
    await appended("next");
    expect(await recordsOf(await open())).toEqual(["old", "next"]);
    expect(fs.existsSync(`${directory}/.retention`)).toBe(false);
  });
});
