/**
 * A cache server in a worker thread, as seen from the host thread: start, endpoints, stop, end.
 *
 *     host    workerData {config, directives}, then any number of "reload", then "stop"
 *     thread  one report: {endpoint, listening, admin}, or {failure: {code, text}} if the start failed;
 *             then "reloaded" for each "reload"
 *
 * The worker ends after "stop" and after a failed start.
 */
import { Worker } from "node:worker_threads";
import type { CacheConfig } from "../config/cache-config.ts";
import type { LoadedCacheConfig } from "../config/load-cache-config.ts";
import { CacheError, type ErrorCode } from "../errors.ts";
import type { LogDirective } from "../log.ts";
import { threadEntry } from "../thread-entries.ts";
import type { Endpoints, RunningCache } from "./start-server.ts";

export interface CacheThreadOptions {
  readonly config: CacheConfig;
  /** Where each setting comes from; absent: unknown. */
  readonly sources?: LoadedCacheConfig["sources"];
  readonly directives: readonly LogDirective[];
}

/** The first message of the thread. An operating error is sent as its code and text. */
export type ThreadReport =
  | Endpoints
  | { readonly failure: { readonly code: ErrorCode | undefined; readonly text: string } };

export const STOP_MESSAGE = "stop";
export const RELOAD_MESSAGE = "reload";
export const RELOADED_MESSAGE = "reloaded";

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
  const handle = new WorkerHandle(report, worker, ended);
  // After the last listener was added: a listener would keep the process alive again.
  worker.unref();
  return handle;
}

class WorkerHandle implements ObjectCacheThread {
  readonly endpoint: string;
  readonly listening: string;
  readonly admin: string | undefined;
  readonly ended: Promise<Error | undefined>;
  readonly #worker: Worker;
  #isStopping = false;
  /** Callers that wait for a reload, in order. */
  readonly #reloads: (() => void)[] = [];

  constructor({ endpoint, listening, admin }: Endpoints, worker: Worker, ended: Promise<Error | undefined>) {
    this.endpoint = endpoint;
    this.listening = listening;
    this.admin = admin;
    this.ended = ended;
    this.#worker = worker;
    worker.on("message", (message: unknown) => {
      if (message === RELOADED_MESSAGE) this.#reloads.shift()?.();
    });
  }

  /** Resolves also if the thread ends first. */
  async reload(): Promise<void> {
    const reloaded = new Promise<void>((resolve) => this.#reloads.push(resolve));
    this.#worker.ref();
    this.#worker.postMessage(RELOAD_MESSAGE);
    await Promise.race([reloaded, this.ended]);
    if (!this.#isStopping) this.#worker.unref();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    // Keeps the process alive while the server drains.
    this.#worker.ref();
    this.#worker.postMessage(STOP_MESSAGE);
    await this.ended;
  }
}

function firstReport(worker: Worker): Promise<ThreadReport> {
  return new Promise((resolve) => worker.once("message", resolve));
}

function revive(failure: { readonly code: ErrorCode | undefined; readonly text: string }): Error {
  const { code, text } = failure;
  return code === undefined ? new Error(text) : new CacheError(code, text.replace(/^\[[A-Z_]+\] /, ""));
}
