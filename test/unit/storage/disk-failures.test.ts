import fs from "node:fs";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { DiskStep } from "../../../src/storage/disk/disk-steps.ts";
import {
  named,
  openFiles,
  patternBytes,
  publish,
  readWhole,
  scratchDirectory,
  startedDisk,
  tree,
} from "./scratch-directory.ts";
import { failure, loggingDisk } from "./watched-disk.ts";

/** More than the log takes: a file at once. */
const LARGE_BYTES = 100_000;
const MIB = 1024 * 1024;
const OLD = Buffer.from("old");
const LARGE = patternBytes(LARGE_BYTES);
const TREE = [".staging/", "a/", "a/s/", "a/s/o.arrow"];

/** An engine with a file whose next `step`, the nth of its kind, fails with `errno` once `arm` was called. */
async function failingDisk(step: DiskStep, errno: string, nth = 1) {
  const { storage, directory, onStep } = await loggingDisk();
  await publish(storage, named("a/s/o"), OLD);
  await storage.remove(named("log/log/log"));
  await storage.settle();
  const arm = () => {
    let countdown = nth;
    onStep.set(step, () => {
      countdown -= 1;
      if (countdown === 0) throw failure(errno);
    });
  };
  return { storage, directory, arm };
}

const FAILURES: { step: DiskStep; sizeBytes: number; nth?: number }[] = [
  { step: "appendLog", sizeBytes: 1000 },
  { step: "createStaged", sizeBytes: LARGE_BYTES },
  { step: "writeStaged", sizeBytes: LARGE_BYTES },
  { step: "closeStaged", sizeBytes: LARGE_BYTES },
  { step: "renameIntoPlace", sizeBytes: LARGE_BYTES },
  { step: "writeStaged", sizeBytes: 900 * 1024 },
  { step: "createStaged", sizeBytes: 4 * MIB },
  { step: "writeStaged", sizeBytes: 4 * MIB },
  { step: "writeStaged", sizeBytes: 4 * MIB, nth: 3 },
  { step: "closeStaged", sizeBytes: 4 * MIB },
  { step: "renameIntoPlace", sizeBytes: 4 * MIB },
];

describe.each(FAILURES)("when $step fails on $sizeBytes bytes", ({ step, sizeBytes, nth }) => {
  it.each([
    { errno: "ENOSPC", code: "STORAGE_FULL" },
    { errno: "EDQUOT", code: "STORAGE_FULL" },
    { errno: "EIO", code: "STORAGE_IO" },
  ])("with $errno the put is $code and all is as before", async ({ errno, code }) => {
    const { storage, directory, arm } = await failingDisk(step, errno, nth);
    arm();
    const staged = storage.stage();
    const put = async () => {
      for (const part of [0, 1, 2, 3]) await staged.append([patternBytes(sizeBytes / 4, part)]);
      await staged.publish(named("a/s/o"));
    };
    const error = await put().catch((each: unknown) => each);
    await staged.discard();
    expect(error).toMatchObject({ code, facts: { errno, path: expect.not.stringContaining(directory) } });
    expect(tree(directory)).toEqual(TREE);
    expect((await readWhole(storage, named("a/s/o")))?.equals(OLD)).toBe(true);
    expect(openFiles(directory)).toEqual([]);
    await publish(storage, named("a/s/o"), patternBytes(sizeBytes));
    expect((await readWhole(storage, named("a/s/o")))?.length).toBe(sizeBytes);
  });
});

describe("a file whose writing failed", () => {
  it("refuses further bytes with the same error, and can be discarded", async () => {
    const { storage, directory, arm } = await failingDisk("writeStaged", "ENOSPC");
    arm();
    const staged = storage.stage();
    await staged.append([patternBytes(2 * MIB)]);
    await Promise.resolve(staged.append([patternBytes(2 * MIB)])).catch(() => {});
    await expect(staged.append([patternBytes(1)])).rejects.toMatchObject({ code: "STORAGE_FULL" });
    await expect(staged.overwrite(0, patternBytes(1))).rejects.toMatchObject({ code: "STORAGE_FULL" });
    await staged.discard();
    expect(tree(directory)).toEqual(TREE);
  });

  it("leaves no rejection that nobody handles when it is only discarded", async () => {
    const { storage, arm } = await failingDisk("writeStaged", "EIO");
    arm();
    const staged = storage.stage();
    void staged.append([patternBytes(2 * MIB)]);
    await staged.discard();
    expect((await readWhole(storage, named("a/s/o")))?.equals(OLD)).toBe(true);
  });

  it("that cannot be unlinked waits for the next start", async () => {
    const { storage, directory, arm } = await failingDisk("unlinkStaged", "EIO");
    arm();
    const staged = storage.stage();
    await staged.append([patternBytes(2 * MIB)]);
    await staged.discard();
    expect(fs.readdirSync(`${directory}/.staging`)).toHaveLength(1);
    await storage.stop();
    await startedDisk({ directory });
    expect(fs.readdirSync(`${directory}/.staging`)).toEqual([]);
  });
});

