/**
 * One connection thread as seen from the host: its worker, and a new worker if the old one dies.
 *
 * If a worker dies, its connections close, their calls are cut here, and a new worker listens on
 * the same addresses. Restarts are at least LIMITS.threadRestartMs apart, so that a crash loop does
 * not load the host.
 */
import { Worker } from "node:worker_threads";
import type { TakeStream } from "../grpc/call-stream.ts";
import type { ListenAddress } from "../grpc/listeners.ts";
import type { ServerTls } from "../grpc/server-transport.ts";
import type { CallMemory } from "../http2/call-memory.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import { threadEntry } from "../thread-entries.ts";
import { RelayedStreams } from "./relayed-streams.ts";
import {
  type ConnectionThreadOptions,
  type FromThread,
  isRelayMessage,
  type ThreadCommand,
} from "./thread-messages.ts";

const log = logFor("relay");

export interface ThreadHost {
  readonly options: ConnectionThreadOptions;
  readonly onStream: TakeStream;
  /** The account of the calls. */
  readonly memory: CallMemory;
  /** The last connection has closed. */
  onEmpty(): void;
  /** The worker died, and its connections closed. */
  onDied(): void;
}

interface Waiting {
  readonly resolve: (port: number) => void;
  readonly reject: (error: Error) => void;
}

/** A running worker and its pending commands. */
interface RunningWorker {
  readonly worker: Worker;
  readonly streams: RelayedStreams;
  /** Callers that wait for reports, in the order of their commands. */
  readonly waiting: Waiting[];
  readonly ended: Promise<void>;
}

export class ConnectionThread {
  readonly #host: ThreadHost;
  #options: ConnectionThreadOptions;
  readonly #addresses: ListenAddress[] = [];
  #running: RunningWorker | undefined;
  #startedMs = 0;
  #restart: NodeJS.Timeout | undefined;
  /** True if it accepts no more connections: then a worker that dies is not restarted. */
  #isDraining = false;

  constructor(host: ThreadHost) {
    this.#host = host;
    this.#options = host.options;
  }

  /** @returns the port. Rejects with the system error. */
  async listen(host: string, port: number): Promise<number> {
    const listened = await this.#send({ command: "listen", host, port });
    this.#addresses.push({ host, port: listened });
    return listened;
  }

  /** Resolves when it accepts no new streams. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    clearTimeout(this.#restart);
    await this.#sendWithTimeout({ command: "drain" });
  }

  /** A worker that dies meanwhile, or later, starts again with `tls`. */
  async setTls(tls: ServerTls): Promise<void> {
    this.#options = { ...this.#options, tls };
    if (this.#running === undefined) return;
    const { thread } = this.#options;
    await this.#send({ command: "setTls", tls }).catch((error) =>
      log.error("connection thread keeps its certificate", { thread, error }),
    );
  }

  destroyConnections(): void {
    void this.#sendWithTimeout({ command: "destroyConnections" });
  }

  async end(): Promise<void> {
    await this.drain();
    const ended = this.#running?.ended;
    await this.#sendWithTimeout({ command: "end" }, ended);
  }

  /** A worker that does not respond in time is terminated. */
  async #sendWithTimeout(command: ThreadCommand, done?: Promise<void>): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    const timer = setTimeout(() => void running.worker.terminate(), LIMITS.closeGraceMs);
    await this.#send(command).catch(() => {});
    await done;
    clearTimeout(timer);
  }

  #send(command: ThreadCommand): Promise<number> {
    this.#running ??= this.#start();
    const { worker, waiting } = this.#running;
    return new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      worker.postMessage(command);
    });
  }

  #start(): RunningWorker {
    this.#startedMs = performance.now();
    const options = this.#options;
    // Does not inherit the host's flags: a thread rejects some of them.
    const name = `flame-object-cache connections ${options.thread}`;
    const worker = new Worker(threadEntry("relay/connection-thread-entry"), {
      workerData: options,
      name,
      execArgv: [],
    });
    const streams = new RelayedStreams(worker, this.#host.onStream, this.#host.memory);
    const waiting: Waiting[] = [];
    worker.on("message", (message: FromThread) => {
      if (isRelayMessage(message)) streams.receive(message);
      else this.#handleReport(message, waiting);
    });
    let failure: Error | undefined;
    worker.once("error", (error: Error) => {
      failure = error;
    });
    const ended = new Promise<void>((resolve) => {
      worker.once("exit", () => {
        this.#end(running, failure);
        resolve();
      });
    });
    const running: RunningWorker = { worker, streams, waiting, ended };
    return running;
  }

  #handleReport(message: Exclude<FromThread, readonly unknown[]>, waiting: Waiting[]): void {
    if (message.report === "empty") this.#host.onEmpty();
    else if (message.report === "log") {
      const { level, module, text, fields } = message.line;
      logFor(module)[level](text, fields);
    } else if (message.report === "refused") waiting.shift()?.reject(message.error);
    else waiting.shift()?.resolve(message.port);
  }

  #end({ streams, waiting }: RunningWorker, failure: Error | undefined): void {
    this.#running = undefined;
    const reason = failure ?? new Error("the thread ended");
    if (!this.#isDraining) {
      log.error("connection thread died", {
        thread: this.#host.options.thread,
        calls: streams.size,
        error: reason,
      });
      this.#startAgain();
    }
    streams.cutAll();
    this.#host.onDied();
    for (const { reject } of waiting.splice(0)) reject(reason);
  }

  #startAgain(): void {
    if (this.#addresses.length === 0) return;
    const waitMs = Math.max(0, this.#startedMs + LIMITS.threadRestartMs - performance.now());
    this.#restart = setTimeout(() => void this.#listenAgain(), waitMs);
  }

  async #listenAgain(): Promise<void> {
    const { thread } = this.#host.options;
    try {
      for (const { host, port } of this.#addresses) await this.#send({ command: "listen", host, port });
      log.info("connection thread restarted", { thread });
    } catch (error) {
      // If it died again, #end has logged that and restarts it; otherwise it cannot listen.
      if (this.#running !== undefined) log.error("connection thread cannot listen", { thread, error });
    }
  }
}
