/**
 * Checks offsets of strings, lists and maps: not negative, never descending, and inside their data.
 *
 * List views have unordered offsets with separate sizes: the offsets are held until the sizes
 * arrive.
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
   * @param held receives the offsets for later checks.
   */
  constructor(elements: Elements, limit: number, held?: Float64Array) {
    super(elements);
    this.#isLarge = elements.elementBytes === 8;
    this.#limit = limit;
    this.#held = held;
  }

  protected override run(scratch: Scratch, count: number): void {
    if (descends(this.#isLarge ? 8 : 4, count, this.#last)) throw invalidIpc("offsets descend");
    const last = this.#isLarge ? int64At(scratch, count - 1) : scratch.int32[count - 1]!;
    if (last > this.#limit) throw invalidIpc("an offset points outside its data");
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

/** Keeps integers of 4 or 8 bytes for later checks. */
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

/** Checks the sizes of list views, whose offsets came before. */
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
        throw invalidIpc("a list view points outside its child");
      }
    }
    this.#seen += count;
  }
}
