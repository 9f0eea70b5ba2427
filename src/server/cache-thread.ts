/**
 * A cache server in a worker thread, seen from the host: start, endpoint, stop, and word when it ends by itself.
 *
 *     host    workerData {config, directives}, then "stop"
 *     thread  {endpoint, listening} or {error: {code, text}} once, then it ends
 */
import { Worker } from "node:worker_threads";
import type { CacheConfig } from "../config/cache-config.ts";
import { CacheError, type ErrorCode } from "../errors.ts";
import type { LogDirective } from "../log.ts";
import { threadEntry } from "../thread-entries.ts";
import type { Endpoints, RunningCache } from "./start-server.ts";

export interface ThreadOrder {
  readonly config: CacheConfig;
  readonly directives: readonly LogDirective[];
}

/** The thread's one message. An operating error crosses as code and text. */
export type ThreadReport =
  | Endpoints
  | { readonly failure: { readonly code: ErrorCode | undefined; readonly text: string } };

export const STOP_MESSAGE = "stop";

export interface ObjectCacheThread extends RunningCache {
  /** Resolves when the thread has ended: after `stop`, or by a failure, which is then the value. */
  readonly ended: Promise<Error | undefined>;
}

/** @throws {CacheError} what `startServer` throws. */
export async function startCacheThread(order: ThreadOrder): Promise<ObjectCacheThread> {
  // The host's flags are the host's: some of them a thread does not even take.
  const options = { workerData: order, name: "flame-object-cache", execArgv: [] };
  const worker = new Worker(threadEntry("server/cache-thread-entry"), options);
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
  readonly ended: Promise<Error | undefined>;
  readonly #worker: Worker;

  constructor({ endpoint, listening }: Endpoints, worker: Worker, ended: Promise<Error | undefined>) {
    this.endpoint = endpoint;
    this.listening = listening;
    this.ended = ended;
    this.#worker = worker;
  }

  async stop(): Promise<void> {
    // While it drains the host must stay, or the drain is cut short.
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
