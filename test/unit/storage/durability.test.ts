import fs from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { BeforeStep, DiskStep } from "../../../src/storage/disk/disk-steps.ts";
import type { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import type { StoredName } from "../../../src/storage/object-storage.ts";
import {
  named,
  openFiles,
  patchOf,
  patternBytes,
  readWhole,
  scratchDirectory,
  startedDisk,
  tree,
} from "./scratch-directory.ts";

/** More than goes through the commit log: commit-log.test.ts has the others. */
const BYTES = patternBytes(100_000);

afterEach(() => {
  vi.restoreAllMocks();
});

/** An engine that tells its steps, and fails each of a kind from when it is told to. */
async function watchedDisk() {
  const directory = scratchDirectory();
  const steps: DiskStep[] = [];
  const failing = new Set<DiskStep>();
  const beforeStep: BeforeStep = (step) => {
    steps.push(step);
    if (failing.has(step))
      throw Object.assign(new Error("EIO: simulated"), { code: "EIO", syscall: "fsync" });
  };
  const storage = await startedDisk({ directory, beforeStep });
  steps.length = 0;
  return { storage, directory, steps, failing };
}

async function putDurably(storage: DiskStorage, name: StoredName): Promise<void> {
  const staged = storage.stage();
  await staged.append([BYTES]);
  await staged.publish(name, "power-loss");
}

function syncsOf(steps: readonly DiskStep[]): DiskStep[] {
  return steps.filter((step) => step.startsWith("sync"));
}

describe("a large put that lasts", () => {
  it("syncs its bytes before it has a name, and then the names of all directories on its way", async () => {
    const { storage, steps } = await watchedDisk();
    await putDurably(storage, named("a/s/o"));
    expect(steps.indexOf("syncStaged")).toBeLessThan(steps.indexOf("renameIntoPlace"));
    expect(syncsOf(steps)).toEqual(["syncStaged", "syncDirectory", "syncDirectory", "syncDirectory"]);
  });

  it("syncs one directory where the others are known to last, and all again where one was removed", async () => {
    const { storage, steps } = await watchedDisk();
    await putDurably(storage, named("a/s/o"));
    steps.length = 0;
    await putDurably(storage, named("a/s/p"));
    expect(syncsOf(steps)).toEqual(["syncStaged", "syncDirectory"]);
    await storage.remove(named("a/s/o"));
    await storage.remove(named("a/s/p"));
    steps.length = 0;
    await putDurably(storage, named("a/s/o"));
    expect(syncsOf(steps)).toEqual(["syncStaged", "syncDirectory", "syncDirectory", "syncDirectory"]);
  });

  it("shares syncs of the directory with those that come meanwhile", async () => {
    const { storage, steps } = await watchedDisk();
    await putDurably(storage, named("a/s/first"));
    steps.length = 0;
    await Promise.all(Array.from({ length: 32 }, (_, i) => putDurably(storage, named(`a/s/${i}`))));
    expect(steps.filter((step) => step === "syncStaged")).toHaveLength(32);
    expect(steps.filter((step) => step === "syncDirectory").length).toBeLessThan(32);
  });

  it("is not answered by a sync of the directory that began before it had its name", async () => {
    const { storage, steps } = await watchedDisk();
    await putDurably(storage, named("a/s/first"));
    const begun: (() => void)[] = [];
    const fsync = fs.fsync;
    vi.spyOn(fs, "fsync").mockImplementation((fd, done) => {
      const isDirectory = fs.fstatSync(fd).isDirectory();
      if (isDirectory) begun.push(() => fsync(fd, done));
      else fsync(fd, done);
    });
    const early = putDurably(storage, named("a/s/early"));
    await vi.waitFor(() => expect(begun).toHaveLength(1));
    steps.length = 0;
    let isAnswered = false;
    const late = putDurably(storage, named("a/s/late")).then(() => {
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
    const { storage, directory, failing } = await watchedDisk();
    await putDurably(storage, named("a/s/o"));
    failing.add("syncStaged");
    await expect(putDurably(storage, named("a/s/o"))).rejects.toMatchObject({ code: "STORAGE_IO" });
    expect(tree(directory)).toEqual([".staging/", "a/", "a/s/", "a/s/o.arrow"]);
    expect(openFiles(directory)).toEqual([]);
    failing.clear();
    await putDurably(storage, named("a/s/o"));
  });
});

describe("a directory of which a sync failed", () => {
  it("fails every put that it covers, which then say that they are there", async () => {
    const { storage, failing } = await watchedDisk();
    await putDurably(storage, named("a/s/first"));
    failing.add("syncDirectory");
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
    const { storage, failing, steps } = await watchedDisk();
    await putDurably(storage, named("a/s/o"));
    await putDurably(storage, named("a/t/o"));
    failing.add("syncDirectory");
    await expect(putDurably(storage, named("a/s/o"))).rejects.toMatchObject({ facts: { path: "a/s" } });
    failing.clear();
    steps.length = 0;
    await expect(putDurably(storage, named("a/s/o"))).rejects.toMatchObject({ code: "STORAGE_IO" });
    expect(steps).not.toContain("syncDirectory");
    await putDurably(storage, named("a/t/p"));
  });
});

it("files that were published without that promise can be made to last", async () => {
  const { storage, steps } = await watchedDisk();
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
  const { storage, steps } = await watchedDisk();
  await putDurably(storage, named("a/s/o"));
  await storage.remove(named("a/s/o"));
  steps.length = 0;
  await storage.syncRemovals([{ applicationId: "a", sessionId: "s" }]);
  expect(syncsOf(steps)).toContain("syncDirectory");
});

it("a storage directory that start makes is synced into its parents", async () => {
  const steps: DiskStep[] = [];
  const directory = `${scratchDirectory()}/made/for/this`;
  await startedDisk({ directory, beforeStep: (step) => steps.push(step) });
  // In the scratch directory, in made, in for; then the version floor and the directory itself.
  const inParents = ["syncDirectory", "syncDirectory", "syncDirectory"];
  expect(syncsOf(steps)).toEqual([...inParents, "syncFloor", "syncDirectory"]);
});
