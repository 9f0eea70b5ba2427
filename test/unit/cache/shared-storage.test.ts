/**
 * Two caches over one engine, as two replicas over one store: a change that is based on what another
 * replica has replaced changes nothing.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { ObjectCache } from "../../../src/cache/object-cache.ts";
import { StorageBudget } from "../../../src/cache/storage-budget.ts";
import { LruPolicy } from "../../../src/eviction/lru-policy.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { SharedStorage } from "../../support/shared-storage.ts";
import { memoryCache, patch, put } from "./cache-fixture.ts";

const KEY = "app/session/object";

describe("two caches over one engine", () => {
  let storage: SharedStorage;
  let first: ObjectCache;
  let second: ObjectCache;

  beforeEach(async () => {
    storage = new SharedStorage();
    [first, second] = [await memoryCache(storage), await memoryCache(storage)];
  });

  it("give an object rising versions, whichever of them takes the put", async () => {
    expect([await put(first, KEY, "one"), await put(second, KEY, "two")]).toEqual([1, 2]);
  });

  it("refuse a put over a version that the other has replaced, and take it when it is repeated", async () => {
    await put(first, KEY, "one");
    await put(second, KEY, "two");
    await expect(put(first, KEY, "three")).rejects.toMatchObject({ code: "OVERLOADED" });
    expect((await storage.facts(parseObjectKey(KEY)))?.base.version).toBe(2);
    expect(await put(first, KEY, "three")).toBe(3);
  });

  it("refuse a patch of a version that the other has patched, and take it when it is repeated", async () => {
    await put(first, KEY, "base");
    await patch(second, KEY, "one");
    await expect(patch(first, KEY, "two")).rejects.toMatchObject({ code: "OVERLOADED" });
    expect(await patch(first, KEY, "two")).toBe(3);
  });

  it("let one of them create an object", async () => {
    const puts = [put(first, KEY, "one"), put(second, KEY, "two")];
    const ends = await Promise.allSettled(puts);
    expect(ends.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  it("know an object of the other without a look at its files", async () => {
    await put(first, KEY, "base");
    await patch(first, KEY, "and more");
    storage.opens = 0;
    const entry = await second.stat(parseObjectKey(KEY));
    const { version, kind, rowCount, dataBytes, storedBytes, patchCount } = entry;
    const known = await first.stat(parseObjectKey(KEY));
    expect(known).toMatchObject({ version, kind, rowCount, dataBytes, storedBytes, patchCount });
    expect([version, storage.opens]).toEqual([2, 0]);
  });
});

describe("an engine that can fetch again", () => {
  class FetchingStorage extends SharedStorage {
    override readonly capabilities = { ...new SharedStorage().capabilities, canFetchAgain: true };
  }

  it("gets no budget, which would delete objects to make space", () => {
    const budget = new StorageBudget({ policy: new LruPolicy(), evicts: true, bytesMax: 1000 });
    expect(() => new ObjectCache(new FetchingStorage(), { budget })).toThrow("is not deleted for space");
  });
});
