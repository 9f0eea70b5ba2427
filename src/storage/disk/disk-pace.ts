/**
 * Decides whether a disk step may block the event loop or goes through the thread pool.
 *
 * Measured on two shared cores and ext4 (1.5 KB, new name): a blocking publish takes 43 us and 50
 * us of processor time, through the pool 270 us and 115 us or more; 17 to 22 thousand per second
 * against 7 to 15, also with 16 concurrent. open + read + close: 10 us against 180. So a short step
 * on a quick disk blocks. Two rules limit the cost for other calls:
 * - a turn of the loop blocks for at most TURN_MS_MAX in total; later publishes wait for the next
 *   turn, in order;
 * - if the mean step is slow (a full journal, a network drive), all steps use the pool for
 *   SLOW_FACTOR times the last one's duration: such a disk takes at most a twentieth of the loop's
 *   time.
 *
 * A single slow step proves nothing: on a busy machine the processor may have been the cause.
 */

const TURN_MS_MAX = 2;
const SLOW_MEAN_MS = 0.5;
const SLOW_FACTOR = 20;
/** The weight of one step in the mean, and the longest duration that counts. */
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

  /** Runs a blocking step and measures it. */
  block<Result>(step: () => Result): Result {
    const startMs = this.#nowMs();
    try {
      return step();
    } finally {
      this.#spend(startMs, this.#nowMs());
    }
  }

  /** Resolves when this turn of the loop has time for a publish; undefined if it has time now. */
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

  /**
   * Admits the first waiter, and the next after its blocking steps: nextTick inside a promise runs
   * after all of them.
   */
  #admit(): void {
    if (this.#spentMs >= TURN_MS_MAX) return;
    const next = this.#waiting.shift();
    if (!next) return;
    next();
    queueMicrotask(() => process.nextTick(() => this.#admit()));
  }
}
