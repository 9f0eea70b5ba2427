/**
 * Offsets of strings, lists and maps: they begin at 0 or later, never go back, and end inside of what they point into.
 *
 * List views have offsets in any order and a size beside each: the offsets are held until the sizes come.
 */
import { invalidIpc } from "../../invalid-ipc.ts";
import { descends, type Elements, ElementWalk, int64At, type Scratch } from "./walk.ts";

export class OffsetsWalk extends ElementWalk {
  readonly #isLarge: boolean;
  readonly #limit: number;
  readonly #held: Float64Array | undefined;
  #last = 0;
  #seen = 0;

  /**
   * @param limit bytes of the data, or rows of the child.
   * @param held where the offsets are kept, for those who need them later.
   */
  constructor(elements: Elements, limit: number, held?: Float64Array) {
    super(elements);
    this.#isLarge = elements.elementBytes === 8;
    this.#limit = limit;
    this.#held = held;
  }

  protected override run(scratch: Scratch, count: number): void {
    if (descends(this.#isLarge ? 8 : 4, count, this.#last)) throw invalidIpc("offsets go backwards");
    const last = this.#isLarge ? int64At(scratch, count - 1) : scratch.int32[count - 1]!;
    if (last > this.#limit) throw invalidIpc("an offset points outside of its data");
    this.#last = last;
    if (this.#held !== undefined) this.#hold(scratch, count, this.#held);
  }

  #hold(scratch: Scratch, count: number, held: Float64Array): void {
    for (let index = 0; index < count; index += 1) {
      held[this.#seen + index] = this.#isLarge ? int64At(scratch, index) : scratch.int32[index]!;
    }
    this.#seen += count;
  }
}

/** Keeps integers of 4 or 8 bytes as they are. */
export class HoldWalk extends ElementWalk {
  readonly #isLarge: boolean;
  readonly #held: Float64Array;
  #seen = 0;

  constructor(elements: Elements, held: Float64Array) {
    super(elements);
    this.#isLarge = elements.elementBytes === 8;
    this.#held = held;
  }

  protected override run(scratch: Scratch, count: number): void {
    for (let index = 0; index < count; index += 1) {
      this.#held[this.#seen + index] = this.#isLarge ? int64At(scratch, index) : scratch.int32[index]!;
    }
    this.#seen += count;
  }
}

/** The sizes of list views, whose offsets came before. */
export class SizesWalk extends ElementWalk {
  readonly #isLarge: boolean;
  readonly #offsets: Float64Array;
  readonly #limit: number;
  #seen = 0;

  /** @param limit rows of the child. */
  constructor(elements: Elements, offsets: Float64Array, limit: number) {
    super(elements);
    this.#isLarge = elements.elementBytes === 8;
    this.#offsets = offsets;
    this.#limit = limit;
  }

  protected override run(scratch: Scratch, count: number): void {
    for (let index = 0; index < count; index += 1) {
      const size = this.#isLarge ? int64At(scratch, index) : scratch.int32[index]!;
      const offset = this.#offsets[this.#seen + index]!;
      if (size < 0 || offset < 0 || offset + size > this.#limit) {
        throw invalidIpc("a list view points outside of its child");
      }
    }
    this.#seen += count;
  }
}
