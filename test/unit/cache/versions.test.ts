/**
 * Versions: who gets which, and that none comes twice (docs/protocol.md, "Versions").
 */
import { describe, expect, it } from "vitest";
import type { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { OpaqueWriter } from "../../../src/object/opaque-writer.ts";
import { decodeNumber } from "../../../src/storage/disk/log/log-record.ts";
import { MemoryStorage } from "../../../src/storage/memory-storage.ts";
import { recordsIn } from "../../support/log-records.ts";
import {
  at,
  diskCache,
  memoryCache,
  ownDirectory,
  patch,
  put,
  read,
  refused,
  restart,
  settled,
} from "./cache-fixture.ts";

const KEY = "app/session/object";

async function create(cache: IndexedCache): Promise<number> {
  const draft = cache.draftCreate({ applicationId: "app", sessionId: "session" }, "opaque");
  return await draft.commit(new OpaqueWriter(draft.sink));
}

function remove(cache: IndexedCache, key: string): Promise<number> {
  return cache.delete({ scope: "object", key: parseObjectKey(key) });
}

describe.each([
  ["in memory", () => memoryCache()],
  ["in files", () => diskCache(ownDirectory())],
])("a version %s", (_, start) => {
  it("is 1 for the first put, and one more for each put and patch", async () => {
    const cache = await start();
    expect(await put(cache, KEY, "a")).toBe(1);
    expect(await put(cache, KEY, "b")).toBe(2);
    expect(await patch(cache, KEY, "c")).toBe(3);
    expect(await put(cache, KEY, "d")).toBe(4);
  });

  it("of one key does not depend on those of others", async () => {
    const cache = await start();
    await put(cache, KEY, "a");
    await put(cache, KEY, "b");
    expect(await put(cache, "app/session/other", "a")).toBe(1);
  });

  it("is above every version that was deleted, for the same key and for any that does not exist yet", async () => {
    const cache = await start();
    await put(cache, KEY, "a");
    await patch(cache, KEY, "b");
    await patch(cache, KEY, "c");
    await remove(cache, KEY);
    expect(await put(cache, KEY, "d")).toBe(4);
    expect(await put(cache, "app/session/other", "a")).toBe(4);
  });

  it("of a key that exists is not raised by what is deleted elsewhere", async () => {
    const cache = await start();
    await put(cache, KEY, "a");
    await put(cache, "app/session/other", "a");
    await put(cache, "app/session/other", "b");
    await remove(cache, "app/session/other");
    expect(await put(cache, KEY, "b")).toBe(2);
  });

  it("under an id that the server makes is 1, whatever was deleted", async () => {
    const cache = await start();
    await put(cache, KEY, "a");
    await put(cache, KEY, "b");
    await remove(cache, KEY);
    expect(await create(cache)).toBe(1);
  });

  it("is not spent by a put that was dropped", async () => {
    const cache = await start();
    const draft = cache.draftPut(parseObjectKey(KEY), "opaque");
    await new OpaqueWriter(draft.sink).append([Buffer.from("dropped")]);
    await draft.discard();
    await draft.discard();
    expect(await put(cache, KEY, "a")).toBe(1);
  });

  it("is not raised by deleting what is not there", async () => {
    const cache = await start();
    expect(await remove(cache, KEY)).toBe(0);
    expect(await put(cache, KEY, "a")).toBe(1);
  });
});

describe("a version in files", () => {
  it("goes on after a restart, patches included", async () => {
    const directory = ownDirectory();
    const before = await diskCache(directory);
    await put(before, KEY, "a");
    await put(before, KEY, "b");
    await patch(before, KEY, "c");
    const after = await restart(before, directory);
    expect(await read(after, KEY)).toEqual({ version: 3, base: "b", patches: ["c"] });
    expect(await patch(after, KEY, "d")).toBe(4);
    expect(await put(after, KEY, "e")).toBe(5);
  });

  it("is above what was deleted before a restart", async () => {
    const directory = ownDirectory();
    const before = await diskCache(directory);
    await put(before, KEY, "a");
    await put(before, KEY, "b");
    await remove(before, KEY);
    expect(await put(await restart(before, directory), KEY, "c")).toBe(3);
  });

  it("is kept from coming twice before the first file of a delete goes", async () => {
    const directory = ownDirectory();
    const floors: number[] = [];
    const readFloors = (): void => {
      for (const { content } of recordsIn(directory).filter(({ kind }) => kind === "floor"))
        floors.push(decodeNumber(content)!);
    };
    const cache = await diskCache(directory, at("unlinkObject", readFloors));
    for (const value of ["a", "b", "c"]) await put(cache, KEY, value);
    await settled(cache);
    await remove(cache, KEY);
    await settled(cache);
    expect(floors).toEqual([3]);
  });

  it("of an object whose file somebody removed is not given out again", async () => {
    const storage = new MemoryStorage();
    const cache = await memoryCache(storage);
    await put(cache, KEY, "a");
    await put(cache, KEY, "b");
    await storage.remove({ key: parseObjectKey(KEY), part: { kind: "file" } });
    await expect(read(cache, KEY)).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
    expect(await put(cache, KEY, "c")).toBe(3);
  });
});
