/**
 * Runs the collector of garbage now and then while the server runs, one pass at a time.
 *
 * A pass that fails is logged, and the next one continues. The time between passes is random, so
 * that replicas that start together do not collect together.
 */

import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { CollectedCounts } from "../storage-counts.ts";
import type { GarbageCollector, PassCounts } from "./garbage-collector.ts";

const log = logFor("storage");

export class CollectorLoop {
  readonly #collector: Pick<GarbageCollector, "pass">;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #pass: Promise<void> | undefined;
  readonly #removed = { blobs: 0, tombstones: 0, expiredObjects: 0, passes: 0 };

  constructor(collector: Pick<GarbageCollector, "pass">) {
    this.#collector = collector;
  }

  /** Since the start. */
  get removed(): CollectedCounts {
    return { ...this.#removed };
  }

  start(): void {
    const waitMs = LIMITS.garbagePassMs * (0.5 + Math.random());
    this.#timer = setTimeout(() => {
      this.#pass = this.runPass().finally(() => {
        if (!this.#stopping.signal.aborted) this.start();
      });
    }, waitMs);
    this.#timer.unref();
  }

  /** One pass. Never rejects. */
  async runPass(): Promise<void> {
    try {
      this.#count(await this.#collector.pass(this.#stopping.signal));
    } catch (error) {
      log.warn("a pass of the garbage collector failed; the next one continues", { error });
    }
  }

  /** Ends a pass that runs. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#pass;
  }

  #count({ removedBlobs, removedTombstones, expiredObjects }: PassCounts): void {
    this.#removed.passes += 1;
    this.#removed.blobs += removedBlobs;
    this.#removed.tombstones += removedTombstones;
    this.#removed.expiredObjects += expiredObjects;
    log.debug("collected garbage", { removedBlobs, removedTombstones, expiredObjects });
  }
}
