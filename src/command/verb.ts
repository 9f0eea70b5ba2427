/**
 * Runs a verb that works with a cache: its client, its output, its interruption and its exit code.
 *
 * A signal aborts the running calls, and the verb cleans up. It has `closeGraceMs` for that; what
 * still waits for a peer or a pipe after that time is abandoned.
 */
import { setTimeout } from "node:timers/promises";
import { FlightClient } from "../client/flight/flight-client.ts";
import { LIMITS } from "../limits.ts";
import { escapeInvisible } from "../log-format.ts";
import { type DialledCache, type EndpointOptions, findCache } from "./cache-endpoint.ts";
import type { CommandContext } from "./command-context.ts";
import type { ExitName } from "./exit-codes.ts";
import { describeFailure, type Failure, VerbError } from "./failure.ts";
import { Progress, type ProgressSubject } from "./progress.ts";

/** The context of a running verb. */
export interface VerbRun {
  readonly context: CommandContext;
  /** Aborted when the user interrupts the command. */
  readonly signal: AbortSignal;
  /**
   * Opens a client of the cache in the options; closed at the end of the verb.
   * @throws {CacheError} INVALID_CONFIG
   */
  open(options: EndpointOptions): FlightClient;
  /**
   * Writes to standard output with backpressure.
   * @throws {VerbError} outputClosed if its reader closed it.
   */
  print(chunk: string | Uint8Array): Promise<void>;
  /** Writes one line to standard error. */
  note(line: string): void;
  /** Shows a progress line during `work`, unless `--json` is set. */
  withProgress<T>(subject: ProgressSubject, work: (progress: Progress) => Promise<T>): Promise<T>;
}

/** The options of every verb. */
export interface VerbOptions extends EndpointOptions {
  readonly json?: boolean;
}

export type Verb = (run: VerbRun) => Promise<ExitName>;

export interface RunOptions {
  /** Precedes each line of the verb's errors. */
  readonly programName: string;
  readonly json?: boolean;
  /**
   * True for a verb that has nothing to clean up: signals keep their default action, which ends the
   * process even in a long loop, where no handler could run.
   */
  readonly hasDefaultSignals?: boolean;
}

/** Runs a verb to its end. Never rejects. */
export async function runVerb(
  verb: Verb,
  context: CommandContext,
  { programName, json = false, hasDefaultSignals = false }: RunOptions,
): Promise<ExitName> {
  const stop = new AbortController();
  let stoppedBy: string | undefined;
  const request = hasDefaultSignals ? new Promise<never>(() => {}) : context.stopRequested();
  const stopped = request.then(async (name) => {
    stoppedBy = name;
    stop.abort();
    await setTimeout(LIMITS.closeGraceMs);
  });
  const run = new RunningVerb(context, stop.signal, json);
  const ended = (await Promise.race([run.toItsEnd(verb), stopped])) ?? "interrupted";
  if (ended === "ok") return ended;
  if (stoppedBy !== undefined) {
    context.stderr.write(`${programName}: [CANCELLED] stopped by ${stoppedBy}\n`);
    return stoppedBy === "SIGTERM" ? "terminated" : "interrupted";
  }
  if (typeof ended === "string") return ended;
  if (ended.outcome !== "outputClosed") context.stderr.write(`${programName}: ${ended.text}\n`);
  return ended.outcome;
}

class RunningVerb implements VerbRun {
  readonly context: CommandContext;
  readonly signal: AbortSignal;
  readonly #isProgressWanted: boolean;
  readonly #clients: FlightClient[] = [];
  readonly #dialled: DialledCache[] = [];

  constructor(context: CommandContext, signal: AbortSignal, json: boolean) {
    this.context = context;
    this.signal = signal;
    this.#isProgressWanted = !json;
  }

  async toItsEnd(verb: Verb): Promise<ExitName | Failure> {
    try {
      return await verb(this);
    } catch (error) {
      return describeFailure(error, this.#dialled);
    } finally {
      await Promise.all(this.#clients.map((client) => client.close()));
    }
  }

  open(options: EndpointOptions): FlightClient {
    const cache = findCache(options, this.context.env, (text) =>
      this.note(`warning: ${escapeInvisible(text)}`),
    );
    const client = new FlightClient(cache);
    this.#dialled.push(cache);
    this.#clients.push(client);
    return client;
  }

  print(chunk: string | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.context.stdout.write(chunk, (error) => {
        if (error) reject(new VerbError("outputClosed", "standard output was closed", { cause: error }));
        else resolve();
      });
    });
  }

  note(line: string): void {
    this.context.stderr.write(`${line}\n`);
  }

  async withProgress<T>(subject: ProgressSubject, work: (progress: Progress) => Promise<T>): Promise<T> {
    const progress = new Progress(this.context.stderr, subject, { isWanted: this.#isProgressWanted });
    try {
      return await work(progress);
    } finally {
      progress.end();
    }
  }
}
