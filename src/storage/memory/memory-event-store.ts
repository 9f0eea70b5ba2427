/**
 * Event lines in memory, for an engine without files: a list of batches, the oldest dropped first.
 *
 * Nothing survives the process, as of the objects themselves.
 */
import type { EventStore, EventStoreOptions } from "../event-store.ts";

export class MemoryEventStore implements EventStore {
  readonly #bytesMax: number;
  readonly #head: () => string;
  #batches: Buffer[] = [];
  #sizeBytes = 0;

  constructor({ bytesMax, head }: EventStoreOptions) {
    this.#bytesMax = bytesMax;
    this.#head = head;
  }

  open(): Promise<void> {
    if (this.#batches.length === 0) this.#keep(Buffer.from(this.#head()));
    return Promise.resolve();
  }

  append(lines: Buffer): Promise<void> {
    this.#keep(lines);
    while (this.#sizeBytes > this.#bytesMax && this.#batches.length > 1) {
      this.#sizeBytes -= this.#batches.shift()!.length;
    }
    return Promise.resolve();
  }

  async *parts(): AsyncGenerator<Buffer> {
    yield* this.#batches.toReversed();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #keep(lines: Buffer): void {
    this.#batches.push(lines);
    this.#sizeBytes += lines.length;
  }
}
