/**
 * A wall clock that never goes back: expired objects stay expired when the machine's clock is set
 * back.
 *
 * It continues from the latest time seen, at the rate of the process's monotonic clock, and follows
 * the machine's clock whenever that is later. A start continues from the time in the journal. Whole
 * ms since 1970.
 */

export class SteadyClock {
  readonly #wallMs: () => number;
  readonly #monotonicMs: () => number;
  /** The largest difference so far between wall clock and monotonic clock. */
  #aheadMs = Number.NEGATIVE_INFINITY;

  /** @param monotonicMs whole ms since an arbitrary moment. */
  constructor(wallMs: () => number, monotonicMs: () => number) {
    this.#wallMs = wallMs;
    this.#monotonicMs = monotonicMs;
  }

  nowMs(): number {
    const monotonicMs = this.#monotonicMs();
    this.#aheadMs = Math.max(this.#aheadMs, this.#wallMs() - monotonicMs);
    return this.#aheadMs + monotonicMs;
  }

  /** An earlier process saw this time. @returns how far it is ahead of the wall clock, ms, or 0. */
  notBefore(timeMs: number): number {
    const aheadMs = Math.max(0, timeMs - this.nowMs());
    this.#aheadMs += aheadMs;
    return aheadMs;
  }
}

/** The clock of a cache. @param wallMs a test's clock, which then alone defines the time. */
export function openClock(wallMs: (() => number) | undefined): SteadyClock {
  if (wallMs !== undefined) return new SteadyClock(wallMs, () => 0);
  return new SteadyClock(Date.now, () => Math.floor(performance.now()));
}
