/**
 * Calls that come while the scan is under way: what they did goes before what the scan saw earlier.
 */
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import { RemovedMeanwhile } from "../../../src/cache/removed-meanwhile.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import type { ScannedObjects } from "../../../src/storage/object-storage.ts";
import { diskCache, keysOf, ownDirectory, put, read, refused } from "./cache-fixture.ts";

const KEY = "app/session/object";
const NAME = parseObjectKey(KEY);

/** An engine whose scan looks at everything when it begins, and tells of it when it is let. */
class LateScan extends DiskStorage {
  readonly #looked = new AbortController();
  readonly #told = new AbortController();

  get looked(): Promise<unknown> {
    return once(this.#looked.signal, "abort");
  }

  tell(): void {
    this.#told.abort();
  }

  override async *scan(removals?: Int32Array): AsyncGenerator<ScannedObjects> {
    const found: ScannedObjects[] = [];
    for await (const batch of super.scan(removals)) found.push(batch);
    const told = once(this.#told.signal, "abort");
    this.#looked.abort();
    await told;
    yield* found;
  }
}

/** A cache that holds one object and has looked at it, and how to let the scan go on. */
async function midScan(): Promise<{ cache: IndexedCache; storage: LateScan; directory: string }> {
  const directory = ownDirectory();
  const before = await diskCache(directory);
  await put(before, KEY, "value");
  await put(before, "app/session/other", "other");
  await before.stop();
  const storage = new LateScan({ directory });
  const looked = storage.looked;
  const cache = new IndexedCache(storage);
  await cache.start();
  onTestFinished(() => cache.stop());
  await looked;
  return { cache, storage, directory };
}

describe("an object that the scan has seen", () => {
  it("stays away when it was deleted before the scan told of it", async () => {
    const { cache, storage } = await midScan();
    expect(await cache.delete({ scope: "object", key: NAME })).toBe(1);
    storage.tell();
    expect(await keysOf(cache)).toEqual(["app/session/other"]);
    expect(await put(cache, KEY, "again")).toBe(2);
  });

  it("stays away with its whole session", async () => {
    const { cache, storage } = await midScan();
    expect(await cache.delete({ scope: "session", applicationId: "app", sessionId: "session" })).toBe(2);
    storage.tell();
    expect(await keysOf(cache)).toEqual([]);
  });

  it("is the one that was put meanwhile", async () => {
    const { cache, storage } = await midScan();
    expect(await put(cache, KEY, "newer")).toBe(2);
    storage.tell();
    expect(await keysOf(cache)).toEqual([KEY, "app/session/other"]);
    expect(await read(cache, KEY)).toEqual({ version: 2, base: "newer", patches: [] });
  });

  it("is there again when it was deleted and put", async () => {
    const { cache, storage } = await midScan();
    await cache.delete({ scope: "object", key: NAME });
    await put(cache, KEY, "again");
    storage.tell();
    expect(await keysOf(cache)).toEqual([KEY, "app/session/other"]);
    expect((await cache.stat(NAME)).version).toBe(2);
  });

  it("is gone when a delete is answered that was under way", async () => {
    const { cache, storage } = await midScan();
    const deleted = cache.delete({ scope: "object", key: NAME });
    storage.tell();
    expect(await deleted).toBe(1);
    expect(await keysOf(cache)).toEqual(["app/session/other"]);
    await expect(read(cache, KEY)).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
  });
});

/** An engine whose scan goes on by one batch each time it is let. */
class StepwiseScan extends DiskStorage {
  #step = Promise.resolve();
  #go: () => void = () => {};

  /** The next batch comes when the answer is called. */
  hold(): () => void {
    this.#step = new Promise((resolve) => {
      this.#go = resolve;
    });
    return () => this.#go();
  }

  override async *scan(removals?: Int32Array): AsyncGenerator<ScannedObjects> {
    for await (const batch of super.scan(removals)) {
      await this.#step;
      yield batch;
    }
  }
}

describe("a list while the scan is under way", () => {
  it("tells what is known at once, the rest as it is found, and each object once", async () => {
    const directory = ownDirectory();
    const before = await diskCache(directory);
    const keys = ["a/s/1", "a/s/2", "a/t/1", "b/s/1"];
    for (const key of keys) await put(before, key, key);
    await before.stop();
    const storage = new StepwiseScan({ directory });
    const go = storage.hold();
    const cache = new IndexedCache(storage);
    await cache.start();
    onTestFinished(() => cache.stop());
    await read(cache, "a/s/2");
    const pages = cache.list({ scope: "all" });
    const first = await pages.next();
    expect((first.value ?? []).map((entry) => entry.evictionKey)).toEqual(["a/s/2"]);
    await put(cache, "a/s/0", "new, and put before the scan goes on");
    await put(cache, "a/s/2", "replaced");
    go();
    const later: string[] = [];
    for await (const page of pages) later.push(...page.map((entry) => entry.evictionKey));
    expect(later.sort()).toEqual(["a/s/0", "a/s/1", "a/t/1", "b/s/1"]);
  });

  it("ends when the cache stops", async () => {
    const directory = ownDirectory();
    const before = await diskCache(directory);
    await put(before, KEY, "x");
    await before.stop();
    const storage = new StepwiseScan({ directory });
    const go = storage.hold();
    const cache = new IndexedCache(storage);
    await cache.start();
    const next = cache.list({ scope: "all" }).next();
    const stopped = cache.stop();
    go();
    await stopped;
    expect((await next).done).toBe(true);
  });
});

describe("what was removed since the scan looked", () => {
  it("is forgotten when the scan looks later, and not kept without one", () => {
    const removed = new RemovedMeanwhile();
    removed.add("before");
    expect(removed.isEmpty).toBe(true);
    removed.begin();
    removed.add("a");
    const seenAt = removed.count[0]!;
    removed.add("b");
    removed.add("c");
    removed.forgetBefore(seenAt);
    expect([removed.has("a"), removed.has("b"), removed.has("c")]).toEqual([false, true, true]);
    removed.add("b");
    removed.forgetBefore(seenAt + 2);
    expect([removed.has("b"), removed.has("c")]).toEqual([true, false]);
    removed.end();
    expect(removed.isEmpty).toBe(true);
  });
});
