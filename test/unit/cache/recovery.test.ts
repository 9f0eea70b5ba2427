/**
 * What a start finds: leftovers of a crash, files of clients, and gets that came before the scan.
 */
import { cpSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { MemoryStorage } from "../../../src/storage/memory-storage.ts";
import type { ScannedObjects, ScannedSession } from "../../../src/storage/object-storage.ts";
import { NO_FACTS } from "../../../src/storage/scanned-facts.ts";
import { encodeClientValue } from "../../support/client-file.ts";
import { goldenFile } from "../arrow/golden.ts";
import {
  diskCache,
  keysOf,
  memoryCache,
  ownDirectory,
  patch,
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

function session(directory: string): string[] {
  return readdirSync(`${directory}/app/session`, { recursive: true, encoding: "utf8" }).sort();
}

describe("a crash", () => {
  it.each([
    ["a file over a stream", "replaced", "nested", "object.arrows", "object.arrow"],
    ["a stream over a file", "nested", "replaced", "object.arrow", "object.arrows"],
  ])("between %s leaves both, and the later one counts", async (_, older, newer, olderFile, newerFile) => {
    const directory = ownDirectory();
    const before = await diskCache(directory);
    await putTable(before, KEY, older);
    await settled(before);
    cpSync(`${directory}/app/session/${olderFile}`, `${directory}/saved`);
    await putTable(before, KEY, newer);
    await before.stop();
    renameSync(`${directory}/saved`, `${directory}/app/session/${olderFile}`);
    const after = await diskCache(directory);
    expect(await after.stat(NAME)).toMatchObject({ version: 2 });
    await settled(after);
    expect(session(directory)).toEqual([newerFile]);
  });

  it("between a base and the patches of the one before never joins the two, and the scan drops them", async () => {
    const directory = ownDirectory();
    const before = await diskCache(directory);
    await put(before, KEY, "base");
    await patch(before, KEY, "old patch");
    await settled(before);
    cpSync(`${directory}/app/session/.object.v1`, `${directory}/saved`, { recursive: true });
    await put(before, KEY, "new base");
    await patch(before, KEY, "new patch");
    await before.stop();
    renameSync(`${directory}/saved`, `${directory}/app/session/.object.v1`);
    const after = await diskCache(directory);
    expect(await read(after, KEY)).toEqual({ version: 4, base: "new base", patches: ["new patch"] });
    await keysOf(after);
    await settled(after);
    expect(session(directory)).toEqual([".object.v3", ".object.v3/4.arrow", "object.arrow"]);
  });

  it("between a base that is deleted and its patches leaves nothing behind the scan", async () => {
    const directory = ownDirectory();
    const before = await diskCache(directory);
    await put(before, KEY, "base");
    await patch(before, KEY, "patch");
    await put(before, "app/session/other", "x");
    await settled(before);
    cpSync(`${directory}/app/session/.object.v1`, `${directory}/saved`, { recursive: true });
    await before.delete({ scope: "object", key: NAME });
    await before.stop();
    renameSync(`${directory}/saved`, `${directory}/app/session/.object.v1`);
    const after = await diskCache(directory);
    expect(await keysOf(after)).toEqual(["app/session/other"]);
    await settled(after);
    expect(session(directory)).toEqual(["other.arrow"]);
    expect(await put(after, KEY, "again")).toBe(3);
  });
});

describe("a start", () => {
  it("finds every object again", async () => {
    const directory = ownDirectory();
    const before = await diskCache(directory);
    const keys = ["a/s/1", "a/s/2", "a/t/:3", "b/s/é"];
    for (const key of keys) await put(before, key, key);
    const after = await restart(before, directory);
    expect(await keysOf(after)).toEqual(keys.toSorted());
    expect(await Promise.all(keys.map(async (key) => (await read(after, key)).base))).toEqual(keys);
  });

  it("answers for an object before the scan has come to it", async () => {
    const directory = ownDirectory();
    const before = await diskCache(directory);
    for (let number = 0; number < 50; number += 1) await put(before, `app/session/${number}`, `${number}`);
    const after = await restart(before, directory);
    expect((await read(after, "app/session/49")).base).toBe("49");
    expect(after.size).toBeLessThanOrEqual(50);
    expect(await keysOf(after)).toHaveLength(50);
  });

  it("that is stopped at once ends in the middle of its scan", async () => {
    const directory = ownDirectory();
    const before = await diskCache(directory);
    for (let number = 0; number < 50; number += 1) await put(before, `app/session-${number}/object`, "x");
    const after = await restart(before, directory);
    await after.stop();
    expect(after.size).toBeLessThan(50);
  });
});

/** An engine whose scan shows what was there when it began, and goes on when it is told to. */
class SlowScan extends MemoryStorage {
  #go: () => void = () => {};
  readonly #gate = new Promise<void>((resolve) => {
    this.#go = resolve;
  });
  seen: ScannedSession[] = [];

  override async *scan(): AsyncGenerator<ScannedObjects> {
    await this.#gate;
    for (const session of this.seen) yield { ...session, facts: NO_FACTS, seenAt: 0 };
  }

  go(): void {
    this.#go();
  }
}

