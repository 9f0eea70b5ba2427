/**
 * What a start makes of the commit log: after a power loss, on the same machine, and of a log that lies.
 */
import fs from "node:fs";
import path from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { encodeRecord, recordBytes } from "../../../src/storage/disk/commits/commit-record.ts";
import { encodeSegmentHead, newSegmentHead } from "../../../src/storage/disk/commits/segment-head.ts";
import type { DiskStep } from "../../../src/storage/disk/disk-steps.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { at, patch, put, putTable, read } from "../cache/cache-fixture.ts";
import { scratchDirectory, tree, watchedLog } from "./scratch-directory.ts";

/** Others may be at work on the machine. */
const PATIENT = { timeout: 20_000 };
const [BEFORE, AFTER] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];

/** A cache in one run of the machine. */
async function startedCache(directory: string, bootId: Buffer): Promise<IndexedCache> {
  const commits = { bootId, segmentBytes: 256 * 1024, syncedAtStopMax: 0 };
  const cache = new IndexedCache(new DiskStorage({ directory, commits }));
  await cache.start();
  onTestFinished(() => cache.stop());
  return cache;
}

/** A cache whose small puts are logged from now on. */
async function loggingCache(directory: string): Promise<IndexedCache> {
  const steps: DiskStep[] = [];
  const commits = { bootId: BEFORE, segmentBytes: 256 * 1024, syncedAtStopMax: 0 };
  const beforeStep = (step: DiskStep): void => void steps.push(step);
  const cache = new IndexedCache(new DiskStorage({ directory, commits, beforeStep }));
  await cache.start();
  onTestFinished(() => cache.stop());
  await vi.waitFor(async () => {
    await put(cache, "log/log/log", "log", "power-loss");
    expect(steps).toContain("syncCommits");
  }, PATIENT);
  return cache;
}

const KEY = "a/s/o";
const FILE = "a/s/o.arrow";

/** What another run of the machine makes of a directory in which `KEY` was logged, and then `lose` happened. */
async function afterLoss(
  directory: string,
  cache: IndexedCache,
  lose: (file: string) => void,
): Promise<IndexedCache> {
  await cache.stop();
  lose(`${directory}/${FILE}`);
  return await startedCache(directory, AFTER);
}

