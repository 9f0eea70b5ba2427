/**
 * What a start makes of the log: of the same boot, and after a power loss.
 */
import fs from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { IndexedCache } from "../../../../src/cache/indexed-cache.ts";
import { parseObjectKey } from "../../../../src/object/object-key.ts";
import { DiskStorage } from "../../../../src/storage/disk/disk-storage.ts";
import { UNKNOWN_BOOT } from "../../../../src/storage/disk/log/boot-id.ts";
import { patch, put, putTable, read } from "../../cache/cache-fixture.ts";
import { named, readWhole, scratchDirectory, tree, watchedLog } from "../scratch-directory.ts";
import { copyOf, failure, loseSegment, RESTLESS } from "../watched-disk.ts";

const [BEFORE, AFTER] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
const KEY = "a/s/o";
const FILE = "a/s/o.arrow";
/** A file at once. */
const LARGE = "l".repeat(100_000);
/** Written by another program. */
const FOREIGN = new URL("../../../golden/ancestor/team/jobs/plain.arrow", import.meta.url);

interface Run {
  readonly directory: string;
  readonly storage: DiskStorage;
  readonly cache: IndexedCache;
}

/** A cache in one run of the machine. */
async function run(directory = scratchDirectory(), bootId: Buffer = BEFORE): Promise<Run> {
  const storage = new DiskStorage({ directory, log: { ...RESTLESS, bootId } });
  const cache = new IndexedCache(storage);
  await cache.start();
  onTestFinished(() => cache.stop());
  return { directory, storage, cache };
}

/** What another run of the machine makes of what was left at this moment, when something was lost. */
async function afterLoss(
  { directory }: Run,
  lose: (file: string, directory: string) => void = () => {},
): Promise<Run> {
  const copy = copyOf(directory);
  lose(`${copy}/${FILE}`, copy);
  return await run(copy, AFTER);
}

function fileOf({ directory }: Run, name = FILE): Buffer {
  return fs.readFileSync(`${directory}/${name}`);
}

/** What the engine logs from now on, at its default level. */
function storageLog(): () => Record<string, unknown>[] {
  const log = watchedLog();
  return () => log().filter(({ target }) => target === "flame_cache::storage");
}

function remove({ cache }: Run, durability: "restart" | "power-loss" = "restart"): Promise<unknown> {
  return cache.delete({ scope: "object", key: parseObjectKey(KEY) }, durability);
}

afterEach(() => void vi.restoreAllMocks());

/** The name came back with this content. */
function withContent(bytes: Uint8Array): (file: string) => void {
  return (file) => {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, bytes);
  };
}

describe("a start in the same boot", () => {
  it("has what was in the log, and brings it to rest", async () => {
    const log = storageLog();
    const before = await run();
    await put(before.cache, KEY, "one");
    await put(before.cache, KEY, "two");
    await put(before.cache, "a/s/gone", "gone");
    await before.cache.delete({ scope: "object", key: parseObjectKey("a/s/gone") }, "restart");
    const same = await run(copyOf(before.directory));
    expect(await read(same.cache, KEY)).toEqual({ version: 2, base: "two", patches: [] });
    expect(await same.cache.find(parseObjectKey("a/s/gone"))).toBeUndefined();
    expect(log()).toMatchObject([{ level: "info", segments: 1, pending: 2, failed: 0 }]);
    await same.storage.settle();
    expect(tree(`${same.directory}/a`)).toEqual(["s/", "s/o.arrow"]);
    expect(fileOf(same).equals((await readWhole(same.storage, named(KEY)))!)).toBe(true);
  });

  it("believes the log about files at rest: one that was removed by hand does not come back", async () => {
    const before = await run();
    await put(before.cache, KEY, "one");
    await before.storage.settle();
    await put(before.cache, "a/s/p", "pending");
    const copy = copyOf(before.directory);
    fs.rmSync(`${copy}/${FILE}`);
    const same = await run(copy);
    expect(await same.cache.find(parseObjectKey(KEY))).toBeUndefined();
    expect(await read(same.cache, "a/s/p")).toMatchObject({ base: "pending" });
    await same.storage.settle();
    expect(tree(`${same.directory}/a`)).toEqual(["s/", "s/p.arrow"]);
  });

  it("has a file that was replaced by a large one only once", async () => {
    const before = await run();
    await put(before.cache, KEY, "small");
    await put(before.cache, KEY, LARGE);
    const same = await run(copyOf(before.directory));
    expect(await read(same.cache, KEY)).toMatchObject({ version: 2, base: LARGE });
  });

  it("gives a file the time of its put", async () => {
    const putMs = 1_800_000_000_000;
    vi.spyOn(Date, "now").mockReturnValue(putMs);
    const before = await run();
    await put(before.cache, KEY, "one");
    vi.restoreAllMocks();
    const same = await run(copyOf(before.directory));
    await same.storage.settle();
    expect(fs.statSync(`${same.directory}/${FILE}`).mtimeMs).toBe(putMs);
  });

  it("that nobody can know to be the same compares", async () => {
    watchedLog();
    const before = await run(scratchDirectory(), UNKNOWN_BOOT);
    await put(before.cache, KEY, "one");
    await before.storage.settle();
    const copy = copyOf(before.directory);
    fs.rmSync(`${copy}/${FILE}`);
    expect(await read((await run(copy, UNKNOWN_BOOT)).cache, KEY)).toMatchObject({ base: "one" });
  });
});

