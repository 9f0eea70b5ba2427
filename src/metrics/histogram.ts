/**
 * A histogram with fixed buckets: counts of observations by upper bound, and their sum.
 *
 * A leaf that every module may use; it knows no text format. All memory is allocated by the
 * constructor, and an observation allocates nothing.
 * Cost of an observation: a comparison for each bucket below the value, and three additions.
 */

/** Upper bounds for the duration of calls, seconds: from a small get to a large transfer. */
export const CALL_SECONDS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/** Upper bounds for work of the disk and pauses of the process, seconds. */
export const PAUSE_SECONDS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

export class Histogram {
  /** Ascending. One more bucket counts what is above the last. */
  readonly bounds: readonly number[];
  /** Not cumulative. */
  readonly #counts: Float64Array;
  /** In an array, so that an addition allocates no number. */
  readonly #sum = new Float64Array(1);

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds } = this;
    let index = 0;
    while (index < bounds.length && value > bounds[index]!) index += 1;
    this.#counts[index]! += 1;
    this.#sum[0]! += value;
  }

  get sum(): number {
    return this.#sum[0]!;
  }

  get count(): number {
    return this.#counts.reduce((total, count) => total + count, 0);
  }

  /** Adds the observations of a histogram with the same bounds. */
  add(other: Histogram): void {
    for (const [index, count] of other.#counts.entries()) this.#counts[index]! += count;
    this.#sum[0]! += other.sum;
  }

  /** The observations that came after `before`, which has the same bounds. */
  since(before: Histogram): Histogram {
    const later = new Histogram(this.bounds);
    for (const [index, count] of this.#counts.entries()) {
      later.#counts[index] = count - before.#counts[index]!;
    }
    later.#sum[0] = this.sum - before.sum;
    return later;
  }

  /** Observations up to each bound; the last number is the count of all. */
  cumulative(): number[] {
    let total = 0;
    return Array.from(this.#counts, (count) => {
      total += count;
      return total;
    });
  }

  /**
   * Estimates a quantile by interpolation inside its bucket, as `histogram_quantile` of PromQL
   * does. Above the last bound it is the last bound. Undefined without observations.
   */
  quantile(part: number): number | undefined {
    const cumulative = this.cumulative();
    const total = cumulative.at(-1)!;
    if (total === 0) return undefined;
    const rank = part * total;
    const index = cumulative.findIndex((count) => count >= rank && count > 0);
    const upper = this.bounds[index];
    if (upper === undefined) return this.bounds.at(-1);
    const lower = index === 0 ? 0 : this.bounds[index - 1]!;
    const before = index === 0 ? 0 : cumulative[index - 1]!;
    return lower + ((upper - lower) * (rank - before)) / (cumulative[index]! - before);
  }
}
