/**
 * The contract of src/storage/event-store.ts, held against both stores.
 */
import { describe, expect, it, onTestFinished } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import { DiskEventStore } from "../../../src/storage/disk/events/disk-event-store.ts";
import type { EventStore, EventStoreOptions } from "../../../src/storage/event-store.ts";
import { MemoryEventStore } from "../../../src/storage/memory/memory-event-store.ts";
import { scratchDirectory } from "../../unit/storage/scratch-directory.ts";

const STORES: [string, (options: EventStoreOptions) => EventStore][] = [
  ["DiskEventStore", (options) => new DiskEventStore({ directory: scratchDirectory(), ...options })],
  ["MemoryEventStore", (options) => new MemoryEventStore(options)],
];

const BYTES_MAX = LIMITS.eventJournalBytesMin;

/** A line of this number, 1 KiB long. */
function line(number: number): string {
  return `${String(number).padEnd(1023, ".")}\n`;
}

/** All lines, the newest first. */
async function linesOf(store: EventStore): Promise<string[]> {
  const lines: string[] = [];
  for await (const part of store.parts()) {
    expect(part.at(-1)).toBe(0x0a);
    lines.push(...part.toString().trimEnd().split("\n").toReversed());
  }
  return lines;
}

describe.each(STORES)("%s", (_name, make) => {
  async function opened(): Promise<EventStore> {
    const store = make({ bytesMax: BYTES_MAX, head: () => "head\n" });
    await store.open();
    onTestFinished(() => store.close());
    return store;
  }

  it("returns appended lines, the newest first, behind its head", async () => {
    const store = await opened();
    await store.append(Buffer.from("one\ntwo\n"));
    await store.append(Buffer.from("three\n"));
    expect(await linesOf(store)).toEqual(["three", "two", "one", "head"]);
  });

  it("drops its oldest lines and keeps at least three quarters of its bound", async () => {
    const store = await opened();
    const batches = 150;
    for (let batch = 0; batch < batches; batch += 1) {
      const lines = Array.from({ length: 64 }, (_, index) => line(64 * batch + index));
      await store.append(Buffer.from(lines.join("")));
    }
    const lines = (await linesOf(store)).filter((each) => each !== "head");
    const bytes = 1024 * lines.length;
    expect(bytes).toBeLessThanOrEqual(BYTES_MAX);
    expect(bytes).toBeGreaterThan(0.75 * BYTES_MAX);
    const numbers = lines.map((each) => Number.parseInt(each, 10));
    expect(numbers).toEqual(numbers.map((_, index) => 64 * batches - 1 - index));
  });

  it("takes lines again after it was closed", async () => {
    const store = await opened();
    await store.append(Buffer.from("one\n"));
    await store.close();
    await store.append(Buffer.from("two\n"));
    expect((await linesOf(store)).slice(0, 2)).toEqual(["two", "one"]);
  });
});
