/**
 * How often requests to one store are repeated, and after which pauses.
 *
 * A failing store must not get ever more requests: each repetition costs a token. A repetition that
 * gets an answer pays its token back, and a first attempt a tenth of one. So single failures cost
 * nothing, and a store that is down gets few repetitions. The pauses have full jitter. Pure, except
 * for the random numbers.
 * Source: "Exponential Backoff and Jitter" (AWS Architecture Blog); the standard retry mode
 * of the AWS SDKs.
 */
import { LIMITS } from "../../limits.ts";

/** By a first attempt. */
const PAID_BACK = 0.1;

export class RetryBudget {
  #tokens: number = LIMITS.s3RepetitionsMax;

  /** False if the budget is used up. */
  take(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** After an answer. @param attempts of this request */
  payBack(attempts: number): void {
    const paid = attempts > 1 ? 1 : PAID_BACK;
    this.#tokens = Math.min(LIMITS.s3RepetitionsMax, this.#tokens + paid);
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