describe("after a power loss", () => {
  it.each([
    { what: "gone", lose: (file: string) => fs.rmSync(file) },
    {
      what: "gone with its directories",
      lose: (file: string) => fs.rmSync(path.dirname(path.dirname(file)), { recursive: true }),
    },
    { what: "empty", lose: (file: string) => fs.truncateSync(file) },
    { what: "cut", lose: (file: string) => fs.truncateSync(file, 300) },
    { what: "zeros", lose: (file: string) => fs.writeFileSync(file, Buffer.alloc(fs.statSync(file).size)) },
  ])("an object whose file is $what is put back, with its version", async ({ lose }) => {
    const log = watchedLog();
    const directory = scratchDirectory();
    const cache = await loggingCache(directory);
    await put(cache, KEY, "one", "power-loss");
    await put(cache, KEY, "two", "power-loss");
    const again = await afterLoss(directory, cache, lose);
    expect(await read(again, KEY)).toEqual({ version: 2, base: "two", patches: [] });
    expect(log().flatMap(({ putBack }) => putBack ?? [])).toEqual([1]);
    expect(fs.readdirSync(`${directory}/.staging`)).toEqual([]);
  });

  it("an older file is replaced, and a newer one that nobody promised stays", async () => {
    watchedLog();
    const directory = scratchDirectory();
    const cache = await loggingCache(directory);
    await put(cache, KEY, "one", "power-loss");
    const one = fs.readFileSync(`${directory}/${FILE}`);
    await put(cache, KEY, "two", "power-loss");
    await put(cache, "a/s/p", "one", "power-loss");
    await put(cache, "a/s/p", "two", "restart");
    const again = await afterLoss(directory, cache, (file) => fs.writeFileSync(file, one));
    expect(await read(again, KEY)).toMatchObject({ version: 2, base: "two" });
    expect(await read(again, "a/s/p")).toMatchObject({ version: 2, base: "two" });
  });

  it("a newer file that is torn makes way for what was promised", async () => {
    watchedLog();
    const directory = scratchDirectory();
    const cache = await loggingCache(directory);
    await put(cache, KEY, "one", "power-loss");
    await put(cache, KEY, "two", "restart");
    const again = await afterLoss(directory, cache, (file) => fs.truncateSync(file, 700));
    expect(await read(again, KEY)).toMatchObject({ version: 1, base: "one" });
  });

  it("patches come back with their base", async () => {
    watchedLog();
    const directory = scratchDirectory();
    const cache = await loggingCache(directory);
    await put(cache, KEY, "base", "power-loss");
    await patch(cache, KEY, "more", "power-loss");
    const again = await afterLoss(directory, cache, () => fs.rmSync(`${directory}/a`, { recursive: true }));
    expect(await read(again, KEY)).toEqual({ version: 2, base: "base", patches: ["more"] });
  });

  it("the form that an object had before does not stand beside it", async () => {
    watchedLog();
    const directory = scratchDirectory();
    const cache = await loggingCache(directory);
    await putTable(cache, KEY, "replaced", "restart");
    const stream = fs.readFileSync(`${directory}/a/s/o.arrows`);
    await cache.delete({ scope: "object", key: parseObjectKey(KEY) }, "restart");
    await put(cache, KEY, "value", "power-loss");
    await afterLoss(directory, cache, () =>
      fs.writeFileSync(`${directory}/a/s/o.arrows`, stream.subarray(0, 99)),
    );
    expect(tree(`${directory}/a`)).toEqual(["s/", "s/o.arrow"]);
  });

  it.each(["restart", "power-loss"] as const)(
    "an object that was deleted (%s) stays deleted, though its name came back",
    async (durability) => {
      watchedLog();
      const directory = scratchDirectory();
      const cache = await loggingCache(directory);
      await put(cache, KEY, "one", "power-loss");
      const one = fs.readFileSync(`${directory}/${FILE}`);
      await cache.delete({ scope: "object", key: parseObjectKey(KEY) }, durability);
      const again = await afterLoss(directory, cache, (file) => {
        fs.mkdirSync(`${directory}/a/s`, { recursive: true });
        fs.writeFileSync(file, one);
      });
      expect(fs.existsSync(`${directory}/${FILE}`)).toBe(false);
      expect(await again.find(parseObjectKey(KEY))).toBeUndefined();
    },
  );

  it("what cannot be put back is told, stays in the log, and does not end the start", async () => {
    const log = watchedLog();
    const directory = scratchDirectory();
    const cache = await loggingCache(directory);
    await put(cache, KEY, "one", "power-loss");
    const broken = await afterLoss(directory, cache, (file) => {
      fs.rmSync(file);
      fs.mkdirSync(`${file}/full`, { recursive: true });
    });
    expect(log().map(({ path }) => path)).toContain(FILE);
    const again = await afterLoss(directory, broken, (file) => fs.rmSync(file, { recursive: true }));
    expect(await read(again, KEY)).toMatchObject({ version: 1, base: "one" });
  });
});

describe("within one run of the machine", () => {
  it("a file that was removed by hand does not come back, now or after a power loss", async () => {
    watchedLog();
    const directory = scratchDirectory();
    const cache = await loggingCache(directory);
    await put(cache, KEY, "one", "power-loss");
    await put(cache, "a/s/p", "stays", "power-loss");
    await cache.stop();
    fs.rmSync(`${directory}/${FILE}`);
    const same = await startedCache(directory, BEFORE);
    expect(await same.find(parseObjectKey(KEY))).toBeUndefined();
    await vi.waitFor(async () => {
      await put(same, "a/s/q", "asks for a segment", "power-loss");
      expect(fs.readdirSync(`${directory}/.commits`).length).toBeGreaterThan(1);
    }, PATIENT);
    const again = await afterLoss(directory, same, () => fs.rmSync(`${directory}/a/s/p.arrow`));
    expect(await again.find(parseObjectKey(KEY))).toBeUndefined();
    expect(await read(again, "a/s/p")).toMatchObject({ base: "stays" });
  });
});

