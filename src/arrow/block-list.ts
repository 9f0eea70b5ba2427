/**
 * Where the messages of a file stand. Kept in columns: a file may have millions of them, at 24 bytes each here.
 */

export interface Block {
  /** Where the message's frame begins in the file. */
  readonly position: number;
  /** Prefix, header and padding. */
  readonly metadataSizeBytes: number;
  readonly bodySizeBytes: number;
}

/** What both an array of blocks and a BlockList are. */
export interface BlockSequence {
  readonly length: number;
  at(index: number): Block | undefined;
}

export class BlockList implements BlockSequence {
  /** Three numbers per block: the engine keeps an array of numbers as flat as a typed one, and a short one is cheaper. */
  readonly #numbers: number[] = [];

  get length(): number {
    return this.#numbers.length / 3;
  }

  push(block: Block): void {
    this.#numbers.push(block.position, block.metadataSizeBytes, block.bodySizeBytes);
  }

  /** The block at an index from the start; undefined beyond the end. */
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
