/**
 * Checks integers that select: dictionary indices, type ids and offsets of unions, run ends.
 *
 * Each walk covers one buffer of a body.
 */
import { invalidIpc } from "../../invalid-ipc.ts";
import { isNull } from "./validity.ts";
import { type Elements, ElementWalk, int64At, largest, type Scratch } from "./walk.ts";

/**
 * A reader of integers of this size. An unsigned 64-bit integer above 2^63 is read as negative, and
 * so refused too.
 */
function readerOf(elementBytes: number, isSigned: boolean): (scratch: Scratch, index: number) => number {
  switch (elementBytes) {
    case 1:
      return isSigned ? ({ int8 }, index) => int8[index]! : ({ bytes }, index) => bytes[index]!;
    case 2:
      return isSigned ? ({ int16 }, index) => int16[index]! : ({ uint16 }, index) => uint16[index]!;
    case 4:
      return isSigned ? ({ int32 }, index) => int32[index]! : ({ uint32 }, index) => uint32[index]!;
    default:
      return int64At;
  }
}

/** Checks that indices of non-null rows are inside the dictionary. */
export class IndicesWalk extends ElementWalk {
  readonly #read: (scratch: Scratch, index: number) => number;
  readonly #elementBytes: number;
  readonly #dictionaryLength: number;
  readonly #bits: Uint8Array | undefined;
  #row = 0;

  constructor(elements: Elements & { isSigned: boolean }, dictionaryLength: number, bits?: Uint8Array) {
    super(elements);
    this.#read = readerOf(elements.elementBytes, elements.isSigned);
    this.#elementBytes = elements.elementBytes;
    this.#dictionaryLength = dictionaryLength;
    this.#bits = bits;
  }

  protected override run(scratch: Scratch, count: number): void {
    if (!this.#areAllInside(count)) this.#lookAtEach(scratch, count);
    this.#row += count;
  }

  /** Negative indices are large as unsigned. Indices of 8 bytes are checked one by one. */
  #areAllInside(count: number): boolean {
    const size = this.#elementBytes;
    if (size !== 1 && size !== 2 && size !== 4) return false;
    return largest(size, count) < this.#dictionaryLength;
  }

  #lookAtEach(scratch: Scratch, count: number): void {
    const length = this.#dictionaryLength;
    for (let index = 0; index < count; index += 1) {
      const value = this.#read(scratch, index);
      if ((value < 0 || value >= length) && !isNull(this.#bits, this.#row + index)) {
        throw invalidIpc("an index points outside its dictionary");
      }
    }
  }
}

/** Checks that each type id of a union has a child. */
export class TagsWalk extends ElementWalk {
  readonly #isTag = new Uint8Array(256);
  readonly #held: Uint8Array | undefined;
  #row = 0;

  /** @param held receives the type ids, for the offsets of a dense union. */
  constructor(start: number, count: number, typeIds: readonly number[], held?: Uint8Array) {
    super({ start, count, elementBytes: 1, isBigEndian: false });
    for (const id of typeIds) this.#isTag[id] = 1;
    this.#held = held;
  }

  protected override run({ bytes }: Scratch, count: number): void {
    let known = 0;
    for (let index = 0; index < count; index += 1) known += this.#isTag[bytes[index]!]!;
    if (known !== count) throw invalidIpc("a union row has an unknown type id");
    this.#held?.set(bytes.subarray(0, count), this.#row);
    this.#row += count;
  }
}

/** Checks the offsets of a dense union: inside the row's child, and never descending there. */
export class DenseOffsetsWalk extends ElementWalk {
  readonly #tags: Uint8Array;
  readonly #lengths = new Float64Array(256);
  readonly #last = new Float64Array(256);
  #row = 0;

  /** @param lengths rows of the children by type id, known before the body. */
  constructor(elements: Elements, tags: Uint8Array, lengths: ReadonlyMap<number, number>) {
    super(elements);
    this.#tags = tags;
    for (const [id, length] of lengths) this.#lengths[id] = length;
  }

  protected override run({ int32 }: Scratch, count: number): void {
    for (let index = 0; index < count; index += 1) {
      const tag = this.#tags[this.#row + index]!;
      const offset = int32[index]!;
      if (offset < this.#last[tag]! || offset >= this.#lengths[tag]!) {
        throw invalidIpc("a union offset descends or points outside its child");
      }
      this.#last[tag] = offset;
    }
    this.#row += count;
  }
}

/** Checks run ends: positive, ascending, and the last at least the end of the column. */
export class RunEndsWalk extends ElementWalk {
  readonly #read: (scratch: Scratch, index: number) => number;
  readonly #length: number;
  #last = 0;

  /** @param length rows of the column. */
  constructor(elements: Elements, length: number) {
    super(elements);
    this.#read = readerOf(elements.elementBytes, true);
    this.#length = length;
  }

  protected override run(scratch: Scratch, count: number): void {
    for (let index = 0; index < count; index += 1) {
      const end = this.#read(scratch, index);
      if (end <= this.#last) throw invalidIpc("run ends do not ascend");
      this.#last = end;
    }
  }

  override done(): void {
    if (this.#last < this.#length) throw invalidIpc("the runs end before their column does");
  }
}
