/**
 * Deleting by key and by prefix: all that is named goes, in whatever form, and nothing else does.
 */
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import type { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import { LIMITS } from "../../../src/limits.ts";
import type { KeyPattern } from "../../../src/object/object-key.ts";
import { parseObjectKey, type SessionPrefix } from "../../../src/object/object-key.ts";
import { MemoryStorage } from "../../../src/storage/memory-storage.ts";
import type { SingleFile, StoredName } from "../../../src/storage/object-storage.ts";
import { encodeClientValue } from "../../support/client-file.ts";
import { recordsIn } from "../../support/log-records.ts";
import {
  diskCache,
  engineOf,
  keysOf,
  memoryCache,
  ownDirectory,
  patch,
  put,
  putTable,
  restart,
  settled,
} from "./cache-fixture.ts";

const KEYS = ["a/s/1", "a/s/2", "a/t/1", "ab/s/1", "b/s/1"];

const PATTERNS: readonly (readonly [string, KeyPattern, readonly string[]])[] = [
  ["a key", { scope: "object", key: parseObjectKey("a/s/1") }, ["a/s/1"]],
  ["a session", { scope: "session", applicationId: "a", sessionId: "s" }, ["a/s/1", "a/s/2"]],
  ["an application", { scope: "application", applicationId: "a" }, ["a/s/1", "a/s/2", "a/t/1"]],
  ["a session that is not there", { scope: "session", applicationId: "a", sessionId: "u" }, []],
  ["an application that is not there", { scope: "application", applicationId: "c" }, []],
];

async function fill(cache: IndexedCache): Promise<IndexedCache> {
  for (const key of KEYS) await put(cache, key, key);
  return cache;
}

/** Every file and directory under the storage directory, but for the engine's own. */
async function treeOf(cache: IndexedCache, directory: string): Promise<string[]> {
  await settled(cache);
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((path) => !/^\.(staging|log)/.test(path))
    .sort();
}

describe.each([
  ["in memory", () => memoryCache()],
  ["in files", () => diskCache(ownDirectory())],
])("a delete %s", (_, start) => {
  it.each(PATTERNS)("of %s takes what it names and says how many", async (_name, pattern, gone) => {
    const cache = await fill(await start());
    expect(await cache.delete(pattern)).toBe(gone.length);
    expect(await keysOf(cache)).toEqual(KEYS.filter((key) => !gone.includes(key)));
    expect(cache.size).toBe(KEYS.length - gone.length);
  });

  it("a second time finds nothing", async () => {
    const cache = await fill(await start());
    await cache.delete({ scope: "application", applicationId: "a" });
    expect(await cache.delete({ scope: "application", applicationId: "a" })).toBe(0);
  });
});

describe("a delete in files", () => {
  it("leaves no file of any form, no patch, and no empty directory", async () => {
    const directory = ownDirectory();
    const cache = await diskCache(directory);
    await put(cache, "a/s/value", "x");
    await patch(cache, "a/s/value", "y");
    await patch(cache, "a/s/value", "z");
    await putTable(cache, "a/s/file", "nested");
    await putTable(cache, "a/t/stream", "replaced");
    expect(await cache.delete({ scope: "application", applicationId: "a" })).toBe(3);
    expect(await treeOf(cache, directory)).toEqual([]);
  });

  it("takes a client's file that nobody has asked for", async () => {
    const directory = ownDirectory();
    const cache = await diskCache(directory);
    await keysOf(cache);
    mkdirSync(`${directory}/a/s`, { recursive: true });
    writeFileSync(`${directory}/a/s/dropped.arrow`, encodeClientValue({ cells: [Buffer.from("x")] }));
    expect(await cache.delete({ scope: "session", applicationId: "a", sessionId: "s" })).toBe(1);
    expect(await treeOf(cache, directory)).toEqual([]);
  });

  it("right after a start takes also what the scan finds while it is asked for", async () => {
    const directory = ownDirectory();
    const before = await diskCache(directory);
    for (const key of ["a/s/1", "a/s/2", "a/t/3"]) await put(before, key, "x");
    const cache = await restart(before, directory);
    expect(await cache.delete({ scope: "session", applicationId: "a", sessionId: "s" })).toBe(2);
    const again = await restart(cache, directory);
    expect(await again.delete({ scope: "application", applicationId: "a" })).toBe(1);
    expect(await treeOf(again, directory)).toEqual([]);
  });

  it("of many objects writes the version floor once, above them all", async () => {
    const directory = ownDirectory();
    const cache = await diskCache(directory);
    for (const key of ["a/s/1", "a/s/2", "a/s/2", "a/t/3", "a/t/3", "a/t/3"]) await put(cache, key, "x");
    expect(await cache.delete({ scope: "application", applicationId: "a" })).toBe(3);
    expect(recordsIn(directory).filter(({ kind }) => kind === "floor")).toHaveLength(1);
    expect(await put(cache, "a/s/1", "x")).toBe(4);
  });

  it("leaves a client's file that is not whole yet", async () => {
    const directory = ownDirectory();
    const cache = await diskCache(directory);
    mkdirSync(`${directory}/a/s`, { recursive: true });
    const bytes = encodeClientValue({ cells: [Buffer.from("x")] });
    writeFileSync(`${directory}/a/s/dropped.arrow`, bytes.subarray(0, 300));
    expect(await cache.delete({ scope: "application", applicationId: "a" })).toBe(0);
    expect(await treeOf(cache, directory)).toEqual(["a", "a/s", "a/s/dropped.arrow"]);
  });
});

const SESSION = { scope: "session", applicationId: "app", sessionId: "session" } as const;

/** An engine that takes down what it is asked about. */
class WatchedStorage extends MemoryStorage {
  readonly touched: string[] = [];

  #take({ applicationId, sessionId }: SessionPrefix): void {
    this.touched.push(`${applicationId}/${sessionId}`);
  }

  override open(name: StoredName) {
    this.#take(name.key);
    return super.open(name);
  }

  override remove(name: StoredName) {
    this.#take(name.key);
    return super.remove(name);
  }

  override removeSingle(files: readonly SingleFile[]) {
    for (const { name } of files) this.#take(name.key);
    return super.removeSingle(files);
  }

  override scanSession(applicationId: string, sessionId: string) {
    this.#take({ applicationId, sessionId });
    return super.scanSession(applicationId, sessionId);
  }

  override listSessions(applicationId: string) {
    this.touched.push(applicationId);
    return super.listSessions(applicationId);
  }
}

