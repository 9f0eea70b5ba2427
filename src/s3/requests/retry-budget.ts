/**
 * How often requests to one store are repeated, and after which pauses.
 *
 * A failing store must not get ever more requests: each repetition costs a token, and each answer
 * pays back a tenth of a token, so that in the long run a tenth of the requests are repetitions. The
 * pauses have full jitter. Pure, except for the random numbers.
 * Source: "Exponential Backoff and Jitter" (AWS Architecture Blog); gRPC's retry throttling (A6).
 */
import { LIMITS } from "../../limits.ts";

const PAID_BACK = 0.1;

export class RetryBudget {
  #tokens: number = LIMITS.s3RepetitionsMax;

  /** False if the budget is used up. */
  take(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  payBack(): void {
    this.#tokens = Math.min(LIMITS.s3RepetitionsMax, this.#tokens + PAID_BACK);
  }
}

/**
 * The pause before the next attempt, ms.
 * @param attempt number of attempts so far
 * @param afterMs the Retry-After of the store
 */
export function pauseMs(attempt: number, afterMs = 0): number {
  const most = Math.min(LIMITS.s3PauseMsMax, LIMITS.s3PauseMs * 2 ** (attempt - 1));
  return afterMs + Math.random() * most;
}
