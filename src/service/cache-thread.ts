/**
 * A cache server in a worker thread, as seen from the host thread: start, endpoints, stop, end.
 *
 *     host    workerData {config, directives}, then "reload" any number of times, then "stop"
 *     thread  one report: {endpoint, listening, admin}, or {failure: {code, text}} if the start failed
 *
 * The worker ends after "stop" and after a failed start.
 */
import { Worker } from "node:worker_threads";
import type { CacheConfig } from "../config/cache-config.ts";
import { CacheError, type ErrorCode } from "../errors.ts";
import type { LogDirective } from "../log.ts";
import { threadEntry } from "../thread-entries.ts";
import type { Endpoints, RunningCache } from "./start-server.ts";

export interface CacheThreadOptions {
  readonly config: CacheConfig;
  readonly directives: readonly LogDirective[];
}

/** The only message of the thread. An operating error is sent as its code and text. */
export type ThreadReport =
  | Endpoints
  | { readonly failure: { readonly code: ErrorCode | undefined; readonly text: string } };

export const STOP_MESSAGE = "stop";
export const RELOAD_MESSAGE = "reload";

export interface ObjectCacheThread extends RunningCache {
  /** Resolves when the thread has ended. The value is the failure that ended it, if any. */
  readonly ended: Promise<Error | undefined>;
}

/** @throws {CacheError} the errors of `startServer`. */
export async function startCacheThread(options: CacheThreadOptions): Promise<ObjectCacheThread> {
  const worker = new Worker(threadEntry("service/cache-thread-entry"), {
    workerData: options,
    name: "flame-object-cache",
    // Without the host's flags: a thread rejects some of them.
    execArgv: [],
  });
  let failure: Error | undefined;
  const ended = new Promise<Error | undefined>((resolve) => {
    worker.once("error", (error: Error) => {
      failure = error;
    });
    worker.once("exit", () => resolve(failure));
  });
  const report = await Promise.race([firstReport(worker), ended]);
  if (report === undefined || report instanceof Error) {
    throw report ?? new Error("the cache thread ended before it was ready");
  }
  if ("failure" in report) throw revive(report.failure);
  worker.unref();
  return new WorkerHandle(report, worker, ended);
}

class WorkerHandle implements ObjectCacheThread {
  readonly endpoint: string;
  readonly listening: string;
  readonly admin: string | undefined;
  readonly ended: Promise<Error | undefined>;
  readonly #worker: Worker;

  constructor({ endpoint, listening, admin }: Endpoints, worker: Worker, ended: Promise<Error | undefined>) {
    this.endpoint = endpoint;
    this.listening = listening;
    this.admin = admin;
    this.ended = ended;
    this.#worker = worker;
  }

  async stop(): Promise<void> {
    // Keeps the process alive while the server drains.
    this.#worker.ref();
    this.#worker.postMessage(STOP_MESSAGE);
    await this.ended;
  }

  reload(): void {
    this.#worker.postMessage(RELOAD_MESSAGE);
  }
}

function firstReport(worker: Worker): Promise<ThreadReport> {
  return new Promise((resolve) => worker.once("message", resolve));
}

function revive(failure: { readonly code: ErrorCode | undefined; readonly text: string }): Error {
  const { code, text } = failure;
  return code === undefined ? new Error(text) : new CacheError(code, text.replace(/^\[[A-Z_]+\] /, ""));
}
