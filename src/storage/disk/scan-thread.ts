/**
 * Scans a storage directory in a worker thread, or writes its records, so that a million files cost
 * calls no time.
 *
 *     host    workerData {root, removals, credit, isForRecords}; per batch: one credit; to end early:
 *             STOP
 *     thread  {found} per batch, {unreadable} per unreadable directory, {unsettled} for a session
 *             that changed too recently to be recorded, then it ends
 *
 * The thread blocks on the disk and on the host: at most LIMITS.scanBatchesAhead batches wait.
 * Without threads, as under a TypeScript loader, the walk runs here, a batch per turn of the loop.
 */
import { Worker } from "node:worker_threads";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { IS_BUILT, threadEntry } from "../../thread-entries.ts";
import type { ScannedObjects } from "../object-storage.ts";
import { recordSessions, walkObjects } from "./walk-objects.ts";

const log = logFor("storage");

export interface ScanOrder {
  readonly root: string;
  /** The caller's count of removals. */
  readonly removals: Int32Array;
  /** How many more batches may come, or STOP. */
  readonly credit: Int32Array;
  readonly isForRecords: boolean;
}

export type ScanReport =
  | { readonly found: ScannedObjects }
  | { readonly unsettled: true }
  | { readonly unreadable: { readonly path: string; readonly errno: string } };

export const STOP = -1;

export interface ScanOptions {
  /** Absolute. */
  readonly root: string;
  /** In shared memory. */
  readonly removals: Int32Array;
  /** Called if a record must be written later. */
  readonly onUnsettled: () => void;
}

export interface RecordOptions {
  /** Absolute. */
  readonly root: string;
  /** The wall clock; a thread has its own. */
  readonly nowMs: () => number;
  /** Aborted when no more is wanted. */
  readonly signal: AbortSignal;
  /** Called if a record must be written later. */
  readonly onUnsettled: () => void;
}

const NO_REMOVALS = new Int32Array(1);

export function scanDirectory(options: ScanOptions): AsyncGenerator<ScannedObjects> {
  if (!IS_BUILT) return walkHere(options);
  return new ScanThread(options).batches();
}

/**
 * Resolves when the records are written, or the signal was aborted and writing has stopped. @throws
 * the error that ended the thread.
 */
export async function recordDirectory({ signal, nowMs, ...options }: RecordOptions): Promise<void> {
  if (signal.aborted) return;
  if (IS_BUILT) {
    const thread = new ScanThread({ ...options, removals: NO_REMOVALS }, true);
    const end = (): void => thread.stop();
    signal.addEventListener("abort", end, { once: true });
    try {
      for await (const _ of thread.batches());
    } finally {
      signal.removeEventListener("abort", end);
    }
    return;
  }
  for (const _ of recordSessions({ ...options, removals: () => 0, onUnreadable: () => {}, nowMs })) {
    await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) return;
  }
}

function tellUnreadable(path: string, errno: string): void {
  log.error("directory cannot be read: its objects are not found", { path, errno });
}

async function* walkHere({ removals, ...options }: ScanOptions): AsyncGenerator<ScannedObjects> {
  const countRemovals = (): number => Atomics.load(removals, 0);
  for (const found of walkObjects({ ...options, removals: countRemovals, onUnreadable: tellUnreadable })) {
    yield found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

class ScanThread {
  readonly #worker: Worker;
  readonly #credit = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #waiting: ScannedObjects[] = [];
  #wake: () => void = () => {};
  #hasEnded = false;
  #failure: Error | undefined;

  constructor({ root, removals, onUnsettled }: ScanOptions, isForRecords = false) {
    this.#credit[0] = LIMITS.scanBatchesAhead;
    const workerData: ScanOrder = { root, removals, credit: this.#credit, isForRecords };
    // Does not inherit the host's flags: a thread rejects some of them.
    this.#worker = new Worker(threadEntry("storage/disk/scan-thread-entry"), {
      workerData,
      name: "flame-object-cache scan",
      execArgv: [],
    });
    this.#worker.on("message", (report: ScanReport) => {
      if ("found" in report) this.#waiting.push(report.found);
      else if ("unsettled" in report) onUnsettled();
      else if (!isForRecords) tellUnreadable(report.unreadable.path, report.unreadable.errno);
      this.#wake();
    });
    this.#worker.once("error", (error: Error) => {
      this.#failure = error;
    });
    this.#worker.once("exit", () => {
      this.#hasEnded = true;
      this.#wake();
    });
  }

  /** @throws the error that ended the thread. */
  async *batches(): AsyncGenerator<ScannedObjects> {
    try {
      for (;;) {
        const found = this.#waiting.shift();
        if (found !== undefined) {
          yield found;
          // A waiting thread has delivered all its batches: it resumes when half of them are
          // consumed, not for each.
          if (Atomics.add(this.#credit, 0, 1) === LIMITS.scanBatchesAhead >> 1)
            Atomics.notify(this.#credit, 0);
          // Otherwise batches that arrived together would all be handled in one turn of the loop.
          await new Promise((resolve) => setImmediate(resolve));
        } else if (this.#failure !== undefined) throw this.#failure;
        else if (this.#hasEnded) return;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      await this.#end();
    }
  }

  /** No more is wanted: `batches` ends. */
  stop(): void {
    void this.#worker.terminate();
  }

  async #end(): Promise<void> {
    Atomics.store(this.#credit, 0, STOP);
    Atomics.notify(this.#credit, 0);
    await this.#worker.terminate();
  }
}
