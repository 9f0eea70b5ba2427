/**
 * Damaged files: an error to who asks for them, out of the way, and never the end of anything else.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import { CacheError } from "../../../src/errors.ts";
import { LIMITS } from "../../../src/limits.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { REASON_ENDING } from "../../../src/storage/disk/quarantine-reason.ts";
import { ancestorFile } from "../../support/ancestor-directory.ts";
import { goldenFile } from "../arrow/golden.ts";
import { watchedLog } from "../storage/scratch-directory.ts";
import {
  diskCache,
  engineOf,
  keysOf,
  largeValue,
  ownDirectory,
  patch,
  patchTable,
  put,
  putTable,
  read,
  readPatch,
  refused,
  restart,
  settled,
} from "./cache-fixture.ts";

const KEY = "app/session/object";
const NAME = parseObjectKey(KEY);

/** Flips one bit of a file, `fromEnd` bytes before its end. */
function flip(path: string, fromEnd: number): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - fromEnd]! ^= 1;
  writeFileSync(path, bytes);
}

function quarantined(directory: string): string[] {
  const prefix = `${directory}/.quarantine/`;
  return quarantinedPaths(directory).map((path) => path.slice(prefix.length).replace(/\.[0-9a-f-]{36}$/, ""));
}

function quarantinedPaths(directory: string): string[] {
  const path = `${directory}/.quarantine`;
  const all = existsSync(path) ? readdirSync(path, { recursive: true, encoding: "utf8" }) : [];
  const files = all.filter((name) => name.includes(".arrow") && !name.endsWith(REASON_ENDING));
  return files.map((name) => `${path}/${name}`);
}

/** Footer and first message stay as they were. */
function cutOut(file: Buffer): Buffer {
  return Buffer.concat([file.subarray(0, 100), file.subarray(-2000)]);
}

const CORRUPT = refused("OBJECT_CORRUPT");

/** A directory with one object in it, and the cache that made it stopped. */
async function stopped(fill: (cache: IndexedCache) => Promise<unknown>): Promise<string> {
  const directory = ownDirectory();
  const cache = await diskCache(directory);
  await fill(cache);
  await cache.stop();
  return directory;
}

const SMALL = (cache: IndexedCache) => put(cache, KEY, "a small value");
const LARGE = (cache: IndexedCache) => put(cache, KEY, largeValue());
const FILE = "app/session/object.arrow";

describe("a small damaged file", () => {
  it.each([
    ["with a flipped bit in its value", (path: string) => flip(path, readFileSync(path).length - 700)],
    ["with a flipped bit in its footer", (path: string) => flip(path, 100)],
    ["that is cut short", (path: string) => truncateSync(path, readFileSync(path).length - 5)],
  ])("%s is OBJECT_CORRUPT to everyone who asks, and is put aside", async (_, damage) => {
    const directory = await stopped(SMALL);
    damage(`${directory}/${FILE}`);
    const cache = await diskCache(directory);
    await expect(read(cache, KEY)).rejects.toThrow(CORRUPT);
    await expect(read(cache, KEY)).rejects.toThrow(CORRUPT);
    await expect(cache.stat(NAME)).rejects.toThrow(CORRUPT);
    await expect(patch(cache, KEY, "x")).rejects.toThrow(CORRUPT);
    expect(quarantined(directory)).toEqual([FILE]);
    expect(existsSync(`${directory}/${FILE}`)).toBe(false);
  });

  it("says beside it why it was put aside, and the command that puts it back", async () => {
    const directory = await stopped(SMALL);
    truncateSync(`${directory}/${FILE}`, 1000);
    const damaged = readFileSync(`${directory}/${FILE}`);
    const cache = await diskCache(directory);
    await expect(read(cache, KEY)).rejects.toThrow(CORRUPT);
    await cache.stop();
    const names = readdirSync(`${directory}/.quarantine/app/session`);
    const text = readFileSync(
      `${directory}/.quarantine/app/session/${names.find((name) => name.endsWith(REASON_ENDING))}`,
      "utf8",
    );
    expect(text).toMatch(
      /^key {5}app\/session\/object\ntime {4}\d{4}-.*Z\nreason {2}\[OBJECT_CORRUPT\] .+\nundo {4}mkdir/,
    );
    execFileSync("sh", ["-c", /^undo {4}(.*)$/m.exec(text)![1]!], { cwd: directory });
    expect(readFileSync(`${directory}/${FILE}`)).toEqual(damaged);
  });

  it("stops neither the start nor the scan", async () => {
    const directory = await stopped(async (cache) => {
      for (const key of ["app/session/1", KEY, "app/session/2", "app/tomorrow/3"]) await put(cache, key, "x");
    });
    flip(`${directory}/${FILE}`, 100);
    const cache = await diskCache(directory);
    expect(await keysOf(cache)).toEqual(["app/session/1", "app/session/2", "app/tomorrow/3"]);
  });

  it("is replaced by a put, in a version that was never seen", async () => {
    const directory = await stopped(SMALL);
    flip(`${directory}/${FILE}`, 100);
    const cache = await diskCache(directory);
    expect(await put(cache, KEY, "whole")).toBeGreaterThan(LIMITS.versionJumpOnLoss);
    expect((await read(cache, KEY)).base).toBe("whole");
  });

  it("is not an object after the next restart, and its versions do not come again", async () => {
    const directory = await stopped(SMALL);
    flip(`${directory}/${FILE}`, 100);
    const cache = await diskCache(directory);
    await expect(read(cache, KEY)).rejects.toThrow(CORRUPT);
    const after = await restart(cache, directory);
    await expect(read(after, KEY)).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
    expect(await put(after, KEY, "again")).toBeGreaterThan(LIMITS.versionJumpOnLoss);
  });

  it("is deleted as any other", async () => {
    const directory = await stopped(SMALL);
    flip(`${directory}/${FILE}`, 100);
    const cache = await diskCache(directory);
    expect(await cache.delete({ scope: "object", key: NAME })).toBe(1);
    await expect(read(cache, KEY)).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
  });
});

