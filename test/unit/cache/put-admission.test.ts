/**
 * Who may stage bytes while others do: puts over a budget of 100 bytes, in a time that the test moves on.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CountedSink } from "../../../src/cache/counted-sink.ts";
import { IndexEntry } from "../../../src/cache/index-entry.ts";
import { StorageBudget } from "../../../src/cache/storage-budget.ts";
import { LruPolicy } from "../../../src/eviction/lru-policy.ts";
import { LIMITS } from "../../../src/limits.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { MemoryStorage } from "../../../src/storage/memory-storage.ts";

const STORAGE_FULL = { code: "STORAGE_FULL" };
const storage = new MemoryStorage();

function openBudget(bytesMax = 100): StorageBudget {
  const budget = new StorageBudget({ policy: new LruPolicy(), evicts: true, bytesMax });
  budget.connect({
    mayDelete: () => true,
    deleteObject: async (entry) => budget.left(entry, "evicted")(),
  });
  return budget;
}

/** A put whose client brings bytes when it is told to. */
class Put {
  readonly sink: CountedSink;
  readonly abandoned: unknown[] = [];
  readonly #budget: StorageBudget;
  readonly #id: string;

  constructor(budget: StorageBudget, id: string) {
    this.#budget = budget;
    this.#id = id;
    this.sink = new CountedSink(storage.stage(), budget);
    this.sink.abandon = (reason) => {
      this.abandoned.push(reason);
      void this.sink.release();
    };
  }

  bring(bytes: number): Promise<void> | undefined {
    return this.sink.append([Buffer.alloc(bytes)]);
  }

  /** All of it, `step` bytes at a time, and the object is there. */
  async bringAll(bytes: number, step = bytes): Promise<void> {
    this.sink.announce(bytes);
    for (let brought = 0; brought < bytes; brought += step) await this.bring(step);
    this.publish();
  }

  publish(): void {
    const facts = { form: "file", version: 1, rowCount: 1, dataBytes: 1, isVerified: true } as const;
    const entry = new IndexEntry(parseObjectKey(`a/s/${this.#id}`), {
      ...facts,
      kind: "opaque",
      fileSizeBytes: this.sink.sizeBytes,
    });
    this.sink.handOver();
    this.#budget.entered(entry, false);
  }
}