describe("after a power loss", () => {
  const LOSSES: [string, (file: string) => void][] = [
    ["gone", (file) => fs.rmSync(file)],
    ["gone with its directories", (file) => fs.rmSync(path.dirname(path.dirname(file)), { recursive: true })],
    ["empty", (file) => fs.truncateSync(file)],
    ["cut", (file) => fs.truncateSync(file, 300)],
    ["zeros", (file) => fs.writeFileSync(file, Buffer.alloc(fs.statSync(file).size))],
  ];

  it.each(LOSSES)("an object whose file is %s is restored, with its version", async (_, lose) => {
    const log = storageLog();
    const before = await run();
    await put(before.cache, KEY, "one", "power-loss");
    await put(before.cache, KEY, "two", "power-loss");
    await before.storage.settle();
    const again = await afterLoss(before, lose);
    expect(await read(again.cache, KEY)).toEqual({ version: 2, base: "two", patches: [] });
    expect(log()).toMatchObject([{ level: "warn", pending: 1, failed: 0 }]);
    await again.storage.settle();
    expect(fileOf(again)).toEqual(fileOf(before));
  });

  it("an object that had not come to rest is there", async () => {
    watchedLog();
    const before = await run();
    await put(before.cache, KEY, "one", "power-loss");
    expect(await read((await afterLoss(before)).cache, KEY)).toMatchObject({ version: 1, base: "one" });
  });

  it("a file that is stored as it was logged is not written again", async () => {
    const log = storageLog();
    const before = await run();
    await put(before.cache, KEY, "one", "power-loss");
    await before.storage.settle();
    await afterLoss(before);
    expect(log()).toMatchObject([{ level: "warn", pending: 0, failed: 0 }]);
  });

  it("an older file is replaced", async () => {
    watchedLog();
    const before = await run();
    await put(before.cache, KEY, "one", "power-loss");
    await before.storage.settle();
    const one = fileOf(before);
    await put(before.cache, KEY, "two", "power-loss");
    await before.storage.settle();
    const again = await afterLoss(before, (file) => fs.writeFileSync(file, one));
    expect(await read(again.cache, KEY)).toMatchObject({ version: 2, base: "two" });
    await again.storage.settle();
    expect(fileOf(again)).not.toEqual(one);
  });

  it("a newer file stays, and so does one of another program", async () => {
    watchedLog();
    const before = await run();
    await put(before.cache, KEY, "one", "power-loss");
    for (const value of ["one", "two"]) await put(before.cache, "a/s/p", value, "power-loss");
    await before.storage.settle();
    const left = copyOf(before.directory);
    await put(before.cache, KEY, "two", "restart");
    await before.storage.settle();
    const foreign = fs.readFileSync(FOREIGN);
    fs.writeFileSync(`${left}/${FILE}`, fileOf(before));
    fs.writeFileSync(`${left}/a/s/p.arrow`, foreign);
    const again = await run(left, AFTER);
    expect(await read(again.cache, KEY)).toMatchObject({ version: 2, base: "two" });
    await again.storage.settle();
    expect(fileOf(again)).toEqual(fileOf(before));
    expect(fileOf(again, "a/s/p.arrow")).toEqual(foreign);
  });

  it("a newer file that is torn makes way for what was promised", async () => {
    watchedLog();
    const before = await run();
    await put(before.cache, KEY, "one", "power-loss");
    const left = copyOf(before.directory);
    await put(before.cache, KEY, "two", "restart");
    await before.storage.settle();
    fs.mkdirSync(`${left}/a/s`, { recursive: true });
    fs.writeFileSync(`${left}/${FILE}`, fileOf(before).subarray(0, 700));
    const again = await run(left, AFTER);
    expect(await read(again.cache, KEY)).toMatchObject({ version: 1, base: "one" });
  });

  it("patches come back with their base", async () => {
    watchedLog();
    const before = await run();
    await put(before.cache, KEY, "base", "power-loss");
    await patch(before.cache, KEY, "more", "power-loss");
    await before.storage.settle();
    const again = await afterLoss(before, (_, directory) => fs.rmSync(`${directory}/a`, { recursive: true }));
    expect(await read(again.cache, KEY)).toEqual({ version: 2, base: "base", patches: ["more"] });
  });

  it("the form that an object had before does not stand beside it", async () => {
    watchedLog();
    const before = await run();
    await putTable(before.cache, KEY, "replaced", "restart");
    await before.storage.settle();
    const stream = fileOf(before, "a/s/o.arrows");
    await remove(before);
    await before.storage.settle();
    await put(before.cache, KEY, "value", "power-loss");
    const again = await afterLoss(before, (_, directory) => {
      fs.mkdirSync(`${directory}/a/s`, { recursive: true });
      fs.writeFileSync(`${directory}/a/s/o.arrows`, stream.subarray(0, 99));
    });
    expect(await read(again.cache, KEY)).toMatchObject({ base: "value" });
    await again.storage.settle();
    expect(tree(`${again.directory}/a`)).toEqual(["s/", "s/o.arrow"]);
  });

  it.each(["restart", "power-loss"] as const)(
    "an object that was deleted (%s) stays deleted, though its name came back",
    async (durability) => {
      watchedLog();
      const before = await run();
      await put(before.cache, KEY, "one", "power-loss");
      await before.storage.settle();
      const one = fileOf(before);
      await remove(before, durability);
      await before.storage.settle();
      const again = await afterLoss(before, withContent(one));
      expect(await again.cache.find(parseObjectKey(KEY))).toBeUndefined();
      await again.storage.settle();
      expect(fs.existsSync(`${again.directory}/a`)).toBe(false);
    },
  );

  it("a large object that was deleted stays deleted, though its name came back", async () => {
    watchedLog();
    const before = await run();
    await put(before.cache, KEY, LARGE);
    const one = fileOf(before);
    await remove(before);
    const again = await afterLoss(before, withContent(one));
    expect(await again.cache.find(parseObjectKey(KEY))).toBeUndefined();
    await again.storage.settle();
    expect(fs.existsSync(`${again.directory}/a`)).toBe(false);
  });

  it("a large object that is lost makes way for the small one before", async () => {
    watchedLog();
    const before = await run();
    await put(before.cache, KEY, "one", "power-loss");
    await put(before.cache, KEY, LARGE);
    const again = await afterLoss(before, (file) => fs.rmSync(file));
    expect(await read(again.cache, KEY)).toMatchObject({ version: 1, base: "one" });
  });

  it("an object that was put again over a removal that nobody promised stays", async () => {
    watchedLog();
    const before = await run();
    await put(before.cache, KEY, "one", "power-loss");
    await remove(before);
    const left = copyOf(before.directory);
    await put(before.cache, KEY, "two", "restart");
    await before.storage.settle();
    fs.mkdirSync(`${left}/a/s`, { recursive: true });
    fs.writeFileSync(`${left}/${FILE}`, fileOf(before));
    expect(await read((await run(left, AFTER)).cache, KEY)).toMatchObject({ base: "two" });
  });

  it("a lost segment loses what it had, and nothing else", async () => {
    watchedLog();
    const before = await run();
    const value = "v".repeat(50_000);
    for (const key of [KEY, "a/s/p", "a/s/q"]) await put(before.cache, key, value, "power-loss");
    const again = await afterLoss(before, (_, directory) => loseSegment(directory, 1));
    expect(await again.cache.find(parseObjectKey(KEY))).toBeUndefined();
    expect(await read(again.cache, "a/s/q")).toMatchObject({ base: value });
  });

  it("an object with something in its place is served, and written when the way is free", async () => {
    watchedLog();
    const before = await run();
    await put(before.cache, KEY, "one", "power-loss");
    const again = await afterLoss(before, (file) => fs.mkdirSync(`${file}/full`, { recursive: true }));
    await again.storage.settle();
    expect(await read(again.cache, KEY)).toMatchObject({ version: 1, base: "one" });
    fs.rmSync(`${again.directory}/${FILE}`, { recursive: true });
    await again.storage.settle();
    expect(fs.statSync(`${again.directory}/${FILE}`).isFile()).toBe(true);
  });

  it("what cannot be compared is told, stays in the log, and its version is not given out again", async () => {
    const log = storageLog();
    const before = await run();
    for (const value of ["one", "two", "three"]) await put(before.cache, KEY, value, "power-loss");
    await before.storage.settle();
    const copy = copyOf(before.directory);
    fs.rmSync(`${copy}/${FILE}`);
    const open = fs.openSync;
    vi.spyOn(fs, "openSync").mockImplementation((file, ...more) => {
      if (file === `${copy}/${FILE}`) throw failure("EIO");
      return open(file, ...more);
    });
    const broken = await run(copy, AFTER);
    vi.restoreAllMocks();
    expect(log()).toMatchObject([{ level: "error", path: FILE, errno: "EIO" }, { failed: 1 }]);
    expect(await put(broken.cache, KEY, "four")).toBeGreaterThan(3);
    await remove(broken);
    await broken.cache.stop();
    expect(broken.storage.counts.disk.log.checkpoints).toBe(0);
  });
});
