/**
 * Measures how long syncs take, by what they make durable. Failed syncs count too.
 *
 * Cost: two readings of the clock for each sync, which takes a hundred times as long at least.
 */
import { Histogram, PAUSE_SECONDS } from "../../metrics/histogram.ts";
import type { SyncKind } from "../storage-counts.ts";

export class SyncTimes {
  readonly seconds: Readonly<Record<SyncKind, Histogram>> = {
    file: new Histogram(PAUSE_SECONDS),
    directory: new Histogram(PAUSE_SECONDS),
    log: new Histogram(PAUSE_SECONDS),
    record: new Histogram(PAUSE_SECONDS),
  };

  async time(kind: SyncKind, sync: () => Promise<void>): Promise<void> {
    const startedMs = performance.now();
    try {
      await sync();
    } finally {
      this.seconds[kind].observe((performance.now() - startedMs) / 1000);
    }
  }
}
