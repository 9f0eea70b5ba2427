import fs from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { DiskStep } from "../../../src/storage/disk/disk-steps.ts";
import {
  named,
  openFiles,
  patchOf,
  patternBytes,
  publish,
  readWhole,
  scratchDirectory,
  startedDisk,
  tree,
} from "./scratch-directory.ts";
import { loggingDisk, putDurably } from "./watched-disk.ts";

/** More than the log takes: log/log-writer.test.ts has the others. */
const BYTES = patternBytes(100_000);

afterEach(() => {
  vi.restoreAllMocks();
});

function syncsOf(steps: readonly DiskStep[]): DiskStep[] {
  return steps.filter((step) => step.startsWith("sync"));
}

describe("a large put that lasts", () => {
  it("syncs its bytes before it has a name, and then the names of all directories on its way", async () => {
    const { storage, steps } = await loggingDisk();
    await putDurably(storage, named("a/s/o"), BYTES);
    expect(steps.indexOf("syncStaged")).toBeLessThan(steps.indexOf("renameIntoPlace"));
    expect(syncsOf(steps)).toEqual(["syncStaged", "syncDirectory", "syncDirectory", "syncDirectory"]);
  });

  it("syncs one directory where the others are known to last, and all again where one was removed", async () => {
    const { storage, steps } = await loggingDisk();
    await putDurably(storage, named("a/s/o"), BYTES);
    steps.length = 0;
    await putDurably(storage, named("a/s/p"), BYTES);
    expect(syncsOf(steps)).toEqual(["syncStaged", "syncDirectory"]);
    await storage.remove(named("a/s/o"));
    await storage.remove(named("a/s/p"));
    await storage.settle();
    steps.length = 0;
    await putDurably(storage, named("a/s/o"), BYTES);
    expect(syncsOf(steps)).toEqual(["syncStaged", "syncDirectory", "syncDirectory", "syncDirectory"]);
  });

  it("shares syncs of the directory with those that come meanwhile", async () => {
    const { storage, steps } = await loggingDisk();
    await putDurably(storage, named("a/s/first"), BYTES);
    steps.length = 0;
    await Promise.all(Array.from({ length: 32 }, (_, i) => putDurably(storage, named(`a/s/${i}`), BYTES)));
    expect(steps.filter((step) => step === "syncStaged")).toHaveLength(32);
    expect(steps.filter((step) => step === "syncDirectory").length).toBeLessThan(32);
  });

  it("is not answered by a sync of the directory that began before it had its name", async () => {
    const { storage, steps } = await loggingDisk();
    await putDurably(storage, named("a/s/first"), BYTES);
    const begun: (() => void)[] = [];
    const fsync = fs.fsync;
    vi.spyOn(fs, "fsync").mockImplementation((fd, done) => {
      const isDirectory = fs.fstatSync(fd).isDirectory();
      if (isDirectory) begun.push(() => fsync(fd, done));
      else fsync(fd, done);
    });
    const early = putDurably(storage, named("a/s/early"), BYTES);
    await vi.waitFor(() => expect(begun).toHaveLength(1));
    steps.length = 0;
    let isAnswered = false;
    const late = putDurably(storage, named("a/s/late"), BYTES).then(() => {
      isAnswered = true;
    });
    await vi.waitFor(() => expect(steps).toContain("renameIntoPlace"));
    begun[0]!();
    await early;
    await vi.waitFor(() => expect(begun).toHaveLength(2));
    expect(isAnswered).toBe(false);
    begun[1]!();
    await late;
  });

  it("that cannot be synced leaves what was there, and nothing beside it", async () => {
    const { storage, directory, failing } = await loggingDisk();
    await putDurably(storage, named("a/s/o"), BYTES);
    failing.set("syncStaged", "EIO");
    await expect(putDurably(storage, named("a/s/o"), BYTES)).rejects.toMatchObject({ code: "STORAGE_IO" });
    expect(tree(directory)).toEqual([".staging/", "a/", "a/s/", "a/s/o.arrow"]);
    expect(openFiles(directory)).toEqual([]);
    failing.clear();
    await putDurably(storage, named("a/s/o"), BYTES);
  });
});

describe("a directory of which a sync failed", () => {
  it("fails every put that it covers, which then say that they are there", async () => {
    const { storage, failing } = await loggingDisk();
    await putDurably(storage, named("a/s/first"), BYTES);
    failing.set("syncDirectory", "EIO");
    const staged = [storage.stage(), storage.stage()];
    const puts = staged.map(async (each, i) => {
      await each.append([BYTES]);
      await each.publish(named(`a/s/${i}`), "power-loss");
    });
    const ends = await Promise.allSettled(puts);
    expect(ends.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(staged.map(({ isPublished }) => isPublished)).toEqual([true, true]);
    expect(await readWhole(storage, named("a/s/1"))).toEqual(BYTES);
  });

  it("is not trusted again, though a later sync says nothing; others are", async () => {
    const { storage, failing, steps } = await loggingDisk();
    await putDurably(storage, named("a/s/o"), BYTES);
    await putDurably(storage, named("a/t/o"), BYTES);
    failing.set("syncDirectory", "EIO");
    await expect(putDurably(storage, named("a/s/o"), BYTES)).rejects.toMatchObject({
      facts: { path: "a/s" },
    });
    failing.clear();
    steps.length = 0;
    await expect(putDurably(storage, named("a/s/o"), BYTES)).rejects.toMatchObject({ code: "STORAGE_IO" });
    expect(steps).not.toContain("syncDirectory");
    await putDurably(storage, named("a/t/p"), BYTES);
  });
});

it("files that were published without that promise can be made to last", async () => {
  const { storage, steps } = await loggingDisk();
  for (const name of [named("a/s/o"), patchOf("a/s/o", 1, 2), patchOf("a/s/o", 1, 3)]) {
    const staged = storage.stage();
    await staged.append([BYTES]);
    await staged.publish(name);
  }
  expect(syncsOf(steps)).toEqual([]);
  await storage.syncFiles([named("a/s/o"), patchOf("a/s/o", 1, 2), patchOf("a/s/o", 1, 3)]);
  expect(steps.filter((step) => step === "syncPublished")).toHaveLength(3);
  await expect(storage.syncFiles([named("a/s/none")])).rejects.toMatchObject({ code: "STORAGE_IO" });
});

it("a removal is made to last where its directory went with it", async () => {
  const { storage, steps } = await loggingDisk();
  await putDurably(storage, named("a/s/o"), BYTES);
  await storage.remove(named("a/s/o"));
  steps.length = 0;
  await storage.syncRemovals([{ applicationId: "a", sessionId: "s" }]);
  expect(syncsOf(steps)).toContain("syncDirectory");
});

it("a storage directory that start makes is synced into its parents", async () => {
  const steps: DiskStep[] = [];
  const directory = `${scratchDirectory()}/made/for/this`;
  const storage = await startedDisk({ directory, beforeStep: (step) => steps.push(step) });
  // In the scratch directory, in made, in for.
  expect(syncsOf(steps).slice(0, 3)).toEqual(["syncDirectory", "syncDirectory", "syncDirectory"]);
  await publish(storage, named("a/s/o"), Buffer.from("x"));
  // The first segment; its name, and that of the log.
  expect(syncsOf(steps).slice(3)).toEqual(["syncSegment", "syncDirectory", "syncDirectory"]);
});
