/**
 * Measures the event loop's delay and the garbage collection of this thread.
 *
 * The delay is how late a timer runs. `monitorEventLoopDelay` of node:perf_hooks measures the same,
 * but its histogram has no counts by bucket, so that no reader could compute the delay of the last
 * minutes, and it serves only one reader that resets it.
 * Cost: fifty timers a second, and a callback for each collection.
 */
import { constants, type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { Histogram, PAUSE_SECONDS } from "../../metrics/histogram.ts";

/** How often the delay is measured. A shorter block of the loop is seen only in part. */
const INTERVAL_MS = 20;

export const GC_KINDS = ["minor", "major", "incremental", "weak"] as const;
export type GcKind = (typeof GC_KINDS)[number];

/** What the types of Node leave out. */
type CollectionEntry = PerformanceEntry & { readonly detail?: { readonly kind?: number } };

export class RuntimeMonitor {
  readonly loopDelaySeconds = new Histogram(PAUSE_SECONDS);
  /** The longest delay since the start. */
  loopDelaySecondsMax = 0;
  readonly gcSeconds: Readonly<Record<GcKind, Histogram>> = {
    minor: new Histogram(PAUSE_SECONDS),
    major: new Histogram(PAUSE_SECONDS),
    incremental: new Histogram(PAUSE_SECONDS),
    weak: new Histogram(PAUSE_SECONDS),
  };
  #timer: NodeJS.Timeout | undefined;
  #lastMs = 0;
  readonly #collections = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) this.#collected(entry);
  });

  start(): void {
    this.#lastMs = performance.now();
    this.#timer = setInterval(() => this.#measureDelay(), INTERVAL_MS).unref();
    this.#collections.observe({ entryTypes: ["gc"] });
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#collections.disconnect();
  }

  #measureDelay(): void {
    const nowMs = performance.now();
    const seconds = Math.max(0, nowMs - this.#lastMs - INTERVAL_MS) / 1000;
    this.#lastMs = nowMs;
    this.loopDelaySeconds.observe(seconds);
    if (seconds > this.loopDelaySecondsMax) this.loopDelaySecondsMax = seconds;
  }

  #collected(entry: CollectionEntry): void {
    this.gcSeconds[kindOf(entry.detail?.kind)].observe(entry.duration / 1000);
  }
}

function kindOf(kind: number | undefined): GcKind {
  if (kind === constants.NODE_PERFORMANCE_GC_MINOR) return "minor";
  if (kind === constants.NODE_PERFORMANCE_GC_MAJOR) return "major";
  return kind === constants.NODE_PERFORMANCE_GC_INCREMENTAL ? "incremental" : "weak";
}
