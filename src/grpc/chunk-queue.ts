/**
 * Bytes that arrived and wait for their reader, in order.
 *
 * Chunks stay views of the socket's buffers. Only small ones that have to wait behind others are copied together: each
 * view would cost a hundred bytes and hold the whole buffer it is part of, and a peer that sends frames of one byte
 * would fill the memory with a small queue.
 */
import { LIMITS } from "../limits.ts";

const GATHERED_SIZE_BYTES = 8 * LIMITS.receiveViewBytesMin;

export class ChunkQueue {
  #chunks: Buffer[] = [];
  #sizeBytes = 0;
  /** Where small chunks are copied to. The last chunk of the queue is the part from `from` to `to` when joinable. */
  #gathered = Buffer.alloc(0);
  #gatheredFrom = 0;
  #gatheredTo = 0;
  #isJoinable = false;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  push(chunk: Buffer): void {
    this.#sizeBytes += chunk.length;
    if (chunk.length < LIMITS.receiveViewBytesMin && this.#chunks.length > 0) {
      this.#gather(chunk);
    } else {
      this.#chunks.push(chunk);
      this.#isJoinable = false;
    }
  }

  #gather(chunk: Buffer): void {
    if (this.#gatheredTo + chunk.length > this.#gathered.length) {
      this.#gathered = Buffer.allocUnsafeSlow(GATHERED_SIZE_BYTES);
      this.#gatheredTo = 0;
      this.#isJoinable = false;
    }
    if (this.#isJoinable) this.#chunks.pop();
    else this.#gatheredFrom = this.#gatheredTo;
    chunk.copy(this.#gathered, this.#gatheredTo);
    this.#gatheredTo += chunk.length;
    this.#chunks.push(this.#gathered.subarray(this.#gatheredFrom, this.#gatheredTo));
    this.#isJoinable = true;
  }

  /** Takes up to `sizeBytesMax` bytes, as many as there are. */
  take(sizeBytesMax: number): Buffer[] {
    this.#isJoinable = false;
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

  clear(): void {
    this.#chunks = [];
    this.#sizeBytes = 0;
    this.#isJoinable = false;
  }
}
