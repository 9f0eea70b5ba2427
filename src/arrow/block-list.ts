/**
 * The positions of a file's messages.
 *
 * Stored as columns: a file may have millions of messages, at 24 bytes each here.
 */

export interface Block {
  /** Position of the message's frame in the file. */
  readonly position: number;
  /** Prefix, header and padding. */
  readonly metadataSizeBytes: number;
  readonly bodySizeBytes: number;
}

/** The common interface of an array of blocks and a BlockList. */
export interface BlockSequence {
  readonly length: number;
  at(index: number): Block | undefined;
}

export class BlockList implements BlockSequence {
  /**
   * Three numbers per block: V8 stores an array of numbers as flat as a typed one, and a short one
   * is cheaper.
   */
  readonly #numbers: number[] = [];

  get length(): number {
    return this.#numbers.length / 3;
  }

  push(block: Block): void {
    this.#numbers.push(block.position, block.metadataSizeBytes, block.bodySizeBytes);
  }

  /** The block at an index; undefined beyond the end. */
  at(index: number): Block | undefined {
    if (index < 0 || index >= this.length) return undefined;
    const start = 3 * index;
    return {
      position: this.#numbers[start]!,
      metadataSizeBytes: this.#numbers[start + 1]!,
      bodySizeBytes: this.#numbers[start + 2]!,
    };
  }

  *[Symbol.iterator](): Generator<Block> {
    for (let index = 0; index < this.length; index++) yield this.at(index)!;
  }
}
