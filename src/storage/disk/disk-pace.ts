/**
 * Decides whether a step on the disk may block the event loop or goes through the thread pool.
 *
 * Measured on two shared cores and ext4 (1.5 KB, new name): blocking 43 us and 50 us of processor time a publish, through the pool
 * 270 us and 115 us or more; 17 to 22 thousand a second against 7 to 15, also with 16 at once. open + read + close: 10 us against
 * 180. So a short step on a quick disk blocks. Two rules bound what that costs the other calls:
 * - a turn of the loop blocks for TURN_MS_MAX in all; publishes beyond that wait for the next turn, first come first;
 * - when the mean step gets slow (a full journal, a network drive), all steps go to the pool for SLOW_FACTOR times
 *   as long as the last one took: such a disk takes at most a twentieth of the loop's time.
 * One slow step alone proves nothing: on a busy machine it was the processor that was missing.
 */

const TURN_MS_MAX = 2;
const SLOW_MEAN_MS = 0.5;
const SLOW_FACTOR = 20;
/** Of the mean: the weight of one step, and the most it counts. */
const STEP_WEIGHT = 1 / 16;
const STEP_MS_MAX = 4;

export class DiskPace {
  readonly #nowMs: () => number;
  #pooledUntilMs = 0;
  #spentMs = 0;
  #meanMs = 0;
  #waiting: (() => void)[] = [];

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** True while short steps may block. */
  get isQuick(): boolean {
    return this.#nowMs() >= this.#pooledUntilMs;
  }

  /** Runs a blocking step and takes its time. */
  block<Result>(step: () => Result): Result {
    const startMs = this.#nowMs();
    try {
      return step();
    } finally {
      this.#spend(startMs, this.#nowMs());
    }
  }

  /** Resolves when this turn of the loop has time left for a publish; undefined when it has. */
  turn(): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#spentMs < TURN_MS_MAX) return undefined;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #spend(startMs: number, endMs: number): void {
    const tookMs = endMs - startMs;
    if (this.#spentMs === 0) setImmediate(() => this.#endTurn());
    this.#spentMs += tookMs;
    this.#meanMs += (Math.min(tookMs, STEP_MS_MAX) - this.#meanMs) * STEP_WEIGHT;
    if (this.#meanMs > SLOW_MEAN_MS) this.#pooledUntilMs = endMs + tookMs * SLOW_FACTOR;
  }

  #endTurn(): void {
    this.#spentMs = 0;
    this.#admit();
  }

  /** Lets the first one go on, and the next when its blocking steps are done: a tick asked for among promises comes after all of them. */
  #admit(): void {
    if (this.#spentMs >= TURN_MS_MAX) return;
    const next = this.#waiting.shift();
    if (!next) return;
    next();
    queueMicrotask(() => process.nextTick(() => this.#admit()));
  }
}
