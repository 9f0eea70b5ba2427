import { describe, expect, it } from "vitest";
import { IndexEntry } from "../../../src/cache/index-entry.ts";
import { StorageBudget, type StorageBudgetOptions } from "../../../src/cache/storage-budget.ts";
import { LruPolicy } from "../../../src/eviction/lru-policy.ts";
import { NoEviction } from "../../../src/eviction/no-eviction.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";

const STORAGE_FULL = { code: "STORAGE_FULL" };

function entryOf(id: string, fileSizeBytes: number): IndexEntry {
  const facts = {
    kind: "opaque",
    form: "file",
    version: 1,
    rowCount: 1,
    dataBytes: 1,
    isVerified: true,
  } as const;
  return new IndexEntry(parseObjectKey(`a/s/${id}`), { ...facts, fileSizeBytes });
}

/** A budget whose evictions go through a gate: what left is in `gone`. */
class Store {
  readonly budget: StorageBudget;
  readonly gone: string[] = [];
  readonly locked = new Set<string>();
  most = 0;

  constructor(options: Partial<StorageBudgetOptions> & { bytesMax: number }) {
    this.budget = new StorageBudget({ policy: new LruPolicy(), evicts: true, ...options });
    this.budget.connect({
      mayDelete: (entry) => !this.locked.has(entry.objectId),
      deleteObject: async (entry) => {
        const free = this.budget.left(entry, "evicted");
        this.gone.push(entry.objectId);
        await Promise.resolve();
        if (entry.readers === 0) free();
        else entry.onIdle = free;
      },
    });
  }

  /** A put: its bytes, then the object. */
  async put(id: string, bytes: number, isPinned = false): Promise<IndexEntry> {
    const entry = entryOf(id, bytes);
    const need = { bytes: this.budget.fileCost(bytes), objects: 1 };
    await this.budget.take(need);
    this.most = Math.max(this.most, this.budget.usedBytes);
    this.budget.release(need);
    this.budget.entered(entry, isPinned);
    return entry;
  }
}

