/**
 * Reusable blocks of memory for bytes in transit.
 *
 * Every read of a socket is a new buffer outside V8's heap. Kept as views until a disk has written
 * them, such buffers grow old, and only a full collection frees old ones: one for each 64 MiB.
 * Copied into a block they die young, which costs almost nothing; the copy runs at memory speed.
 * Give a block back only when nobody reads it any more. A block that is not given back is garbage
 * collected.
 */
import { free } from "./free-memory.ts";

export class BlockPool {
  readonly blockBytes: number;
  readonly #freeMax: number;
  readonly #free: Buffer[] = [];

  /** @param freeMax the maximum number of unused blocks to keep. */
  constructor(blockBytes: number, freeMax: number) {
    this.blockBytes = blockBytes;
    this.#freeMax = freeMax;
  }

  /** A block with arbitrary content. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.blockBytes);
  }

  give(block: Buffer): void {
    if (this.#free.length < this.#freeMax) this.#free.push(block);
    else free(block.buffer);
  }
}