describe("the scan", () => {
  it("does not take patches from who reads them, when their base is replaced under it", async () => {
    const storage = new SlowScan();
    const cache = await memoryCache(storage);
    await put(cache, KEY, "base");
    await patch(cache, KEY, "patch");
    storage.seen = [(await storage.scanSession("app", "session"))!];
    const { reading } = await cache.open(NAME, () => false);
    await put(cache, KEY, "new base");
    storage.go();
    await keysOf(cache);
    expect(await readPatch(reading, 2)).toBe("patch");
    reading.close();
    await vi.waitFor(async () => expect(await storage.listPatches(NAME, 1)).toEqual([]));
  });

  it("keeps the patches of an object that was put while it looked elsewhere", async () => {
    const storage = new SlowScan();
    const cache = await memoryCache(storage);
    await put(cache, KEY, "base");
    await patch(cache, KEY, "patch");
    storage.seen = [(await storage.scanSession("app", "session"))!];
    storage.go();
    await keysOf(cache);
    expect(await read(cache, KEY)).toEqual({ version: 2, base: "base", patches: ["patch"] });
  });
});

describe("a file that a client writes into the directory", () => {
  const bytes = encodeClientValue({ cells: [Buffer.from("dropped")] });

  it("is an object as soon as it is whole, without a restart", async () => {
    const directory = ownDirectory();
    const cache = await diskCache(directory);
    await keysOf(cache);
    mkdirSync(`${directory}/app/session`, { recursive: true });
    writeFileSync(`${directory}/${KEY}.arrow`, bytes.subarray(0, bytes.length - 3));
    await expect(read(cache, KEY)).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
    await expect(patch(cache, KEY, "x")).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
    writeFileSync(`${directory}/${KEY}.arrow`, bytes);
    expect(await read(cache, KEY)).toEqual({ version: 1, base: "dropped", patches: [] });
  });

  it("is not taken for damaged while it is being written, however far it has come", async () => {
    const directory = ownDirectory();
    const cache = await diskCache(directory);
    mkdirSync(`${directory}/app/session`, { recursive: true });
    for (let length = 0; length < bytes.length; length += 13) {
      writeFileSync(`${directory}/${KEY}.arrow`, bytes.subarray(0, length));
      expect(await cache.find(NAME)).toBeUndefined();
    }
    expect(session(directory)).toEqual(["object.arrow"]);
  });

  it("is listed when it was there at the start", async () => {
    const directory = ownDirectory();
    mkdirSync(`${directory}/app/session`, { recursive: true });
    writeFileSync(`${directory}/${KEY}.arrow`, bytes);
    writeFileSync(`${directory}/app/session/table.arrow`, goldenFile("nested"));
    writeFileSync(`${directory}/app/session/half.arrow`, bytes.subarray(0, 200));
    expect(await keysOf(await diskCache(directory))).toEqual([KEY, "app/session/table"]);
  });

  it("is patched, replaced and given up as any other", async () => {
    const directory = ownDirectory();
    mkdirSync(`${directory}/app/session`, { recursive: true });
    writeFileSync(`${directory}/${KEY}.arrow`, bytes);
    const cache = await diskCache(directory);
    expect(await patch(cache, KEY, "patch")).toBe(2);
    expect(await read(await restart(cache, directory), KEY)).toEqual({
      version: 2,
      base: "dropped",
      patches: ["patch"],
    });
    const after = await diskCache(ownDirectory());
    expect(await put(after, KEY, "x")).toBe(1);
  });

  it("that is half written is replaced by a put of version 1", async () => {
    const directory = ownDirectory();
    mkdirSync(`${directory}/app/session`, { recursive: true });
    writeFileSync(`${directory}/${KEY}.arrow`, bytes.subarray(0, 100));
    const cache = await diskCache(directory);
    expect(await put(cache, KEY, "put")).toBe(1);
    expect((await read(cache, KEY)).base).toBe("put");
  });
});