describe("a file that another program wrote and nobody can read", () => {
  const CONTENTS: [string, Buffer][] = [
    ["no Arrow file at all", Buffer.from("not an Arrow file at all")],
    ["zeros", Buffer.alloc(5000)],
    ["a magic and no more", Buffer.from("ARROW1\0\0ARROW1", "latin1")],
    ["cut out in its middle", cutOut(goldenFile("nested"))],
  ];

  it.each(CONTENTS)(
    "such as %s is OBJECT_CORRUPT and stays where it is, and no version is lost",
    async (_, content) => {
      const directory = await stopped((cache) => put(cache, "app/session/other", "x"));
      writeFileSync(`${directory}/${FILE}`, content);
      const cache = await diskCache(directory);
      await expect(read(cache, KEY)).rejects.toThrow(CORRUPT);
      await expect(patch(cache, KEY, "x")).rejects.toThrow(CORRUPT);
      expect(await keysOf(cache)).toEqual(["app/session/other"]);
      expect(readFileSync(`${directory}/${FILE}`)).toEqual(content);
      expect(quarantined(directory)).toEqual([]);
      expect(engineOf(cache).versionFloor).toBe(0);
      expect(await put(cache, "app/session/new", "x")).toBe(1);
    },
  );

  it("is logged once", async () => {
    const directory = await stopped(SMALL);
    writeFileSync(`${directory}/${FILE}`, "not an Arrow file at all");
    const log = watchedLog();
    const cache = await diskCache(directory);
    for (let time = 0; time < 3; time += 1) await expect(read(cache, KEY)).rejects.toThrow(CORRUPT);
    await keysOf(cache);
    expect(log().filter(({ text }) => String(text).includes("stays where it is"))).toHaveLength(1);
  });

  it("is replaced by a put in a version that it cannot have had, and deleted as any other", async () => {
    const directory = await stopped(SMALL);
    writeFileSync(`${directory}/${FILE}`, "not an Arrow file at all");
    const cache = await diskCache(directory);
    expect(await put(cache, KEY, "whole")).toBeGreaterThan(LIMITS.versionJumpOnLoss);
    expect((await read(cache, KEY)).base).toBe("whole");
    writeFileSync(`${directory}/app/session/gone.arrow`, "not an Arrow file at all");
    expect(await cache.delete({ scope: "session", applicationId: "app", sessionId: "session" })).toBe(2);
    await settled(cache);
    expect(existsSync(`${directory}/app`)).toBe(false);
  });
});

describe("a large damaged file", () => {
  it("is found at the first get, before a byte of it is sent, and put aside", async () => {
    const directory = await stopped(LARGE);
    flip(`${directory}/${FILE}`, 100_000);
    const cache = await diskCache(directory);
    expect(await keysOf(cache)).toEqual([KEY]);
    await expect(read(cache, KEY)).rejects.toThrow(CORRUPT);
    expect(await keysOf(cache)).toEqual([]);
    expect(quarantined(directory)).toEqual([FILE]);
    expect(await put(cache, KEY, "whole")).toBe(2);
  });

  it("still gives its patches to who came before it was found", async () => {
    const directory = await stopped(async (cache) => {
      await LARGE(cache);
      await patch(cache, KEY, "patch");
    });
    flip(`${directory}/${FILE}`, 100_000);
    const cache = await diskCache(directory);
    const { reading } = await cache.open(NAME, () => false);
    await expect(read(cache, KEY)).rejects.toThrow(CORRUPT);
    await cache.delete({ scope: "object", key: NAME });
    expect(await readPatch(reading, 2)).toBe("patch");
    reading.close();
  });

  it("that was put in this process is found at the next get, also when it was sent whole before", async () => {
    const directory = ownDirectory();
    const cache = await diskCache(directory);
    await LARGE(cache);
    expect((await read(cache, KEY)).version).toBe(1);
    flip(`${directory}/${FILE}`, 100_000);
    await expect(read(cache, KEY)).rejects.toThrow(CORRUPT);
    expect(quarantined(directory)).toEqual([FILE]);
  });
});

