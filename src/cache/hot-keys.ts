/**
 * Estimates which keys are read most often, in little memory.
 *
 * Source: Metwally, Agrawal, El Abbadi, "Efficient computation of frequent and top-k elements in data
 * streams" (Space-Saving), ICDT 2005: a new key takes the place of the rarest one and inherits its
 * count as its error. Counts are lower bounds. The first LIMITS.hotKeysExactMax gets of a period are all
 * counted, of later ones one in LIMITS.hotKeySample, at random. A period lasts
 * LIMITS.hotKeysPeriodMs, and the previous one is kept.
 * Cost: 2 ns for a get that is not counted, under 1 us for one that is.
 */
import { LIMITS } from "../limits.ts";

export interface HotKey {
  readonly key: string;
  /** Estimated. */
  readonly gets: number;
  readonly getsPerSecond: number;
}

interface Counter {
  count: number;
  error: number;
}

interface Period {
  readonly startedMs: number;
  readonly counters: Map<string, Counter>;
}

export class HotKeys {
  readonly #nowMs: () => number;
  #current: Period;
  #previous: Period | undefined;
  #random = 1;
  /** Gets of the current period that were counted one by one. */
  #exact = 0;

  /** @param nowMs a monotonic clock. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#current = { startedMs: nowMs(), counters: new Map() };
  }

  /** Called for each get. */
  read(key: string): void {
    if (this.#exact < LIMITS.hotKeysExactMax) {
      this.#exact += 1;
      this.#count(key, 1);
      return;
    }
    // The high bits of a linear congruential generator (Numerical Recipes).
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0;
    if (this.#random < SAMPLED_BELOW) this.#count(key, LIMITS.hotKeySample);
  }

  /** The most frequent first, over the last one or two periods. */
  top(countMax: number): HotKey[] {
    this.#turnOver();
    const periods = [this.#current, ...(this.#previous === undefined ? [] : [this.#previous])];
    const seconds = Math.max(1, (this.#nowMs() - periods.at(-1)!.startedMs) / 1000);
    const sums = new Map<string, number>();
    for (const { counters } of periods) {
      for (const [key, { count, error }] of counters) sums.set(key, (sums.get(key) ?? 0) + count - error);
    }
    return [...sums]
      .sort(([, a], [, b]) => b - a)
      .slice(0, countMax)
      .map(([key, gets]) => ({ key, gets, getsPerSecond: Math.round((100 * gets) / seconds) / 100 }));
  }

  #count(key: string, gets: number): void {
    this.#turnOver();
    const { counters } = this.#current;
    const known = counters.get(key);
    if (known !== undefined) {
      known.count += gets;
      return;
    }
    let error = 0;
    if (counters.size >= LIMITS.hotKeysMax) {
      const [rarest, counter] = rarestOf(counters);
      counters.delete(rarest);
      error = counter.count;
    }
    counters.set(key, { count: error + gets, error });
  }

  #turnOver(): void {
    const nowMs = this.#nowMs();
    const ageMs = nowMs - this.#current.startedMs;
    if (ageMs < LIMITS.hotKeysPeriodMs) return;
    this.#previous = ageMs < 2 * LIMITS.hotKeysPeriodMs ? this.#current : undefined;
    this.#current = { startedMs: nowMs, counters: new Map() };
    this.#exact = 0;
  }
}

const SAMPLED_BELOW = 2 ** 32 / LIMITS.hotKeySample;

function rarestOf(counters: ReadonlyMap<string, Counter>): [string, Counter] {
  let rarest: [string, Counter] | undefined;
  for (const each of counters) if (rarest === undefined || each[1].count < rarest[1].count) rarest = each;
  return rarest!;
}
