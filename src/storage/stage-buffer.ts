/**
 * Bytes gathered in memory, mostly as the views they came in, not yet written anywhere.
 *
 * A view that is small against the buffer it lies in is copied: a slow caller's few bytes must not hold the large
 * buffers of a connection. So what waits here holds at most PINNED_FACTOR times its size.
 * Overwriting never touches a caller's buffer: the chunk is split around the span and the new bytes take its
 * place as a chunk of their own (copied: they are few, and their owner may use the buffer again).
 * Very many tiny chunks are merged into one, so that the views never cost more than the bytes.
 */
import { assert } from "../errors.ts";

/** Beyond this many chunks they are merged: a view costs about 100 bytes of heap. */
const CHUNKS_MAX = 8192;

const PINNED_FACTOR = 8;

export class StageBuffer {
  #chunks: Uint8Array[] = [];
  sizeBytes = 0;

  /** Keeps the view, or a copy. */
  append(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    const isSmallPart = chunk.length * PINNED_FACTOR < chunk.buffer.byteLength;
    this.#chunks.push(isSmallPart ? Buffer.from(chunk) : chunk);
    this.sizeBytes += chunk.length;
    if (this.#chunks.length > CHUNKS_MAX) this.#chunks = [Buffer.concat(this.#chunks, this.sizeBytes)];
  }

  /** `bytes` lies wholly inside what was gathered. */
  overwrite(position: number, bytes: Uint8Array): void {
    assert(position >= 0 && position + bytes.length <= this.sizeBytes, "only gathered bytes are overwritten");
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    const chunks: Uint8Array[] = [];
    let start = 0;
    for (const chunk of this.#chunks) {
      const chunkEnd = start + chunk.length;
      if (chunkEnd <= position || start >= end) {
        chunks.push(chunk);
      } else {
        if (start < position) chunks.push(chunk.subarray(0, position - start));
        if (start <= position) chunks.push(Buffer.from(bytes));
        if (chunkEnd > end) chunks.push(chunk.subarray(end - start));
      }
      start = chunkEnd;
    }
    this.#chunks = chunks;
  }

  /** Hands out everything, in order, and is empty afterwards. */
  take(): Uint8Array[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.sizeBytes = 0;
    return chunks;
  }
}
