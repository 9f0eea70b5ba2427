/**
 * Time and chance for storage in a bucket: the replica's clocks, waits, and the store's clock.
 *
 * The replica's clocks only measure how long something took; what has expired is judged by the
 * store's `Date`, which all replicas share.
 */
import { LIMITS } from "../../limits.ts";

/** What a test replaces. */
export interface Timing {
  monotonicMs(): number;
  wallMs(): number;
  /** From 0 up to 1, which is left out. */
  random(): number;
  pause(ms: number): Promise<void>;
}

export const SYSTEM_TIMING: Timing = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  random: () => Math.random(),
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/**
 * Time since its creation by that clock which ran faster: the monotonic clock stands still while a
 * machine is suspended, and the wall clock may be set back.
 */
export class Stopwatch {
  readonly #timing: Timing;
  readonly #monotonicMs: number;
  readonly #wallMs: number;

  constructor(timing: Timing) {
    this.#timing = timing;
    this.#monotonicMs = timing.monotonicMs();
    this.#wallMs = timing.wallMs();
  }

  get elapsedMs(): number {
    return Math.max(this.#timing.monotonicMs() - this.#monotonicMs, this.#timing.wallMs() - this.#wallMs);
  }
}

/**
 * The store's clock between two answers: its latest `Date`, continued by the monotonic clock.
 *
 * `Date` has whole seconds and is old when it arrives, so the answer that is furthest ahead is the
 * best one. It is used for LIMITS.storeDateTrustMs only: one wrong `Date` does not last.
 */
export class StoreClock {
  readonly #timing: Timing;
  #aheadMs: number | undefined;
  #atMs = 0;

  constructor(timing: Timing) {
    this.#timing = timing;
  }

  observe(dateMs: number): void {
    const nowMs = this.#timing.monotonicMs();
    const aheadMs = dateMs - nowMs;
    const isOld = nowMs - this.#atMs > LIMITS.storeDateTrustMs;
    if (this.#aheadMs !== undefined && aheadMs <= this.#aheadMs && !isOld) return;
    this.#aheadMs = aheadMs;
    this.#atMs = nowMs;
  }

  /** ms since 1970; undefined before the first answer. */
  get nowMs(): number | undefined {
    return this.#aheadMs === undefined ? undefined : Math.floor(this.#aheadMs + this.#timing.monotonicMs());
  }
}

/**
 * A random wait below a bound that doubles with each attempt (full jitter), and no less than
 * `atLeastMs`.
 */
export function backOff(timing: Timing, attempt: number, atLeastMs = 0): Promise<void> {
  const boundMs = Math.min(LIMITS.bucketBackoffMsMax, LIMITS.bucketBackoffMs * 2 ** Math.min(attempt, 20));
  const waitMs = Math.max(timing.random() * boundMs, Math.min(atLeastMs, LIMITS.bucketBackoffAskedMsMax));
  return timing.pause(waitMs);
}
