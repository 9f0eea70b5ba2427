/**
 * Decides whether a sync of the log blocks the event loop or goes through the thread pool.
 *
 * On a quick disk a sync takes 0.15 ms, and the two switches of threads take as long: blocking, a
 * durable put of 1 KiB takes 0.74 ms instead of 0.91, and 0.44 ms of processor time instead of 0.58.
 * What arrives meanwhile shares the next sync. On a slower disk a blocking sync would delay all
 * calls. DiskPace would try one again and again; here syncs in the pool show first that they are
 * quick. One slow sync proves nothing, because a busy processor may be the cause; two end it.
 */
const QUICK_MEAN_MS = 0.5;
/** The weight of one sync in the mean, and the longest duration that counts. */
const SYNC_WEIGHT = 1 / 16;
const SYNC_MS_MAX = 4;

export class SyncPace {
  readonly #nowMs: () => number;
  /** Slow until shown to be quick, which takes 36 quick syncs. */
  #meanMs = SYNC_MS_MAX;

  /** @param nowMs a monotonic clock. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Runs one of both, and measures it. Fails as it does. */
  async run(blocking: () => void, pooled: () => Promise<void>): Promise<void> {
    const startMs = this.#nowMs();
    try {
      if (this.#meanMs < QUICK_MEAN_MS) blocking();
      else await pooled();
    } finally {
      const tookMs = Math.min(this.#nowMs() - startMs, SYNC_MS_MAX);
      this.#meanMs += (tookMs - this.#meanMs) * SYNC_WEIGHT;
    }
  }
}