it("a segment of which a sync failed stays until the machine was restarted, also over a stop", async () => {
  const log = watchedLog();
  const directory = scratchDirectory();
  const steps: DiskStep[] = [];
  const commits = { bootId: BEFORE, segmentBytes: 256 * 1024 };
  const failing = { beforeStep: refuse("syncPublished") };
  const cache = new IndexedCache(new DiskStorage({ directory, commits, ...failing }));
  await cache.start();
  await vi.waitFor(async () => {
    await put(cache, KEY, "one", "power-loss");
    expect(fs.readdirSync(`${directory}/.commits`).length).toBe(2);
  }, PATIENT);
  await put(cache, KEY, "two", "power-loss");
  await cache.stop();
  expect(log().map(({ level }) => level)).toContain("error");
  const beforeStep = (step: DiskStep): void => void steps.push(step);
  const same = new IndexedCache(new DiskStorage({ directory, commits, beforeStep }));
  await same.start();
  await same.stop();
  expect(steps).not.toContain("headCommits");
  const again = await afterLoss(directory, same, (file) => fs.rmSync(file));
  expect(await read(again, KEY)).toMatchObject({ base: "two" });
});

function refuse(wanted: DiskStep): (step: DiskStep) => void {
  return at(wanted, () => {
    throw Object.assign(new Error("EIO: simulated"), { code: "EIO", syscall: "fsync" });
  });
}

/** A log that somebody wrote. */
function writeLog(
  directory: string,
  paths: readonly string[],
  damage: (bytes: Buffer) => void = () => {},
): void {
  const head = newSegmentHead(1, BEFORE);
  const bytes = Buffer.alloc(64 * 1024);
  encodeSegmentHead(head).copy(bytes);
  let position = 64;
  for (const path of paths) {
    const record = { kind: "put" as const, path, content: [Buffer.from("content")] };
    Buffer.concat(encodeRecord(record, head, position)).copy(bytes, position);
    position += recordBytes(record);
  }
  damage(bytes);
  fs.mkdirSync(`${directory}/.commits`, { recursive: true });
  fs.writeFileSync(`${directory}/.commits/1`, bytes);
}

describe("a log that lies", () => {
  it.each([
    "../out.arrow",
    "a/../../out.arrow",
    "/etc/out.arrow",
    "a/s/../o.arrow",
    "a//o.arrow",
    "a/s/o.txt",
    "a/.s/o.arrow",
    ".staging/s/o.arrow",
    ".version-floor",
    "a/s/.o.v1/../o.arrow",
    "a/s/.o.v01/2.arrow",
    "a/s/o.v1/2.arrow",
    "a/s/.o.v1/2.arrow/x",
    "a/s/\ufffd\0.arrow",
    "",
  ])("about %j writes nothing, and what else is in it is used", async (hostile) => {
    const log = watchedLog();
    const root = scratchDirectory();
    const directory = `${root}/storage`;
    writeLog(directory, [hostile, "a/s/whole.arrow"]);
    await startedCache(directory, AFTER);
    expect(tree(root).filter((each) => each.endsWith("arrow"))).toEqual(["storage/a/s/whole.arrow"]);
    expect(log().map(({ foreign }) => foreign)).toContain(1);
  });

  it("whose record is damaged is used for the others, and says so", async () => {
    const log = watchedLog();
    const directory = scratchDirectory();
    writeLog(directory, ["a/s/one.arrow", "a/s/two.arrow"], (bytes) => {
      bytes[64 + 40]! ^= 1;
    });
    await startedCache(directory, AFTER);
    expect(tree(`${directory}/a`)).toEqual(["s/", "s/two.arrow"]);
    expect(log().map(({ damagedBytes }) => damagedBytes)).toContain(56);
  });

  it("which is no file, a link, far too large or unreadable does not end the start", async () => {
    watchedLog();
    const directory = scratchDirectory();
    fs.mkdirSync(`${directory}/.commits/1`, { recursive: true });
    fs.symlinkSync("/etc/passwd", `${directory}/.commits/2`);
    fs.writeFileSync(`${directory}/.commits/3`, "short");
    fs.writeFileSync(`${directory}/.commits/4`, "");
    fs.truncateSync(`${directory}/.commits/4`, 2 ** 40);
    const cache = await startedCache(directory, AFTER);
    await put(cache, KEY, "value", "power-loss");
    expect(await read(cache, KEY)).toMatchObject({ base: "value" });
  });
});
