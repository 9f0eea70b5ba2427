/**
 * The scan of a storage directory in a thread of its own, so that a million files take no time from calls.
 *
 *     host    workerData {root, shared}; per batch: one more may come; to end it early: STOP
 *     thread  {found} per batch, {unreadable} per directory that cannot be read, {unsettled} per session
 *             that changed too short a while ago to be recorded, then it ends
 *
 * The thread blocks on the disk and on the host: LIMITS.scanBatchesAhead batches wait at most. Where threads cannot be had, as
 * under a loader of TypeScript, the walk is made here, a batch per turn of the loop.
 */
import { Worker } from "node:worker_threads";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { SessionPrefix } from "../../object/object-key.ts";
import { IS_BUILT, threadEntry } from "../../thread-entries.ts";
import type { ScannedObjects } from "../object-storage.ts";
import { walkObjects } from "./walk-objects.ts";

const log = logFor("storage");

export interface ScanOrder {
  readonly root: string;
  /** The caller's count of removals. */
  readonly removals: Int32Array;
  /** How many more batches may come, or STOP. */
  readonly credit: Int32Array;
}

export type ScanReport =
  | { readonly found: ScannedObjects }
  | { readonly unsettled: SessionPrefix }
  | { readonly unreadable: { readonly path: string; readonly errno: string } };

export const STOP = -1;

const ENTRY = IS_BUILT ? threadEntry("storage/disk/scan-thread-entry") : undefined;

export interface ScanOptions {
  /** Absolute. */
  readonly root: string;
  /** In shared memory. */
  readonly removals: Int32Array;
  /** Told of sessions whose record has to be written later. */
  readonly onUnsettled: (session: SessionPrefix) => void;
}

export function scanDirectory(options: ScanOptions): AsyncGenerator<ScannedObjects> {
  return ENTRY === undefined ? walkHere(options) : new ScanThread(ENTRY, options).batches();
}

function tellUnreadable(path: string, errno: string): void {
  log.error("directory cannot be read: what it holds is not found", { path, errno });
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

  constructor(entry: URL, { root, removals, onUnsettled }: ScanOptions) {
    this.#credit[0] = LIMITS.scanBatchesAhead;
    const workerData: ScanOrder = { root, removals, credit: this.#credit };
    // The host's flags are the host's: some of them a thread does not even take.
    this.#worker = new Worker(entry, { workerData, name: "flame-object-cache scan", execArgv: [] });
    this.#worker.on("message", (report: ScanReport) => {
      if ("found" in report) this.#waiting.push(report.found);
      else if ("unsettled" in report) onUnsettled(report.unsettled);
      else tellUnreadable(report.unreadable.path, report.unreadable.errno);
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

  /** @throws what ended the thread. */
  async *batches(): AsyncGenerator<ScannedObjects> {
    try {
      for (;;) {
        const found = this.#waiting.shift();
        if (found !== undefined) {
          yield found;
          // A thread that waits has all its batches here: it goes on when half of them were taken, not for each.
          if (Atomics.add(this.#credit, 0, 1) === LIMITS.scanBatchesAhead >> 1)
            Atomics.notify(this.#credit, 0);
          // Batches that came together would else be taken in one turn of the loop.
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

  async #end(): Promise<void> {
    Atomics.store(this.#credit, 0, STOP);
    Atomics.notify(this.#credit, 0);
    await this.#worker.terminate();
  }
}
