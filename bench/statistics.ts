/**
 * Numbers out of samples: quantiles, and ratios that survive a machine whose speed drifts.
 *
 * Two servers are compared round by round, one block right after the other, and the median of those ratios counts: what
 * slows a whole round down slows both.
 */

/** The quantile `q` (0 to 1) of at least one value, by nearest rank. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  if (value === undefined) throw new Error("no values");
  return value;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export interface Summary {
  /** Median over the rounds of each round's median. */
  readonly median: number;
  /** The lowest and the highest round. */
  readonly lowest: number;
  readonly highest: number;
  /** Over all samples of all rounds. */
  readonly p50: number;
  readonly p99: number;
}

/** @param rounds the samples of each round, none of them empty */
export function summarize(rounds: readonly (readonly number[])[]): Summary {
  const medians = rounds.map(median);
  const samples = rounds.flat();
  return {
    median: median(medians),
    lowest: quantile(medians, 0),
    highest: quantile(medians, 1),
    p50: median(samples),
    p99: quantile(samples, 0.99),
  };
}

/** Median over the rounds of `ours / theirs`, each the quantile `q` of its round. */
export function ratioByRound(
  ours: readonly (readonly number[])[],
  theirs: readonly (readonly number[])[],
  q = 0.5,
): number {
  return median(ours.map((samples, i) => quantile(samples, q) / quantile(theirs[i] ?? [], q)));
}
