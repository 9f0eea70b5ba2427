/**
 * A wall clock that never goes back: what was over once stays over when the machine's clock is set back.
 *
 * It goes on from the latest time that was seen, at the pace of the process's own clock, and follows the machine's whenever that
 * is later. A start goes on from the time that the retention journal tells. Whole ms since 1970.
 */

export class SteadyClock {
  readonly #wallMs: () => number;
  readonly #monotonicMs: () => number;
  /** How far the wall clock was ahead of the process's own, at most. */
  #aheadMs = Number.NEGATIVE_INFINITY;

  /** @param monotonicMs whole ms since any moment. */
  constructor(wallMs: () => number, monotonicMs: () => number) {
    this.#wallMs = wallMs;
    this.#monotonicMs = monotonicMs;
  }

  nowMs(): number {
    const monotonicMs = this.#monotonicMs();
    this.#aheadMs = Math.max(this.#aheadMs, this.#wallMs() - monotonicMs);
    return this.#aheadMs + monotonicMs;
  }

  /** An earlier process saw this time. @returns how far it is ahead of the wall clock, ms; 0 when it is not. */
  notBefore(timeMs: number): number {
    const aheadMs = Math.max(0, timeMs - this.nowMs());
    this.#aheadMs += aheadMs;
    return aheadMs;
  }
}

/** The clock of a cache. @param wallMs a test's own clock: time then passes by it alone. */
export function openClock(wallMs: (() => number) | undefined): SteadyClock {
  if (wallMs !== undefined) return new SteadyClock(wallMs, () => 0);
  return new SteadyClock(Date.now, () => Math.floor(performance.now()));
}
