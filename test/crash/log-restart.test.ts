/**
 * What the next process finds of files that had not come to rest when the process was killed, and
 * what it finds after a power loss that kept the log but not the directory.
 */
import fs from "node:fs";
import { expect, it, onTestFinished, vi } from "vitest";
import { IndexedCache } from "../../src/cache/indexed-cache.ts";
import { DiskStorage } from "../../src/storage/disk/disk-storage.ts";
import type { LogSettings } from "../../src/storage/disk/log/log-settings.ts";
import { LogWriter } from "../../src/storage/disk/log/log-writer.ts";
import { patch, put, read } from "../unit/cache/cache-fixture.ts";
import {
  named,
  patchOf,
  publish,
  readWhole,
  scratchDirectory,
  watchedLog,
} from "../unit/storage/scratch-directory.ts";
import { openDirectory } from "../unit/storage/watched-disk.ts";

/** Before it is replaced. */
const original = LogWriter.prototype.append;

/** Nothing comes to rest by itself, and nothing is released at the end. */
const PENDING = { restDelayMs: 600_000, syncedAtStopMax: 0 };

/** A cache, and how its process is killed: it takes no further step on the disk. */
async function started(
  directory: string,
  log: Partial<LogSettings> = PENDING,
): Promise<{ cache: IndexedCache; kill: () => Promise<void> }> {
  let isKilled = false;
  const beforeStep = (): void => {
    if (isKilled) throw new Error("killed");
  };
  const cache = new IndexedCache(new DiskStorage({ directory, log, beforeStep }));
  await cache.start();
  onTestFinished(() => cache.stop());
  return {
    cache,
    kill: async () => {
      watchedLog();
      isKilled = true;
      await cache.stop();
    },
  };
}

it("patches of an object are found after a kill, whether they were at rest or not", async () => {
  const directory = scratchDirectory();
  const { cache, kill } = await started(directory);
  await put(cache, "a/s/small", "base");
  await patch(cache, "a/s/small", "more");
  await put(cache, "a/s/large", "base");
  await patch(cache, "a/s/large", Buffer.alloc(100_000, "x"));
  await kill();
  const next = await started(directory);
  for await (const _ of next.cache.list({ scope: "all" }));
  expect((await read(next.cache, "a/s/small")).version).toBe(2);
  expect((await read(next.cache, "a/s/large")).version).toBe(2);
  await next.kill();
});

it("a file that comes to rest while its directory is read is listed", async () => {
  const directory = scratchDirectory();
  const storage = new DiskStorage({ directory, log: PENDING });
  await storage.start();
  onTestFinished(() => storage.stop());
  const patchName = patchOf("a/s/o", 1, 2);
  await publish(storage, named("a/s/o"), Buffer.from("base"));
  await publish(storage, patchOf("a/s/o", 1, 3), Buffer.from("old"));
  await storage.settle();
  await publish(storage, patchName, Buffer.from("more"));
  await publish(storage, named("a/s/p"), Buffer.from("base"));
  await storage.remove(patchOf("a/s/o", 1, 3));
  // The directory has been read when the files come to rest, and is not read again.
  vi.spyOn(fs.promises, "opendir").mockImplementation(async (path) => {
    const entries = fs.readdirSync(path, { withFileTypes: true });
    await storage.settle();
    return openDirectory(entries);
  });
  onTestFinished(() => void vi.restoreAllMocks());
  expect(await storage.listPatches(patchName.key, 1)).toEqual([2]);
  await publish(storage, named("a/s/q"), Buffer.from("base"));
  await storage.remove(named("a/s/p"));
  const names = (await storage.scanSession("a", "s"))!.names;
  expect(names.map(({ key, part }) => `${key.objectId} ${part.kind}`).sort()).toEqual([
    "o file",
    "o patch",
    "q file",
  ]);
});

it("a large file that replaces a removed one stays, however late the removed one is unlinked", async () => {
  const directory = scratchDirectory();
  const storage = new DiskStorage({ directory, log: PENDING });
  await storage.start();
  onTestFinished(() => storage.stop());
  await publish(storage, named("a/s/o"), Buffer.from("old"));
  await storage.settle();
  await storage.remove(named("a/s/o"), 1);
  const [published] = await Promise.all([
    publish(storage, named("a/s/o"), Buffer.alloc(100_000, "new")),
    storage.settle(),
  ]);
  expect(published).toBeUndefined();
  await storage.settle();
  expect((await readWhole(storage, named("a/s/o")))!.length).toBe(100_000);
});

/** An engine that dies: no step on the disk works any more. */
async function killable() {
  const directory = scratchDirectory();
  let isKilled = false;
  const beforeStep = (): void => {
    if (isKilled) throw new Error("killed");
  };
  const storage = new DiskStorage({ directory, log: PENDING, beforeStep });
  await storage.start();
  const afterKill = async (): Promise<DiskStorage> => {
    watchedLog();
    isKilled = true;
    await storage.stop();
    const next = new DiskStorage({ directory, log: PENDING });
    await next.start();
    onTestFinished(() => next.stop());
    await next.settle();
    return next;
  };
  return { storage, afterKill };
}

it("a large file over a removed one is found after a kill, while earlier files are in the log", async () => {
  const { storage, afterKill } = await killable();
  await publish(storage, named("a/s/o"), Buffer.from("old"));
  await storage.settle();
  await publish(storage, named("a/s/pending"), Buffer.from("value"));
  await storage.remove(named("a/s/o"), 1);
  const { bytes } = storage.counts.disk.log!;
  // It is unlinked, and the log has a record that says so of all before the pending file.
  await vi.waitFor(() => expect(storage.counts.disk.log!.bytes).toBeGreaterThan(bytes));
  await publish(storage, named("a/s/o"), Buffer.alloc(100_000, "new"));
  const next = await afterKill();
  expect((await readWhole(next, named("a/s/o")))?.length).toBe(100_000);
});

it("a file that was put past a full log over a removed one is found after a kill", async () => {
  const { storage, afterKill } = await killable();
  await publish(storage, named("a/s/o"), Buffer.from("old"));
  await storage.settle();
  // The log cannot say what has come to rest any more.
  const append = vi.spyOn(LogWriter.prototype, "append");
  append.mockImplementation(function (this: LogWriter, record, written) {
    return record.kind === "rested" ? Promise.resolve(false) : original.call(this, record, written);
  });
  onTestFinished(() => append.mockRestore());
  await storage.remove(named("a/s/o"), 1);
  await storage.settle();
  await publish(storage, named("a/s/o"), Buffer.alloc(100_000, "new"));
  const next = await afterKill();
  expect((await readWhole(next, named("a/s/o")))?.length).toBe(100_000);
});

it("patches whose base was lost are not those of a later base, even if they come back", async () => {
  const directory = scratchDirectory();
  const storage = new DiskStorage({ directory });
  await storage.start();
  onTestFinished(() => storage.stop());
  await publish(storage, patchOf("a/s/o", 1, 2), Buffer.from("stale"));
  await storage.stop();
  const { cache } = await started(directory, {});
  for await (const _ of cache.list({ scope: "all" }));
  expect(await put(cache, "a/s/o", "value")).toBe(3);
});
