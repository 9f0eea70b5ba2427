/**
 * Integers that choose: indices into a dictionary, tags and offsets of unions, ends of runs.
 */
import { invalidIpc } from "../../invalid-ipc.ts";
import { isNull } from "./validity.ts";
import { type Elements, ElementWalk, int64At, largest, type Scratch } from "./walk.ts";

/** How an integer of so many bytes is read; an unsigned one of 8 bytes above 2^63 reads as a negative one, and is refused as well. */
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

/** Indices of rows that are not null lie inside the dictionary. */
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

  /** Negative ones are large when they are taken as unsigned. Of 8 bytes each is looked at. */
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
        throw invalidIpc("an index points outside of its dictionary");
      }
    }
  }
}

/** Each tag of a union is that of a child. */
export class TagsWalk extends ElementWalk {
  readonly #isTag = new Uint8Array(256);
  readonly #held: Uint8Array | undefined;
  #row = 0;

  /** @param held where the tags are kept, for the offsets of a dense union. */
  constructor(start: number, count: number, typeIds: readonly number[], held?: Uint8Array) {
    super({ start, count, elementBytes: 1, isBigEndian: false });
    for (const id of typeIds) this.#isTag[id] = 1;
    this.#held = held;
  }

  protected override run({ bytes }: Scratch, count: number): void {
    let known = 0;
    for (let index = 0; index < count; index += 1) known += this.#isTag[bytes[index]!]!;
    if (known !== count) throw invalidIpc("a union's row is of none of its children");
    this.#held?.set(bytes.subarray(0, count), this.#row);
    this.#row += count;
  }
}

/** Offsets of a dense union: into the child that the row's tag names, and never back in it. */
export class DenseOffsetsWalk extends ElementWalk {
  readonly #tags: Uint8Array;
  readonly #lengths = new Float64Array(256);
  readonly #last = new Float64Array(256);
  #row = 0;

  /** @param lengths rows of the children, by tag; known before the body comes. */
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
        throw invalidIpc("a union's offset goes back or points outside of its child");
      }
      this.#last[tag] = offset;
    }
    this.#row += count;
  }
}

/** Ends of runs: above zero, ascending, and the last not before the end of the column. */
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
      if (end <= this.#last) throw invalidIpc("ends of runs do not ascend");
      this.#last = end;
    }
  }

  override done(): void {
    if (this.#last < this.#length) throw invalidIpc("the runs end before their column does");
  }
}