describe("a damaged patch", () => {
  const PATCH = "app/session/.object.v1/2.arrow";

  it("makes its object an error, and stays where it is: without it the object would look whole", async () => {
    const directory = await stopped(async (cache) => {
      await SMALL(cache);
      await patch(cache, KEY, "one");
      await patch(cache, KEY, "two");
    });
    flip(`${directory}/${PATCH}`, 100);
    const cache = await diskCache(directory);
    await expect(read(cache, KEY)).rejects.toThrow(CORRUPT);
    await expect(patch(cache, KEY, "three")).rejects.toThrow(CORRUPT);
    expect(existsSync(`${directory}/${PATCH}`)).toBe(true);
    await expect(read(await restart(cache, directory), KEY)).rejects.toThrow(CORRUPT);
  });

  it("that is missing between others makes its object an error", async () => {
    const directory = await stopped(async (cache) => {
      await SMALL(cache);
      await patch(cache, KEY, "one");
      await patch(cache, KEY, "two");
    });
    rmSync(`${directory}/${PATCH}`);
    await expect(read(await diskCache(directory), KEY)).rejects.toThrow(CORRUPT);
  });

  it("goes when its object is replaced, in a version behind its own", async () => {
    const directory = await stopped(async (cache) => {
      await SMALL(cache);
      await patch(cache, KEY, "one");
      await patch(cache, KEY, "two");
    });
    flip(`${directory}/${PATCH}`, 100);
    const cache = await diskCache(directory);
    expect(await put(cache, KEY, "whole")).toBe(4);
    await settled(cache);
    expect(readdirSync(`${directory}/app/session`)).toEqual(["object.arrow"]);
  });

  it("that is large is found when it is read first, before a byte of it is sent", async () => {
    const directory = await stopped(async (cache) => {
      await SMALL(cache);
      await patch(cache, KEY, largeValue());
    });
    flip(`${directory}/${PATCH}`, 100_000);
    const cache = await diskCache(directory);
    await expect(read(cache, KEY)).rejects.toThrow(CORRUPT);
  });

  it("that is large and whole is read until it is damaged", async () => {
    const value = largeValue();
    const directory = await stopped(async (cache) => {
      await SMALL(cache);
      await patch(cache, KEY, value);
    });
    const cache = await diskCache(directory);
    expect((await read(cache, KEY)).patches).toEqual([value.toString()]);
    flip(`${directory}/${PATCH}`, 100_000);
    await expect(read(cache, KEY)).rejects.toThrow(CORRUPT);
  });
});

describe("an object of ours to which the Rust cache appended, damaged while the server runs", () => {
  it.each([
    ["a small value", Buffer.from("a small value")],
    ["a large value", largeValue()],
  ])("is not written anew under a checksum that hides it: %s", async (_, value) => {
    const directory = await stopped((cache) => put(cache, KEY, value));
    cpSync(ancestorFile("team/jobs/patched.deltas"), `${directory}/app/session/object.deltas`, {
      recursive: true,
    });
    const path = `${directory}/${FILE}`;
    const cache = await diskCache(directory);
    await read(cache, KEY);
    flip(path, readFileSync(path).length - readFileSync(path).indexOf(value));
    const damaged = readFileSync(path);
    await expect(patch(cache, KEY, "ours")).rejects.toThrow(CORRUPT);
    await expect(read(cache, KEY)).rejects.toThrow(CORRUPT);
    expect(readdirSync(`${directory}/app/session`)).toContain("object.deltas");
    expect(readdirSync(`${directory}/.staging`)).toEqual([]);
    const kept = [path, ...quarantinedPaths(directory)].filter((each) => existsSync(each));
    expect(kept.map((each) => readFileSync(each))).toEqual([damaged]);
  });
});

describe("an object that a get reports as damaged", () => {
  it("is an error from then on, until it is replaced", async () => {
    const directory = ownDirectory();
    const cache = await diskCache(directory);
    await putTable(cache, KEY, "nested");
    const { reading, base } = await cache.open(NAME, () => true);
    expect(base?.kind).toBe("table");
    cache.reportDamage(reading, new CacheError("OBJECT_CORRUPT", "found midway"));
    reading.close();
    await expect(cache.stat(NAME)).rejects.toThrow(CORRUPT);
    await expect(patchTable(cache, KEY, "nested")).rejects.toThrow(CORRUPT);
    expect(await keysOf(cache)).toEqual([]);
    expect(await put(cache, KEY, "whole")).toBe(2);
  });
});