/** Whether it was settled by now. */
async function isPending(promise: Promise<void> | undefined): Promise<boolean> {
  return (await Promise.race([promise?.then(() => "done"), vi.advanceTimersByTimeAsync(0)])) !== "done";
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

describe("an announcement", () => {
  it("of what can never fit is refused before a byte comes", () => {
    const budget = openBudget();
    const put = new Put(budget, "1");
    put.sink.announce(100);
    expect(() => put.sink.announce(101)).toThrow(/^\[STORAGE_FULL\]/);
  });

  it("counts what the put has staged before", async () => {
    const put = new Put(openBudget(), "1");
    await put.bring(20);
    expect(() => put.sink.announce(81)).toThrow(/^\[STORAGE_FULL\]/);
  });

  it("without bytes keeps nobody out, however many there are", async () => {
    const budget = openBudget();
    for (let i = 0; i < 1000; i += 1) new Put(budget, `silent ${i}`).sink.announce(100);
    const honest = new Put(budget, "honest");
    honest.sink.announce(50);
    expect(honest.bring(50)).toBe(undefined);
  });
});

describe("a put whose first bytes have come", () => {
  it("keeps room for the rest of its message while they keep coming", async () => {
    const budget = openBudget();
    const first = new Put(budget, "first");
    const second = new Put(budget, "second");
    first.sink.announce(60);
    second.sink.announce(60);
    await first.bring(10);
    const waiting = second.bring(10);
    for (let i = 0; i < 5; i += 1) {
      await vi.advanceTimersByTimeAsync(LIMITS.putPaceMs);
      expect(await isPending(waiting)).toBe(true);
      await first.bring(10);
    }
    first.publish();
    await waiting;
  });

  it("does not keep out an honest put when it falls silent", async () => {
    const budget = openBudget();
    const silent = new Put(budget, "silent");
    silent.sink.announce(100);
    await silent.bring(1);
    const honest = new Put(budget, "honest").bringAll(50);
    await vi.advanceTimersByTimeAsync(LIMITS.roomLookMs + 2 * LIMITS.putPaceMs);
    expect(await isPending(honest)).toBe(false);
  });

  it("does not keep out an honest put by a trickle", async () => {
    const budget = openBudget(1_000_000);
    const slow = new Put(budget, "slow");
    slow.sink.announce(999_000);
    await slow.bring(1);
    const honest = new Put(budget, "honest").bringAll(500_000);
    for (let i = 0; i < 12; i += 1) {
      await vi.advanceTimersByTimeAsync(100);
      void slow.bring(1)?.catch(() => {});
    }
    expect(await isPending(honest)).toBe(false);
  });

  it("goes on where it stopped when there is room again", async () => {
    const budget = openBudget();
    const paused = new Put(budget, "paused");
    paused.sink.announce(80);
    await paused.bring(10);
    const other = new Put(budget, "other");
    other.sink.announce(60);
    const brought = other.bring(30);
    await vi.advanceTimersByTimeAsync(LIMITS.roomLookMs + 2 * LIMITS.putPaceMs);
    await brought;
    const resumed = paused.bring(70);
    expect(await isPending(resumed)).toBe(true);
    await other.bring(30);
    other.publish();
    await resumed;
    expect(budget.counts).toMatchObject({ evictedObjects: 1, refusals: 0 });
  });

  it("is cut off as OVERLOADED when it stays silent while another waits for the room that it took", async () => {
    const budget = openBudget();
    const silent = new Put(budget, "silent");
    silent.sink.announce(100);
    await silent.bring(60);
    const honest = new Put(budget, "honest").bringAll(50);
    await vi.advanceTimersByTimeAsync(LIMITS.silentPutMs - 1);
    expect(silent.abandoned).toEqual([]);
    await vi.advanceTimersByTimeAsync(2 * LIMITS.roomLookMs);
    expect(silent.abandoned).toEqual([expect.objectContaining({ code: "OVERLOADED" })]);
    await honest;
  });

  it("is left alone however long it is silent when nobody waits", async () => {
    const budget = openBudget();
    const silent = new Put(budget, "silent");
    silent.sink.announce(100);
    await silent.bring(60);
    await vi.advanceTimersByTimeAsync(10 * LIMITS.silentPutMs);
    expect(new Put(budget, "small").bring(10)).toBeInstanceOf(Promise);
    expect(silent.abandoned).toEqual([]);
  });
});

describe("sixteen large puts at once that each could fit alone", () => {
  it.each([60, 10, 1])("become objects one after the other, brought in steps of %i bytes", async (step) => {
    const budget = openBudget();
    const puts = Array.from({ length: 16 }, (_, i) => new Put(budget, `${i}`).bringAll(60, step));
    await Promise.all(puts);
    expect(budget.counts).toMatchObject({ evictedObjects: 15, refusals: 0 });
  });

  it("become objects though silent ones announce as much between them", async () => {
    const budget = openBudget();
    const puts = Array.from({ length: 16 }, (_, i) => {
      new Put(budget, `silent ${i}`).sink.announce(100);
      return new Put(budget, `${i}`).bringAll(60, 10);
    });
    await Promise.all(puts);
    expect(budget.counts.refusals).toBe(0);
  });

  it("are refused in time when one that moves too little holds the room, and not before", async () => {
    const budget = openBudget();
    const pinned = new Put(budget, "slow");
    pinned.sink.abandon = undefined;
    await pinned.bring(60);
    const refused = expect(new Put(budget, "late").bringAll(50)).rejects.toMatchObject(STORAGE_FULL);
    await vi.advanceTimersByTimeAsync(LIMITS.roomWaitMs - 1);
    expect(budget.counts.refusals).toBe(0);
    await vi.advanceTimersByTimeAsync(2 * LIMITS.roomLookMs);
    await refused;
  });
});
