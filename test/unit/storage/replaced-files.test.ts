/** A large object that replaces another: the older file's blocks are freed behind the answer. */
import fs from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import { named, patternBytes, publish, readWhole, tree } from "./scratch-directory.ts";
import { count, PATIENT, type WatchedDisk, watchedDisk } from "./watched-disk.ts";

const NAME = named("a/s/o");
const [OLD, NEW] = [patternBytes(LIMITS.logFileBytesMax + 1, 1), patternBytes(LIMITS.logFileBytesMax + 1, 2)];

async function replacing(): Promise<WatchedDisk> {
  const disk = await watchedDisk();
  await publish(disk.storage, NAME, OLD);
  disk.steps.length = 0;
  return disk;
}

function staged({ directory }: WatchedDisk): string[] {
  return fs.readdirSync(`${directory}/.staging`);
}

describe("a large file that replaces another", () => {
  it("leaves no second name of it behind, and its reader keeps it", async () => {
    const disk = await replacing();
    const reader = (await disk.storage.open(NAME))!;
    await publish(disk.storage, NAME, NEW);
    const order = disk.steps.filter((step) => /linkReplaced|rename|unlinkStaged/.test(step));
    expect(order).toEqual(["linkReplaced", "renameIntoPlace", "unlinkStaged"]);
    await vi.waitFor(() => expect(staged(disk)).toEqual([]), PATIENT);
    expect((await reader.read(0, OLD.length)).equals(OLD)).toBe(true);
    reader.close();
    expect(await readWhole(disk.storage, NAME)).toEqual(NEW);
  });

  it("has freed it when the engine has stopped", async () => {
    const disk = await replacing();
    for (let seed = 0; seed < 10; seed += 1)
      await publish(disk.storage, NAME, patternBytes(OLD.length, seed));
    await disk.storage.stop();
    expect(tree(disk.directory).filter((path) => path.startsWith(".staging/"))).toEqual([".staging/"]);
  });

  it("is published where a file has no second names", async () => {
    const disk = await replacing();
    disk.failing.set("linkReplaced", "EPERM");
    await publish(disk.storage, NAME, NEW);
    expect(await readWhole(disk.storage, NAME)).toEqual(NEW);
    expect(staged(disk)).toEqual([]);
  });

  it("leaves the older one in place if it cannot be moved", async () => {
    const disk = await replacing();
    disk.failing.set("renameIntoPlace", "EIO");
    await expect(publish(disk.storage, NAME, NEW)).rejects.toMatchObject({ code: "STORAGE_IO" });
    await vi.waitFor(() => expect(staged(disk)).toEqual([]), PATIENT);
    expect(await readWhole(disk.storage, NAME)).toEqual(OLD);
  });

  it("frees its own where many wait to be freed", async () => {
    const disk = await watchedDisk();
    const names = Array.from({ length: LIMITS.replacedFilesMax + 3 }, (_, nth) => named(`a/s/${nth}`));
    for (const name of names) await publish(disk.storage, name, OLD);
    disk.steps.length = 0;
    const held: (() => void)[] = [];
    const { unlink } = fs;
    vi.spyOn(fs, "unlink").mockImplementation((path, done) => void held.push(() => unlink(path, done)));
    for (const name of names) await publish(disk.storage, name, NEW);
    expect(count(disk.steps, "linkReplaced")).toBe(LIMITS.replacedFilesMax);
    vi.restoreAllMocks();
    for (const go of held) go();
    await vi.waitFor(() => expect(staged(disk)).toEqual([]), PATIENT);
  });

  it("finds the space of what was replaced before when the disk is full", async () => {
    const disk = await replacing();
    const { unlink } = fs;
    let free = (): void => {};
    vi.spyOn(fs, "unlink").mockImplementationOnce((path, done) => {
      free = () => unlink(path, done);
    });
    await publish(disk.storage, NAME, NEW);
    disk.failing.set("writeStaged", "ENOSPC");
    const other = publish(disk.storage, named("a/s/p"), NEW);
    disk.onStep.set("writeStaged", () => {
      disk.onStep.clear();
      setImmediate(() => {
        disk.failing.clear();
        free();
      });
    });
    await other;
    expect(await readWhole(disk.storage, named("a/s/p"))).toEqual(NEW);
  });
});
