/**
 * Random numbers as workloads have them: popularity by Zipf, ages, sizes. All from a seed.
 */
import { Random } from "../../test/support/random.ts";

const STEPS = 2 ** 32;

export class Draws {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  below(end: number): number {
    return this.#random.below(end);
  }

  /** From 0 up to 1, which is left out. */
  unit(): number {
    return this.#random.below(STEPS) / STEPS;
  }

  /** Any size between the two is as likely as twice that size. */
  size(bytesMin: number, bytesMax: number): number {
    return bytesMin * (bytesMax / bytesMin) ** this.unit();
  }

  /** Exponentially distributed, in the unit of its mean. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.unit());
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    const order = [...items];
    for (let i = order.length - 1; i > 0; i -= 1) {
      const other = this.below(i + 1);
      [order[i], order[other]] = [order[other]!, order[i]!];
    }
    return order;
  }
}

/** Ranks 0 to count - 1, of which rank r is drawn in proportion to 1 / (r + 1) ** exponent. */
export class Zipf {
  readonly #cumulated: Float64Array;

  constructor(count: number, exponent: number) {
    this.#cumulated = new Float64Array(count);
    let sum = 0;
    for (let rank = 0; rank < count; rank += 1) {
      sum += 1 / (rank + 1) ** exponent;
      this.#cumulated[rank] = sum;
    }
  }

  draw(draws: Draws): number {
    const point = draws.unit() * this.#cumulated.at(-1)!;
    let [low, high] = [0, this.#cumulated.length - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#cumulated[middle]! <= point) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
