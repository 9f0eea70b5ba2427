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
  #length = 0;
  /** Three numbers per block. */
  #numbers: Float64Array;

  constructor(capacity = 4) {
    this.#numbers = new Float64Array(3 * Math.max(capacity, 1));
  }

  get length(): number {
    return this.#length;
  }

  push(block: Block): void {
    const start = 3 * this.#length;
    if (start === this.#numbers.length) {
      const larger = new Float64Array(2 * start);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[start] = block.position;
    this.#numbers[start + 1] = block.metadataSizeBytes;
    this.#numbers[start + 2] = block.bodySizeBytes;
    this.#length++;
  }

  /** The block at an index from the start; undefined beyond the end. */
  at(index: number): Block | undefined {
    if (index < 0 || index >= this.#length) return undefined;
    const start = 3 * index;
    return {
      position: this.#numbers[start]!,
      metadataSizeBytes: this.#numbers[start + 1]!,
      bodySizeBytes: this.#numbers[start + 2]!,
    };
  }

  *[Symbol.iterator](): Generator<Block> {
    for (let index = 0; index < this.#length; index++) yield this.at(index)!;
  }
}
