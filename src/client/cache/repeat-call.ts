/**
 * Repeats a failed call if the error table says that it may succeed later, and if repeating is
 * harmless.
 *
 * A call that only reads may always be repeated. A write is repeated only if no connection was
 * made, so that the server cannot have received it: an unanswered put may be stored, and a second
 * one would store it twice. A server that did not respond in time is not tried again, but another one
 * is. All attempts share one deadline.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { AbortError, CacheError, isCacheError } from "../../errors.ts";
import { GrpcError } from "../../grpc/status.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { FlightCallOptions } from "../flight/flight-client.ts";

/** Time limit and cancellation of an operation, and the durability of a write. */
export interface OperationOptions {
  /** Milliseconds for the operation with its repetitions; then it fails with DEADLINE_EXCEEDED. */
  readonly timeoutMs?: number | undefined;
  /** Ends the operation with an AbortError (code CANCELLED), whose cause is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The durability that a write or delete waits for, or the server's own if that is stronger. Reads
   * ignore it.
   */
  readonly durability?: "restart" | "power-loss" | undefined;
}

const log = logFor("client");

/**
 * True if a read may succeed when it is repeated.
 * @param isElsewhere true if another server gets the repetition
 */
export function mayReadAgain(error: unknown, isElsewhere = false): boolean {
  if (error instanceof GrpcError) return error.retryable;
  return isCacheError(error) && error.retryable && (isElsewhere || error.facts.isSilent !== true);
}

/** True if the server cannot have received the call. */
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

/** The remaining time of an operation. */
export class OperationTime {
  readonly #endMs: number;
  readonly signal: AbortSignal | undefined;
  readonly #durability: OperationOptions["durability"];

  constructor({ timeoutMs, signal, durability }: OperationOptions) {
    this.#durability = durability;
    this.#endMs = timeoutMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs;
    this.signal = signal;
  }

  /** The options of the next call. @throws {CacheError} DEADLINE_EXCEEDED, CANCELLED */
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

  /** @returns false if the time ends before the wait. @throws {CacheError} CANCELLED */
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

export interface Repetition {
  readonly mayRepeat: (error: unknown, isElsewhere: boolean) => boolean;
  /** Called for each failure; true if another server gets the repetition. */
  readonly isElsewhere: (error: unknown) => boolean;
}

/**
 * Makes a call. If it fails and `mayRepeat` allows it, repeats it after a pause, at most
 * LIMITS.clientRetriesMax times.
 * @throws the error of the last attempt
 */
export async function repeatCall<T>(
  time: OperationTime,
  { mayRepeat, isElsewhere }: Repetition,
  call: (options: FlightCallOptions) => Promise<T>,
): Promise<T> {
  for (let repetition = 0; ; repetition += 1) {
    try {
      return await call(time.callOptions());
    } catch (error) {
      if (time.signal?.aborted) throw error instanceof AbortError ? error : new AbortError(time.signal);
      const goesElsewhere = isElsewhere(error);
      if (repetition >= LIMITS.clientRetriesMax || !mayRepeat(error, goesElsewhere)) throw error;
      if (!goesElsewhere && !(await time.wait(waitBefore(repetition)))) throw error;
      log.debug("call is repeated", { repetition: repetition + 1, error: String(error) });
    }
  }
}

/**
 * Yields the items of one call. Repeats the call only until its first item has arrived.
 * @throws the error of the last attempt, or the one after an item
 */
export async function* repeatUntilFirst<T>(
  time: OperationTime,
  repetition: Repetition,
  start: (options: FlightCallOptions) => AsyncIterable<T>,
): AsyncGenerator<T, void, void> {
  const { items, first } = await repeatCall(time, repetition, async (options) => {
    const begun = start(options)[Symbol.asyncIterator]();
    return { items: begun, first: await begun.next() };
  });
  try {
    for (let next = first; next.done !== true; next = await items.next()) {
      // An item may have arrived before the signal and wait here.
      if (time.signal?.aborted) throw new AbortError(time.signal);
      yield next.value;
    }
  } finally {
    await items.return?.();
  }
}

/** Doubles up to a limit; half of it is random, so that clients do not all return at once. */
function waitBefore(repetition: number): number {
  const fullMs = Math.min(LIMITS.clientRetryDelayMs * 2 ** repetition, LIMITS.clientRetryDelayMsMax);
  return fullMs / 2 + (Math.random() * fullMs) / 2;
}
