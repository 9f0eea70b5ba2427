/**
 * Received bytes that wait for their reader, in order.
 *
 * Chunks stay views of the socket's buffers. Only small chunks that wait behind others are copied
 * together: a view costs a hundred bytes and retains its whole buffer, so frames of one byte would
 * fill the memory with a small queue.
 */
import { LIMITS } from "../limits.ts";

const GATHERED_SIZE_BYTES = 8 * LIMITS.receiveViewBytesMin;

/** A waiting view is copied if it is less than this part of the memory that it retains. */
const COMPACT_FACTOR = 4;

/** Shared: every call has a queue, but few gather chunks. */
const NOTHING = Buffer.alloc(0);

export class ChunkQueue {
  #chunks: Buffer[] = [];
  #sizeBytes = 0;
  /** Buffer for copied chunks. `#from` to `#to` holds the bytes that follow the last chunk. */
  #gathered = NOTHING;
  #from = 0;
  #to = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Undefined if the queue is empty, or has nothing but gathered chunks. */
  get first(): Buffer | undefined {
    return this.#chunks[0];
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

  /** Converts the gathered bytes to a chunk. */
  #seal(): void {
    if (this.#to === this.#from) return;
    this.#chunks.push(this.#gathered.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }

  /** Removes up to `sizeBytesMax` bytes, as many as there are. */
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

  /** Removes the front of the first chunk. */
  dropOfFirst(sizeBytes: number): void {
    const first = this.#chunks[0]!;
    this.#sizeBytes -= sizeBytes;
    if (sizeBytes === first.length) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(sizeBytes);
  }

  /**
   * Removes exactly `sizeBytes` as one buffer: a view if they lie in one chunk. The queue must hold
   * that many.
   */
  takeJoined(sizeBytes: number): Buffer {
    const parts = this.take(sizeBytes);
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts, sizeBytes);
  }

  /** Copies chunks whose views retain much more memory than they use. */
  compact(): void {
    this.#chunks = this.#chunks.map(compacted);
  }

  clear(): void {
    this.#chunks = [];
    this.#sizeBytes = 0;
    this.#from = this.#to;
  }
}

/** Copies a chunk that is a small part of the memory it retains; otherwise returns the chunk. */
export function compacted(chunk: Buffer): Buffer {
  if (chunk.length * COMPACT_FACTOR >= chunk.buffer.byteLength) return chunk;
  // Not from Node's pool, which would be retained as a whole.
  const copy = Buffer.allocUnsafeSlow(chunk.length);
  chunk.copy(copy);
  return copy;
}
