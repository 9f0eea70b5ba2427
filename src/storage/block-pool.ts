/**
 * Blocks of memory that are used again and again for bytes on their way through.
 *
 * Every read of a socket is a new buffer outside of V8's heap. Kept as views until a disk has taken them they grow old,
 * and only a full collection frees what is old: one for each 64 MiB that pass. Copied into a block they die young, which costs
 * nearly nothing; the copy runs at memory speed.
 * A block must be given back only when nobody reads it any more; one that is not given back is lost to the pool only.
 */
import { free } from "./free-memory.ts";

export class BlockPool {
  readonly blockBytes: number;
  readonly #freeMax: number;
  readonly #free: Buffer[] = [];

  /** @param freeMax how many unused blocks are kept. */
  constructor(blockBytes: number, freeMax: number) {
    this.blockBytes = blockBytes;
    this.#freeMax = freeMax;
  }

  /** A block with whatever was in it before. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.blockBytes);
  }

  give(block: Buffer): void {
    if (this.#free.length < this.#freeMax) this.#free.push(block);
    else free(block.buffer);
  }
}
