/**
 * Who is cut off for room that others wait for: gets of objects that have left, over a budget of 100 bytes.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { IndexEntry } from "../../../src/cache/index-entry.ts";
import type { ReadingHolder } from "../../../src/cache/space-holders.ts";
import { StorageBudget } from "../../../src/cache/storage-budget.ts";
import { LruPolicy } from "../../../src/eviction/lru-policy.ts";
import { LIMITS } from "../../../src/limits.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";

/** A get whose client takes bytes when it is told to. */
class Reading implements ReadingHolder {
  readonly entry: IndexEntry;
  readonly budget: StorageBudget;
  movedBytes = 0;
  reason: unknown;

  constructor(budget: StorageBudget, entry: IndexEntry) {
    this.budget = budget;
    this.entry = entry;
    entry.addReader();
    budget.holders.readings.add(this);
  }

  abandon(reason: unknown): void {
    this.reason = reason;
    this.close();
  }

  close(): void {
    if (this.budget.holders.readings.delete(this)) this.entry.removeReader();
  }
}

class Store {
  readonly gone: string[] = [];
  readonly budget = new StorageBudget({ policy: new LruPolicy(), evicts: true, bytesMax: 100 });

  constructor() {
    this.budget.connect({
      mayDelete: () => true,
      deleteObject: async (entry) => {
        this.gone.push(entry.objectId);
        const free = this.budget.left(entry, "evicted");
        if (entry.readers === 0) free();
        else entry.onIdle = free;
      },
    });
  }

  add(id: string, fileSizeBytes: number): IndexEntry {
    const facts = { form: "file", version: 1, rowCount: 1, dataBytes: 1, isVerified: true } as const;
    const entry = new IndexEntry(parseObjectKey(`a/s/${id}`), { ...facts, kind: "opaque", fileSizeBytes });
    this.budget.entered(entry, false);
    return entry;
  }

  /** Ten objects that are being read. */
  addRead(): Reading[] {
    return Array.from({ length: 10 }, (_, i) => new Reading(this.budget, this.add(`${i}`, 10)));
  }
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

describe("readers of a full cache", () => {
  it("that take nothing are cut off as OVERLOADED, as many as hold what is missing", async () => {
    const store = new Store();
    const readings = store.addRead();
    const put = store.budget.take({ bytes: 25 });
    await vi.advanceTimersByTimeAsync(LIMITS.stalledReaderMs + 2 * LIMITS.roomLookMs);
    await put;
    expect(store.gone).toEqual(["0", "1", "2"]);
    expect(readings.filter(({ reason }) => reason !== undefined)).toHaveLength(3);
    expect(readings[0]?.reason).toMatchObject({ code: "OVERLOADED" });
  });

  it("lose no more objects when puts that wait for them ask again and again", async () => {
    const store = new Store();
    const readings = store.addRead();
    const puts = [1, 2, 3].map(() => store.budget.take({ bytes: 20 }).catch(() => "refused"));
    for (let waited = 0; waited < LIMITS.roomWaitMs; waited += 500) {
      for (const reading of readings) reading.movedBytes += 1;
      store.budget.stir();
      await vi.advanceTimersByTimeAsync(500);
    }
    await vi.advanceTimersByTimeAsync(LIMITS.roomLookMs);
    expect(await Promise.all(puts)).toEqual(["refused", "refused", "refused"]);
    expect(store.gone).toEqual(["0", "1"]);
  });

  it("that take something are not cut off", async () => {
    const store = new Store();
    const readings = store.addRead();
    const put = store.budget.take({ bytes: 10 });
    for (let waited = 0; waited < 3 * LIMITS.stalledReaderMs; waited += 500) {
      for (const reading of readings) reading.movedBytes += 1;
      await vi.advanceTimersByTimeAsync(500);
    }
    expect(readings.filter(({ reason }) => reason !== undefined)).toEqual([]);
    readings[0]?.close();
    await put;
  });

  it("are not cut off when another reader of the same object goes on", async () => {
    const store = new Store();
    const entry = store.add("both", 100);
    const stalled = new Reading(store.budget, entry);
    const live = new Reading(store.budget, entry);
    const put = store.budget.take({ bytes: 10 });
    for (let waited = 0; waited < 3 * LIMITS.stalledReaderMs; waited += 500) {
      live.movedBytes += 1;
      await vi.advanceTimersByTimeAsync(500);
    }
    expect(stalled.reason).toBe(undefined);
    live.close();
    await vi.advanceTimersByTimeAsync(2 * LIMITS.roomLookMs);
    expect(stalled.reason).toMatchObject({ code: "OVERLOADED" });
    await put;
  });

  it("are left alone however long they stand still while idle objects make room", async () => {
    const store = new Store();
    const reading = new Reading(store.budget, store.add("read", 50));
    store.add("idle", 50);
    await vi.advanceTimersByTimeAsync(10 * LIMITS.stalledReaderMs);
    await store.budget.take({ bytes: 40 });
    expect(store.gone).toEqual(["idle"]);
    expect(reading.reason).toBe(undefined);
  });
});
