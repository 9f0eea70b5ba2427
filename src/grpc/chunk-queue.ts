/**
 * Bytes that arrived and wait for their reader, in order.
 *
 * Chunks stay views of the socket's buffers. Only small ones that have to wait behind others are copied together: each
 * view would cost a hundred bytes and hold the whole buffer it is part of, and a peer that sends frames of one byte
 * would fill the memory with a small queue.
 */
import { LIMITS } from "../limits.ts";

const GATHERED_SIZE_BYTES = 8 * LIMITS.receiveViewBytesMin;

/** A view of less than this part of its memory is worth a copy when it waits for long. */
const COMPACT_FACTOR = 4;

/** Shared: each call has a queue, and few gather anything. */
const NOTHING = Buffer.alloc(0);

export class ChunkQueue {
  #chunks: Buffer[] = [];
  #sizeBytes = 0;
  /** Where small chunks are copied to; from `from` to `to` lie those that are behind the last of the chunks. */
  #gathered = NOTHING;
  #from = 0;
  #to = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  push(chunk: Buffer): void {
    const hasToWait = this.#sizeBytes > 0;
    this.#sizeBytes += chunk.length;
    if (hasToWait && chunk.length < LIMITS.receiveViewBytesMin) {
      this.#gather(chunk);
    } else {
      this.#seal();
      this.#chunks.push(chunk);
    }
  }

  #gather(chunk: Buffer): void {
    if (this.#to + chunk.length > this.#gathered.length) {
      this.#seal();
      this.#gathered = Buffer.allocUnsafeSlow(GATHERED_SIZE_BYTES);
      this.#from = 0;
      this.#to = 0;
    }
    this.#gathered.set(chunk, this.#to);
    this.#to += chunk.length;
  }

  /** Makes a chunk of what was gathered. */
  #seal(): void {
    if (this.#to === this.#from) return;
    this.#chunks.push(this.#gathered.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }

  /** Takes up to `sizeBytesMax` bytes, as many as there are. */
  take(sizeBytesMax: number): Buffer[] {
    this.#seal();
    if (this.#sizeBytes <= sizeBytesMax) {
      const all = this.#chunks;
      this.#chunks = [];
      this.#sizeBytes = 0;
      return all;
    }
    return this.#takePart(sizeBytesMax);
  }

  #takePart(sizeBytes: number): Buffer[] {
    const taken: Buffer[] = [];
    let left = sizeBytes;
    let count = 0;
    while (left > 0) {
      const chunk = this.#chunks[count]!;
      if (chunk.length > left) {
        taken.push(chunk.subarray(0, left));
        this.#chunks[count] = chunk.subarray(left);
        break;
      }
      taken.push(chunk);
      left -= chunk.length;
      count++;
    }
    this.#chunks.splice(0, count);
    this.#sizeBytes -= sizeBytes;
    return taken;
  }

  /** Takes exactly `sizeBytes`, which must be there, as one buffer: a view when they lie in one chunk. */
  takeJoined(sizeBytes: number): Buffer {
    const parts = this.take(sizeBytes);
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts, sizeBytes);
  }

  /** Copies the chunks that are a small part of the memory which their views hold. */
  compact(): void {
    this.#chunks = this.#chunks.map(compacted);
  }

  clear(): void {
    this.#chunks = [];
    this.#sizeBytes = 0;
    this.#from = this.#to;
  }
}

/** A copy of bytes that are a small part of the memory which they hold; else the bytes. */
export function compacted(chunk: Buffer): Buffer {
  if (chunk.length * COMPACT_FACTOR >= chunk.buffer.byteLength) return chunk;
  // Not of Node's pool, which would be held as a whole.
  const copy = Buffer.allocUnsafeSlow(chunk.length);
  chunk.copy(copy);
  return copy;
}