it("a new session whose directory cannot be made is an error and leaves nothing", async () => {
  const { storage, directory, arm } = await failingDisk("makeDirectory", "ENOSPC");
  arm();
  await expect(publish(storage, named("a/new/o"), LARGE)).rejects.toMatchObject({ code: "STORAGE_FULL" });
  expect(tree(directory)).toEqual(TREE);
});

it("something in the way of an object is an error that names it", async () => {
  const directory = scratchDirectory();
  const storage = await startedDisk({ directory });
  fs.mkdirSync(`${directory}/a/s/o.arrow/full`, { recursive: true });
  fs.writeFileSync(`${directory}/b`, "");
  await expect(publish(storage, named("a/s/o"), LARGE)).rejects.toMatchObject({
    code: "STORAGE_IO",
    facts: { path: "a/s/o.arrow" },
  });
  await expect(publish(storage, named("b/s/o"), OLD)).rejects.toMatchObject({ code: "STORAGE_IO" });
  expect(fs.readdirSync(`${directory}/.staging`)).toEqual([]);
});

it("a large file that cannot be removed stays and is an error, also for the next start", async () => {
  const { storage, directory, arm } = await failingDisk("unlinkObject", "EIO");
  await publish(storage, named("a/s/o"), LARGE);
  arm();
  await expect(storage.remove(named("a/s/o"))).rejects.toMatchObject({ code: "STORAGE_IO" });
  expect((await readWhole(storage, named("a/s/o")))?.equals(LARGE)).toBe(true);
  await storage.stop();
  const next = await startedDisk({ directory });
  await next.settle();
  expect((await readWhole(next, named("a/s/o")))?.equals(LARGE)).toBe(true);
});

it("a large file stays if the version floor cannot be synced before its removal", async () => {
  const { storage, arm } = await failingDisk("syncLog", "EIO");
  await publish(storage, named("a/s/o"), LARGE);
  await storage.raiseVersionFloor(8);
  arm();
  await expect(storage.remove(named("a/s/o"))).rejects.toMatchObject({ code: "STORAGE_IO" });
  expect((await readWhole(storage, named("a/s/o")))?.equals(LARGE)).toBe(true);
});

it("a file that cannot be moved to quarantine stays and is an error", async () => {
  const { storage, arm } = await failingDisk("moveToQuarantine", "EIO");
  arm();
  await expect(storage.quarantine(named("a/s/o"), "test")).rejects.toMatchObject({ code: "STORAGE_IO" });
  expect((await readWhole(storage, named("a/s/o")))?.equals(OLD)).toBe(true);
});

it("a damaged file that a full disk has no room to move stays in its place, and no reason is left", async () => {
  const { storage, directory, arm } = await failingDisk("moveToQuarantine", "ENOSPC");
  arm();
  await storage.quarantine(named("a/s/o"), "test");
  expect((await readWhole(storage, named("a/s/o")))?.equals(OLD)).toBe(true);
  expect(fs.readdirSync(`${directory}/.quarantine/a/s`)).toEqual([]);
});

it("a damaged file whose reason a full disk has no room for is moved all the same", async () => {
  const { storage, directory, arm } = await failingDisk("writeReason", "ENOSPC");
  arm();
  await storage.quarantine(named("a/s/o"), "test");
  expect(await readWhole(storage, named("a/s/o"))).toBeUndefined();
  expect(fs.readdirSync(`${directory}/.quarantine/a/s`)).toHaveLength(1);
});

it("a floor that cannot be written is not taken for written: the next raise writes it", async () => {
  const { storage, directory, arm } = await failingDisk("appendLog", "EIO");
  await storage.raiseVersionFloor(5);
  arm();
  await expect(storage.raiseVersionFloor(8)).rejects.toMatchObject({ code: "STORAGE_IO" });
  await storage.raiseVersionFloor(8);
  expect(storage.versionFloor).toBe(8);
  await storage.stop();
  expect((await startedDisk({ directory })).versionFloor).toBe(8);
  expect(openFiles(directory)).toEqual([]);
});

describe("removals of several files", () => {
  it("have all ended when one has failed", async () => {
    const storage = await startedDisk();
    const files = ["a/s/1", "a/s/2"].map((key) => ({ name: named(key), version: 1, sizeBytes: LARGE_BYTES }));
    for (const { name } of files) await publish(storage, name, patternBytes(LARGE_BYTES));
    const { unlink } = fs;
    let release: (() => void) | undefined;
    vi.spyOn(fs, "unlink").mockImplementation((path, done) => {
      if (String(path).endsWith("1.arrow")) return void setImmediate(() => done(failure("EIO") as never));
      release = () => unlink(path, done);
    });
    onTestFinished(() => void vi.restoreAllMocks());
    let hasEnded = false;
    const removed = storage.removeSingle(files).finally(() => {
      hasEnded = true;
    });
    removed.catch(() => {});
    await vi.waitFor(() => expect(release).toBeDefined());
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(hasEnded).toBe(false);
    release?.();
    await expect(removed).rejects.toMatchObject({ code: "STORAGE_IO" });
    expect(await readWhole(storage, named("a/s/2"))).toBeUndefined();
  });
});
