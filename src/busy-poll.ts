/**
 * Busy polling: keeps the event loop awake for a moment after an answer, because the next request
 * often follows at once.
 *
 * A loop that sleeps gives its processor back. The next request then finds it halted, with cold
 * caches: by pyarrow's client a put of 1 KiB took 0.40 ms and 0.24 ms of processor time, with polls
 * 0.19 and 0.21. A poll that finds nothing costs its time: the next answer is not polled, then 3, 7
 * and so on, up to LIMITS.pollPauseMax. On a busy machine no processor is halted, so the loop does
 * not poll. During a poll the loop continues all its other work.
 */
import { availableParallelism, loadavg } from "node:os";
import { LIMITS } from "./limits.ts";

export class BusyPoll {
  readonly #hasSpareProcessor: () => boolean;
  #hasSpare = true;
  #lookedMs = Number.NEGATIVE_INFINITY;
  /** When the poll began, on the clock of `performance.now`; 0: none runs. */
  #startMs = 0;
  #isScheduled = false;
  /** Answers that are not polled, and how many of them have been sent. */
  #pause = 0;
  #passed = 0;
  #spentMs = 0;

  /** @param hasSpareProcessor called once a second. */
  constructor(hasSpareProcessor: () => boolean = hasSpareProcessorNow) {
    this.#hasSpareProcessor = hasSpareProcessor;
  }

  /** Time spent in polls so far, ms. */
  get spentMs(): number {
    return this.#spentMs;
  }

  /** Called when an answer was sent and its connection has no other call. */
  answered(): void {
    if (this.#passed < this.#pause) {
      this.#passed += 1;
      return;
    }
    const nowMs = performance.now();
    if (!this.#mayPoll(nowMs)) return;
    this.#startMs = nowMs;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#look);
  }

  /** Called when bytes of a client arrive. */
  arrived(): void {
    if (this.#startMs === 0) return;
    this.#pause = 0;
    this.#end(performance.now());
  }

  #mayPoll(nowMs: number): boolean {
    if (nowMs - this.#lookedMs >= LIMITS.pollLoadMs) {
      this.#lookedMs = nowMs;
      this.#hasSpare = this.#hasSpareProcessor();
    }
    return this.#hasSpare;
  }

  readonly #look = (): void => {
    this.#isScheduled = false;
    if (this.#startMs === 0) return;
    const nowMs = performance.now();
    if (nowMs - this.#startMs < LIMITS.pollMs) {
      this.#isScheduled = true;
      setImmediate(this.#look);
      return;
    }
    this.#pause = Math.min(2 * this.#pause + 1, LIMITS.pollPauseMax);
    this.#passed = 0;
    this.#end(nowMs);
  };

  #end(nowMs: number): void {
    // What is above is other work that ran meanwhile.
    this.#spentMs += Math.min(nowMs - this.#startMs, LIMITS.pollMs);
    this.#startMs = 0;
  }
}

/**
 * The load is the mean of the last minute. It includes this thread, and a client that is served at
 * the same time. A single processor would be taken from the client.
 */
function hasSpareProcessorNow(): boolean {
  const processors = availableParallelism();
  return processors > 1 && loadavg()[0]! < processors + 1;
}

/** Of this thread. */
export const THREAD_POLL = new BusyPoll();

/** Measures which part of the time the event loop of this thread works. Polls do not count. */
export class LoopUse {
  #since = performance.eventLoopUtilization();
  #spentMs = THREAD_POLL.spentMs;

  /** Since the last restart. */
  get activeMs(): number {
    return this.#measure().activeMs;
  }

  /** The part of the time since the last restart: 0 to 1. */
  get part(): number {
    const { activeMs, passedMs } = this.#measure();
    return passedMs > 0 ? activeMs / passedMs : 0;
  }

  restart(): void {
    this.#since = performance.eventLoopUtilization();
    this.#spentMs = THREAD_POLL.spentMs;
  }

  #measure(): { readonly activeMs: number; readonly passedMs: number } {
    const { active, idle } = performance.eventLoopUtilization(this.#since);
    const polledMs = THREAD_POLL.spentMs - this.#spentMs;
    return { activeMs: Math.max(0, active - polledMs), passedMs: active + idle };
  }
}
