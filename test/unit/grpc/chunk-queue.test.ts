/**
 * The queue between the socket and the reader.
 *
 * Order and sizes against a plain concatenation, views where views are due, and few objects for many small chunks.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChunkQueue } from "../../../src/grpc/chunk-queue.ts";
import { LIMITS } from "../../../src/limits.ts";

const sizes = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 400, max: 5000 }));
const steps = fc.array(fc.record({ push: sizes, take: fc.option(sizes) }), { maxLength: 60 });

const COUNTED = Buffer.from(Array.from({ length: 400_000 }, (_, i) => i % 251));

/** Bytes that count up from `from`, in a buffer of their own. */
function numbered(sizeBytes: number, from: number): Buffer {
  return Buffer.from(COUNTED.subarray(from % 251, (from % 251) + sizeBytes));
}

describe("the chunk queue", () => {
  it("gives back the bytes that were pushed, in order, however they are taken", () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const queue = new ChunkQueue();
        const taken: Buffer[] = [];
        let pushedBytes = 0;
        for (const { push, take } of sequence) {
          queue.push(numbered(push, pushedBytes));
          pushedBytes += push;
          taken.push(...queue.take(take ?? 0));
        }
        taken.push(...queue.take(pushedBytes));
        expect(Buffer.concat(taken).equals(numbered(pushedBytes, 0))).toBe(true);
        expect(queue.sizeBytes).toBe(0);
      }),
    );
  });

  it("takes no more than was asked for", () => {
    const queue = new ChunkQueue();
    queue.push(Buffer.alloc(1000));
    queue.push(Buffer.alloc(1000));
    expect(queue.take(1500).map((chunk) => chunk.length)).toEqual([1000, 500]);
    expect(queue.sizeBytes).toBe(500);
  });

  it("keeps large chunks as views", () => {
    const queue = new ChunkQueue();
    const chunk = Buffer.alloc(1024);
    queue.push(Buffer.alloc(1024));
    queue.push(chunk);
    expect(queue.take(4096)[1]!.buffer).toBe(chunk.buffer);
  });

  it("joins bytes that lie in one chunk without a copy, others with one", () => {
    const queue = new ChunkQueue();
    const chunk = numbered(1024, 0);
    queue.push(chunk);
    queue.push(numbered(1024, 1024));
    expect(queue.takeJoined(1000).buffer).toBe(chunk.buffer);
    expect(queue.takeJoined(100)).toEqual(numbered(100, 1000));
  });

  it("gathers chunks of one byte into few buffers that do not hold the socket's", () => {
    const queue = new ChunkQueue();
    const received = numbered(100_000, 0);
    for (let i = 0; i < received.length; i++) queue.push(received.subarray(i, i + 1));
    const chunks = queue.take(received.length);
    expect(chunks.length).toBeLessThan((2 * received.length) / LIMITS.receiveViewBytesMin);
    expect(chunks.slice(1).filter((chunk) => chunk.buffer === received.buffer)).toEqual([]);
    expect(Buffer.concat(chunks).equals(received)).toBe(true);
  });

  it("does not change what was taken when more small chunks come", () => {
    const queue = new ChunkQueue();
    queue.push(numbered(3, 0));
    queue.push(numbered(3, 3));
    const taken = queue.take(6);
    queue.push(numbered(3, 100));
    queue.push(numbered(3, 103));
    expect(Buffer.concat(taken)).toEqual(numbered(6, 0));
  });
});
