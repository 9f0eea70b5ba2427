/**
 * When events are written, what happens on a disk that takes none, and what a question may cost.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventJournal } from "../../../../src/cache/events/event-journal.ts";
import { CacheError } from "../../../../src/errors.ts";
import { LIMITS } from "../../../../src/limits.ts";
import type { EventStore } from "../../../../src/storage/event-store.ts";
import { watchedLog } from "../../storage/scratch-directory.ts";

/** A store that keeps batches, and fails when it is told to. */
class TestStore implements EventStore {
  readonly batches: string[] = [];
  isFull = false;

  open(): Promise<void> {
    return Promise.resolve();
  }

  async append(lines: Buffer): Promise<void> {
    if (this.isFull) throw new CacheError("STORAGE_FULL");
    this.batches.push(lines.toString());
  }

  async *parts(): AsyncGenerator<Buffer> {
    for (const batch of this.batches.toReversed()) yield Buffer.from(batch);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  get text(): string {
    return this.batches.join("");
  }
}

let store: TestStore;
let journal: EventJournal;

function put(key: string, version = 1): void {
  journal.record({ name: key, event: "put", version });
}

async function versionsOf(key: string): Promise<unknown[]> {
  const { events } = await journal.find([key]);
  return events.map(({ version }) => version);
}

beforeEach(() => {
  vi.useFakeTimers();
  store = new TestStore();
  journal = new EventJournal(store, () => 1000);
});

afterEach(() => {
  vi.useRealTimers();
});

describe("the event journal", () => {
  it("writes events together, after a delay", async () => {
    for (let version = 1; version <= 10; version += 1) put("a/s/x", version);
    expect(store.batches).toEqual([]);
    await vi.advanceTimersByTimeAsync(LIMITS.eventDelayMs);
    expect(store.batches).toHaveLength(1);
    expect(store.text.split("\n")).toHaveLength(11);
  });

  it("writes at once when a batch is full, in batches of whole lines that the store accepts", async () => {
    for (let version = 1; version <= 20_000; version += 1) put(`a/s/${"é".repeat(80)}`, version);
    await vi.advanceTimersByTimeAsync(0);
    expect(store.batches.length).toBeGreaterThan(10);
    for (const batch of store.batches) {
      expect(batch.endsWith("\n")).toBe(true);
      expect(Buffer.byteLength(batch)).toBeLessThanOrEqual(LIMITS.eventSegmentBytesMin);
    }
  });

  it("writes what waits when it is closed, and takes nothing more", async () => {
    put("a/s/x", 7);
    await journal.close();
    put("a/s/x", 8);
    expect(store.text).toBe('["a/s/x",1000,"put",7,null,null]\n');
  });

  it("finds events that wait, newest first", async () => {
    put("a/s/x", 1);
    await vi.advanceTimersByTimeAsync(LIMITS.eventDelayMs);
    put("a/s/x", 2);
    put("a/s/y", 3);
    expect(await versionsOf("a/s/x")).toEqual([2, 1]);
  });

  it("ends a question after so many bytes", async () => {
    const filler = Buffer.from(`${"x".repeat(LIMITS.eventSegmentBytesMax - 1)}\n`);
    let parts = 0;
    store.parts = async function* () {
      for (;;) {
        parts += 1;
        yield filler;
      }
    };
    vi.useRealTimers();
    expect(await journal.find(["a/s/x"])).toEqual({ events: [], sinceMs: undefined });
    expect(parts * filler.length).toBeLessThanOrEqual(LIMITS.whyBytesMax);
  });
});

describe("the event journal on a full disk", () => {
  it("warns once, holds little, and counts what it lost when there is space again", async () => {
    const lines = watchedLog();
    store.isFull = true;
    const count = Math.round(LIMITS.eventWaitingLengthMax / 13);
    for (let version = 1; version <= count; version += 1) put("a/s/x", version);
    await vi.advanceTimersByTimeAsync(5 * LIMITS.eventRetryMs);
    expect(lines().filter(({ level }) => level === "warn")).toHaveLength(1);
    store.isFull = false;
    await vi.advanceTimersByTimeAsync(2 * LIMITS.eventRetryMs);
    const written = store.text.trimEnd().split("\n");
    const lost = written.map((line) => JSON.parse(line) as unknown[]).find(([, , event]) => event === "lost");
    expect(lost?.[6]).toEqual({ count: count - (written.length - 1) });
    expect(store.text.length).toBeLessThan(1.1 * LIMITS.eventWaitingLengthMax);
    expect(lines().at(-1)).toMatchObject({ level: "info", text: "events are written again" });
  });

  it("still answers with the events that wait", async () => {
    store.isFull = true;
    put("a/s/x", 5);
    await vi.advanceTimersByTimeAsync(LIMITS.eventDelayMs);
    expect(await versionsOf("a/s/x")).toEqual([5]);
  });
});
