/**
 * Repeats a call that failed, where the error table says that it may succeed later and where repeating does no harm.
 *
 * A call that only reads may always be repeated. One that writes is repeated only when no connection was made, so that the server
 * cannot have heard of it: a put answered by silence may be stored, and once more would be twice. A server that was waited
 * for and said nothing is not waited for again. All attempts share one deadline.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { AbortError, CacheError, isCacheError } from "../../errors.ts";
import { GrpcError } from "../../grpc/status.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { FlightCallOptions } from "../flight/flight-client.ts";

/** How long an operation may take, what ends it early, and what the answer to one that writes promises. */
export interface OperationOptions {
  /** Milliseconds for the whole operation, its repetitions included; then it ends with DEADLINE_EXCEEDED. */
  readonly timeoutMs?: number | undefined;
  /** Ends the operation with an AbortError (code CANCELLED), the signal's reason as its cause. */
  readonly signal?: AbortSignal | undefined;
  /** Of what writes and deletes: the answer comes when this holds, or more where the server promises more; reads pass it over. */
  readonly durability?: "restart" | "power-loss" | undefined;
}

const log = logFor("client");

/** True when a call that only reads may succeed if it is made again. */
export function mayReadAgain(error: unknown): boolean {
  if (error instanceof GrpcError) return error.retryable;
  return isCacheError(error) && error.retryable && error.facts.isSilent !== true;
}

/** True when the server cannot have heard of a call. */
export function mayWriteAgain(error: unknown): boolean {
  return isCacheError(error, "UNREACHABLE") && NEVER_CONNECTED.has(systemCode(error.cause));
}

const NEVER_CONNECTED: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
]);

function systemCode(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}

/** What is left of an operation's time. */
export class OperationTime {
  readonly #endMs: number;
  readonly signal: AbortSignal | undefined;
  readonly #durability: OperationOptions["durability"];

  constructor({ timeoutMs, signal, durability }: OperationOptions) {
    this.#durability = durability;
    this.#endMs = timeoutMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs;
    this.signal = signal;
  }

  /** For one call. @throws {CacheError} DEADLINE_EXCEEDED, CANCELLED */
  callOptions(): FlightCallOptions {
    this.throwIfOver();
    const leftMs = this.#endMs - performance.now();
    return {
      ...(Number.isFinite(leftMs) && { timeoutMs: Math.max(1, Math.ceil(leftMs)) }),
      ...(this.signal && { signal: this.signal }),
      ...(this.#durability && { metadata: { "flame-durability": this.#durability } }),
    };
  }

  /** @throws {CacheError} DEADLINE_EXCEEDED, CANCELLED */
  throwIfOver(): void {
    if (this.signal?.aborted) throw new AbortError(this.signal);
    if (performance.now() >= this.#endMs) throw new CacheError("DEADLINE_EXCEEDED");
  }

  /** False when the time is up before the wait is over. @throws {CacheError} CANCELLED */
  async wait(waitMs: number): Promise<boolean> {
    if (performance.now() + waitMs >= this.#endMs) return false;
    try {
      await sleep(waitMs, undefined, { signal: this.signal });
      return true;
    } catch {
      throw new AbortError(this.signal);
    }
  }
}

/**
 * Makes a call, again after a while when it failed and `mayRepeat` says so, at most LIMITS.clientRetriesMax times.
 * @throws the error of the last attempt
 */
export async function repeatCall<T>(
  time: OperationTime,
  mayRepeat: (error: unknown) => boolean,
  call: (options: FlightCallOptions) => Promise<T>,
): Promise<T> {
  for (let repetition = 0; ; repetition += 1) {
    try {
      return await call(time.callOptions());
    } catch (error) {
      if (time.signal?.aborted) throw error instanceof AbortError ? error : new AbortError(time.signal);
      if (repetition >= LIMITS.clientRetriesMax || !mayRepeat(error)) throw error;
      if (!(await time.wait(waitBefore(repetition)))) throw error;
      log.debug("call is repeated", { repetition: repetition + 1, error: String(error) });
    }
  }
}

/**
 * What an iterable of one call gives; made again as long as nothing has come of it.
 * @throws the error of the last attempt, or the one behind an item
 */
export async function* repeatUntilFirst<T>(
  time: OperationTime,
  start: (options: FlightCallOptions) => AsyncIterable<T>,
): AsyncGenerator<T, void, void> {
  const { items, first } = await repeatCall(time, mayReadAgain, async (options) => {
    const begun = start(options)[Symbol.asyncIterator]();
    return { items: begun, first: await begun.next() };
  });
  try {
    for (let next = first; next.done !== true; next = await items.next()) {
      // What came before the signal may wait here still.
      if (time.signal?.aborted) throw new AbortError(time.signal);
      yield next.value;
    }
  } finally {
    await items.return?.();
  }
}

/** Doubled with each repetition up to a limit; half of it by chance, so that clients do not come back together. */
function waitBefore(repetition: number): number {
  const fullMs = Math.min(LIMITS.clientRetryDelayMs * 2 ** repetition, LIMITS.clientRetryDelayMsMax);
  return fullMs / 2 + (Math.random() * fullMs) / 2;
}