describe("a delete among many objects", () => {
  it("touches what it names and nothing else", async () => {
    const storage = new WatchedStorage();
    const cache = await memoryCache(storage);
    for (let object = 0; object < 1_000; object += 1) await put(cache, `app/${object % 20}/${object}`, "x");
    for (let object = 0; object < 10; object += 1) await put(cache, `app/small/${object}`, "x");
    storage.touched.length = 0;
    expect(await cache.delete({ scope: "session", applicationId: "app", sessionId: "small" })).toBe(10);
    expect(new Set(storage.touched)).toEqual(new Set(["app/small"]));
    expect(storage.touched.length).toBeLessThanOrEqual(1 + 10 * 2);
    expect(cache.size).toBe(1_000);
  });

  it("lets other calls in while it goes on", async () => {
    const cache = await memoryCache();
    const objects = 10 * LIMITS.deletedPerTurn;
    for (let object = 0; object < objects; object += 1) await put(cache, `app/session/${object}`, "x");
    let isDone = false;
    const deleted = cache.delete({ scope: "application", applicationId: "app" }).finally(() => {
      isDone = true;
    });
    let turns = 0;
    for (; !isDone; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(await deleted).toBe(objects);
    expect(turns).toBeGreaterThanOrEqual(10);
  });

  it("that fails at one object removes no more behind it, and is done when it says so", async () => {
    let removals = 0;
    const cache = await diskCache(ownDirectory());
    vi.spyOn(engineOf(cache), "remove").mockImplementation(async ({ part }) => {
      if (part.kind === "file") removals += 1;
      if (removals > 20) throw new Error("stuck");
      return true;
    });
    for (let object = 0; object < 100; object += 1) {
      await put(cache, `app/session/${object}`, "x");
      await patch(cache, `app/session/${object}`, "y");
    }
    await expect(cache.delete(SESSION)).rejects.toThrow("stuck");
    const after = removals;
    await new Promise((resolve) => setImmediate(resolve));
    expect(removals).toBe(after);
    expect(removals).toBeLessThanOrEqual(21 + LIMITS.deleteConcurrency);
  });

  it("that fails at plain ones removes no more behind them, and finds them again", async () => {
    const cache = await diskCache(ownDirectory());
    const objects = 3 * LIMITS.deletedPerTurn;
    for (let object = 0; object < objects; object += 1) await put(cache, `app/session/${object}`, "x");
    const engine = engineOf(cache);
    const { removeSingle } = engine;
    let groups = 0;
    vi.spyOn(engine, "removeSingle").mockImplementation(async (files) => {
      groups += 1;
      if (groups === 2) throw new Error("stuck");
      await removeSingle.call(engine, files);
    });
    await expect(cache.delete(SESSION)).rejects.toThrow("stuck");
    expect(cache.size).toBe(LIMITS.deletedPerTurn);
    expect(await cache.find(parseObjectKey(`app/session/${LIMITS.deletedPerTurn}`))).toBeDefined();
    expect(await cache.delete(SESSION)).toBe(2 * LIMITS.deletedPerTurn);
    expect(cache.size).toBe(0);
  });

  it("takes both forms of an object, though the index knows one", async () => {
    const directory = ownDirectory();
    const cache = await diskCache(directory);
    await put(cache, "app/session/1", "x");
    await settled(cache);
    copyFileSync(`${directory}/app/session/1.arrow`, `${directory}/app/session/1.arrows`);
    expect(await cache.delete(SESSION)).toBe(1);
    expect(await treeOf(cache, directory)).toEqual([]);
  });

  it("leaves what somebody works on to the lock, and takes it then", async () => {
    const cache = await diskCache(ownDirectory());
    for (const object of [1, 2]) await put(cache, `app/session/${object}`, "x");
    const [again, deleted] = await Promise.all([put(cache, "app/session/1", "y"), cache.delete(SESSION)]);
    expect(again).toBe(2);
    expect([1, 2]).toContain(deleted);
    expect(await put(cache, "app/session/1", "z")).toBeGreaterThan(2);
  });
});