describe("the storage budget", () => {
  it("lets in what fits and counts it", async () => {
    const store = new Store({ bytesMax: 100 });
    await store.put("1", 60);
    await store.put("2", 40);
    expect(store.gone).toEqual([]);
    expect(store.budget.usedBytes).toBe(100);
  });

  it("evicts those who were used longest ago, as many as are needed", async () => {
    const store = new Store({ bytesMax: 100 });
    const first = await store.put("1", 25);
    for (const id of ["2", "3", "4"]) await store.put(id, 25);
    store.budget.touched(first);
    await store.put("5", 49);
    expect(store.gone).toEqual(["2", "3"]);
    expect(store.budget.usedBytes).toBe(99);
    expect(store.budget.counts).toEqual({
      evictedObjects: 2,
      evictedForCount: 0,
      evictedBytes: 50,
      refusals: 0,
    });
  });

  it("passes over objects that are worked on, read or pinned", async () => {
    const store = new Store({ bytesMax: 100 });
    store.locked.add("1");
    await store.put("1", 20);
    const read = await store.put("2", 20);
    read.addReader();
    await store.put("3", 20, true);
    await store.put("4", 40);
    await store.put("5", 40);
    expect(store.gone).toEqual(["4"]);
  });

  it("evicts nobody for what cannot fit, and says what holds the room", async () => {
    const store = new Store({ bytesMax: 100 });
    await store.put("1", 60, true);
    await store.put("2", 40);
    await expect(store.put("3", 41)).rejects.toMatchObject({
      ...STORAGE_FULL,
      message: expect.stringContaining("pinned objects hold 60 of 100 bytes"),
    });
    await expect(store.put("3", 101)).rejects.toMatchObject(STORAGE_FULL);
    expect(store.gone).toEqual([]);
    expect(store.budget.counts.refusals).toBe(2);
    await store.put("3", 40);
    expect(store.gone).toEqual(["2"]);
  });

  it("lets a pinned object be evicted once it is unpinned", async () => {
    const store = new Store({ bytesMax: 100 });
    const entry = await store.put("1", 100, true);
    await expect(store.put("2", 10)).rejects.toMatchObject(STORAGE_FULL);
    store.budget.setPinned(entry, false);
    await store.put("2", 10);
    expect(store.gone).toEqual(["1"]);
  });

  it("refuses instead of evicting where the policy evicts nobody", async () => {
    const store = new Store({ bytesMax: 100, policy: new NoEviction(), evicts: false });
    await store.put("1", 100);
    expect(() => store.budget.refuseUnlessPossible(1)).toThrow(/^\[STORAGE_FULL\] .*policy is none/);
    await expect(store.put("2", 1)).rejects.toMatchObject(STORAGE_FULL);
  });

  it("counts what has left until its bytes are free", async () => {
    const store = new Store({ bytesMax: 100 });
    const entry = await store.put("1", 100);
    const free = store.budget.left(entry, "deleted");
    expect(store.budget.takeAtOnce({ bytes: 1 })).toBe(false);
    const put = store.put("2", 100);
    free();
    await put;
  });

  it("evicts who is being read last, and waits for the readers then", async () => {
    const store = new Store({ bytesMax: 100 });
    const read = await store.put("1", 50);
    await store.put("2", 50);
    read.addReader();
    await store.put("3", 50);
    expect(store.gone).toEqual(["2"]);
    const waiting = store.put("4", 100);
    await expect(Promise.race([waiting, new Promise((resolve) => setImmediate(resolve))])).resolves.toBe(
      undefined,
    );
    expect(store.gone).toEqual(["2", "3", "1"]);
    read.removeReader();
    await waiting;
  });

  it("bounds the number of objects", async () => {
    const store = new Store({ bytesMax: 100, objectsMax: 2 });
    for (const id of ["1", "2", "3"]) await store.put(id, 1);
    expect(store.gone).toEqual(["1"]);
  });

  it("counts the patches of an object, and what each file costs beside its bytes", async () => {
    const store = new Store({ bytesMax: 100, fileOverheadBytes: 10 });
    const entry = await store.put("1", 20);
    await store.budget.take({ bytes: 15 });
    entry.addPatch({ version: 2, rowCount: 1, dataBytes: 1, fileSizeBytes: 5 });
    store.budget.release({ bytes: 15 });
    store.budget.grown(entry, 5);
    expect(store.budget.usedBytes).toBe(45);
    store.budget.left(entry, "deleted")();
    expect(store.budget.usedBytes).toBe(0);
  });

  it("never holds more than its bound while many put at once, and lets all of them in", async () => {
    const store = new Store({ bytesMax: 1000 });
    const puts = Array.from({ length: 200 }, (_, index) => store.put(String(index), 10 + (index % 90)));
    await Promise.all(puts);
    expect(store.most).toBeLessThanOrEqual(1000);
    expect(store.budget.usedBytes).toBeLessThanOrEqual(1000);
    expect(store.budget.counts.evictedObjects).toBe(store.gone.length);
  });

  it("evicts down what was found beyond its bound", async () => {
    const store = new Store({ bytesMax: 100 });
    for (let index = 0; index < 30; index += 1) store.budget.entered(entryOf(String(index), 10), false);
    await store.budget.take({ bytes: 0 });
    expect(store.budget.usedBytes).toBeLessThanOrEqual(100);
    expect(store.gone).toHaveLength(20);
  });

  it("goes on when an object cannot be removed, and does not ask for it again", async () => {
    const budget = new StorageBudget({ policy: new LruPolicy(), evicts: true, bytesMax: 100 });
    const asked: string[] = [];
    budget.connect({
      mayDelete: () => true,
      deleteObject: async ({ objectId }) => {
        asked.push(objectId);
        throw new Error("the disk refuses");
      },
    });
    for (const id of ["1", "2"]) budget.entered(entryOf(id, 50), false);
    await expect(budget.take({ bytes: 60 })).rejects.toMatchObject(STORAGE_FULL);
    expect(asked).toEqual(["1", "2"]);
  });
});
