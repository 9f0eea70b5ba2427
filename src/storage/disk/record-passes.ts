/**
 * Keeps the records of sessions (facts-record.ts) up to date while the engine runs, for the next
 * start.
 *
 * A pass walks the directory in a thread and writes what is missing; a session with a valid record
 * costs it one look. It begins when nothing has changed for LIMITS.recordQuietMs, or six times as
 * long after the first change, and then rests LIMITS.recordRestFactor times as long as it took. No
 * pass runs during a scan. A stop runs one more for what is settled, within LIMITS.recordAtStopMs.
 * No call waits for this or fails because of it: a session without a record only slows the next
 * start.
 */
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { FINE_SETTLED_MS } from "./facts-record.ts";
import { recordDirectory } from "./scan-thread.ts";

const log = logFor("storage");

const BUSY_FACTOR = 6;

export interface RecordPassesOptions {
  /** The wall clock, ms since 1970: it is compared with the times of directories. */
  readonly nowMs?: (() => number) | undefined;
  /** Time limit of a stop, ms. */
  readonly atStopMs?: number | undefined;
}

export class RecordPasses {
  readonly #root: string;
  readonly #nowMs: () => number;
  readonly #atStopMs: number;
  #isStarted = false;
  /** The first and the last change that no pass has seen. */
  #changedMs: { readonly first: number; last: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pass: Promise<void> | undefined;
  /** Ends the pending pass. */
  #ending = new AbortController();
  #scans = 0;
  #restsUntilMs = Number.NEGATIVE_INFINITY;

  /** @param root the storage directory, absolute. */
  constructor(
    root: string,
    { nowMs = Date.now, atStopMs = LIMITS.recordAtStopMs }: RecordPassesOptions = {},
  ) {
    this.#root = root;
    this.#nowMs = nowMs;
    this.#atStopMs = atStopMs;
  }

  /** Changes before this call are ignored. */
  start(): void {
    this.#isStarted = true;
  }

  /** A name was added to a directory or removed from it. */
  changed(): void {
    if (!this.#isStarted) return;
    const nowMs = this.#nowMs();
    if (this.#changedMs === undefined) this.#changedMs = { first: nowMs, last: nowMs };
    else this.#changedMs.last = nowMs;
    this.#arm();
  }

  /** Runs a pass if one is due; none during a scan. Never rejects. */
  run(): Promise<void> {
    const nowMs = this.#nowMs();
    const { first, last } = this.#changedMs ?? { first: Infinity, last: Infinity };
    const dueMs = Math.min(last + LIMITS.recordQuietMs, first + BUSY_FACTOR * LIMITS.recordQuietMs);
    const mayBegin = this.#pass === undefined && this.#isStarted && this.#scans === 0;
    if (mayBegin && nowMs >= Math.max(dueMs, this.#restsUntilMs)) this.#begin();
    this.#arm();
    return this.#pass ?? Promise.resolve();
  }

  /** Ends the pending pass and starts none until the returned function is called. */
  async holdForScan(): Promise<() => void> {
    this.#scans += 1;
    this.#ending.abort();
    await this.#pass;
    return () => {
      this.#scans -= 1;
    };
  }

  /** Records what it can in the time limit. Nothing is written after it resolves. */
  async stop(): Promise<void> {
    if (!this.#isStarted) return;
    this.#isStarted = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const end = (): void => this.#ending.abort();
    const timer = setTimeout(end, this.#atStopMs);
    if (this.#atStopMs === 0) end();
    await this.#pass;
    const lastMs = this.#changedMs?.last;
    if (lastMs !== undefined && this.#atStopMs > 0) {
      // The files of recent objects were written a moment ago.
      const waitMs = Math.max(0, lastMs + FINE_SETTLED_MS - this.#nowMs());
      await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, FINE_SETTLED_MS)));
      this.#begin();
      await this.#pass;
    }
    clearTimeout(timer);
  }

  #arm(): void {
    if (!this.#isStarted || this.#timer !== undefined || this.#changedMs === undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.run();
    }, LIMITS.recordQuietMs);
    this.#timer.unref();
  }

  #begin(): void {
    this.#ending = new AbortController();
    this.#changedMs = undefined;
    this.#pass = this.#walk(this.#ending.signal).finally(() => {
      this.#pass = undefined;
    });
  }

  async #walk(signal: AbortSignal): Promise<void> {
    const startedMs = performance.now();
    try {
      const onUnsettled = (): void => this.changed();
      await recordDirectory({ root: this.#root, nowMs: this.#nowMs, signal, onUnsettled });
      // What was left is due again.
      if (signal.aborted) this.changed();
    } catch (error) {
      log.warn("changed sessions could not be recorded: the next start reads their files", { error });
    }
    const tookMs = performance.now() - startedMs;
    this.#restsUntilMs = this.#nowMs() + tookMs * LIMITS.recordRestFactor;
    if (log.isEnabled("debug")) log.debug("recorded sessions", { tookMs });
  }
}
