/**
 * Requests to one store: signed, sent once (`attempt`) or repeated until answered (`repeat`).
 *
 * An attempt is sent a second time only if the store refused it because of expired credentials or a
 * different clock: then it was not applied. While the store is known to be unreachable
 * (store-health.ts), nothing is sent.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { AbortError, CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { Credentials } from "../credentials/credentials.ts";
import { FreshCredentials } from "../credentials/fresh-credentials.ts";
import { resolveAddress, type StoreAddress, type StoreOptions } from "../store-options.ts";
import {
  type Answer,
  dateMsOf,
  errorCodeOf,
  isFromStore,
  isPassing,
  refusal,
  refusesCredentials,
  retryAfterMs,
} from "./answer.ts";
import { CollectedBody, FirstBytes } from "./answer-body.ts";
import { type AnswerHead, type BodySink, BrokenExchange, Exchanges } from "./http-exchange.ts";
import { pauseMs, RetryBudget } from "./retry-budget.ts";
import { type SigningTerms, signRequest, type UnsignedRequest } from "./sign-request.ts";
import { StoreHealth } from "./store-health.ts";

const log = logFor("s3");

export interface StoreRequest extends UnsignedRequest {
  /** The name of the request in errors: "the read of m/a/b". */
  readonly action: string;
  /** The largest body of an answer with status 2xx. Absent: only its beginning is kept. */
  readonly answerBytesMax?: number;
  /** Opens the sink for the body of a 206. An error that it throws ends the request. */
  openPart?(head: AnswerHead): BodySink;
  readonly answerMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Requests that were sent, for metrics and tests. */
export interface RequestCounts {
  requests: number;
  /** Of these, the ones that repeat an earlier one. */
  repetitions: number;
  /** Without a complete answer. */
  broken: number;
  /** Answered with 429 or 503. */
  slowedDown: number;
}

const NOTHING = new FirstBytes(0);

/** An object that does not exist: any answer, also a refusal, says that the store can be reached. */
const TRIAL: UnsignedRequest = { method: "GET", key: ".reachable" };

export class StoreRequests {
  readonly address: StoreAddress;
  readonly counts: RequestCounts = { requests: 0, repetitions: 0, broken: 0, slowedDown: 0 };
  readonly health: StoreHealth;
  readonly #exchanges: Exchanges;
  /** Of its own: the connections of requests may all be busy. */
  readonly #trialExchanges: Exchanges;
  readonly #credentials: FreshCredentials;
  readonly #budget = new RetryBudget();
  readonly #isBodyUnsigned: boolean;
  /** The store's clock minus ours; 0 until the store refuses ours. */
  #clockOffsetMs = 0;

  /** @throws {CacheError} INVALID_CONFIG */
  constructor(options: StoreOptions) {
    this.address = resolveAddress(options);
    this.#exchanges = new Exchanges(this.address, options);
    this.#credentials = new FreshCredentials(options.credentials, () => this.#nowMs());
    const { s3TrialMs: ms } = LIMITS;
    const times = { connectMs: ms, answerMs: ms, idleMs: 0 };
    this.#trialExchanges = new Exchanges(this.address, { ...options, times });
    this.health = new StoreHealth({
      host: this.address.host,
      trial: () => this.#try(),
      onUnreachable: () => this.#exchanges.breakAll("the store cannot be reached"),
    });
    this.#isBodyUnsigned = options.unsignedPayload ?? this.address.isSecure;
  }

  /** True if signatures contain the SHA-256 of bodies. */
  get signsBodies(): boolean {
    return !this.#isBodyUnsigned;
  }

  close(): void {
    this.health.stop();
    this.#trialExchanges.close();
    this.#exchanges.close();
  }

  /**
   * @returns the answer, whatever its status, or why there is none
   * @throws {CacheError} STORAGE_UNAVAILABLE without credentials, or while the store is known to be
   *   unreachable: then this attempt was not sent. STORAGE_IO if a body is too large
   */
  async attempt(request: StoreRequest): Promise<Answer | BrokenExchange> {
    const loading = this.#credentials.current();
    const credentials = loading instanceof Promise ? await loading : loading;
    const first = await this.#send(request, credentials);
    if (first instanceof BrokenExchange || first.status < 400) return first;
    if (!(await this.#canMend(first, credentials))) return first;
    return this.#send(request, await this.#credentials.current());
  }

  /**
   * Repeats a request that may be applied more than once, until the store has an answer to it.
   * @param next makes the request of each attempt
   * @throws {CacheError} STORAGE_UNAVAILABLE after the last attempt; CANCELLED by the signal
   */
  async repeat(next: () => StoreRequest): Promise<Answer> {
    const lastMs = performance.now() + LIMITS.s3RepeatMs;
    for (let attempts = 1; ; attempts += 1) {
      const request = next();
      if (request.signal?.aborted) throw new AbortError(request.signal);
      const outcome = await this.attempt(request);
      if (request.signal?.aborted) throw new AbortError(request.signal);
      const isBroken = outcome instanceof BrokenExchange;
      if (!isBroken && !isPassing(outcome)) {
        this.#budget.payBack(attempts);
        return outcome;
      }
      const waitMs = pauseMs(attempts, isBroken ? undefined : retryAfterMs(outcome));
      const isLast =
        attempts >= LIMITS.s3AttemptsMax ||
        performance.now() + waitMs > lastMs ||
        this.health.unreachable !== undefined;
      if (isLast || !this.#budget.take()) throw this.#unavailable(request, outcome, attempts);
      this.counts.repetitions += 1;
      await pause(waitMs, request.signal);
    }
  }

  /** The error for an answer that a repetition would not change. */
  refusal(answer: Answer, request: StoreRequest): CacheError {
    return refusal(answer, this.address, request.action);
  }

  async #send(request: StoreRequest, credentials: Credentials): Promise<Answer | BrokenExchange> {
    if (this.health.unreachable !== undefined) throw this.#notSent(request, this.health.unreachable);
    this.health.began();
    try {
      const outcome = await this.#exchange(request, credentials);
      if (!(outcome instanceof BrokenExchange)) {
        if (isFromStore(outcome)) this.health.goodNews();
        else this.health.badNews();
      } else if (!request.signal?.aborted) this.health.badNews();
      return outcome;
    } finally {
      this.health.ended();
    }
  }

  async #exchange(request: StoreRequest, credentials: Credentials): Promise<Answer | BrokenExchange> {
    const { answerBytesMax } = request;
    let collected: CollectedBody | FirstBytes = NOTHING;
    const openSink = (head: AnswerHead): BodySink => {
      if (head.status === 206 && request.openPart !== undefined) return request.openPart(head);
      const isWanted = head.status >= 200 && head.status < 300 && answerBytesMax !== undefined;
      collected = isWanted ? new CollectedBody(head, answerBytesMax) : new FirstBytes(LIMITS.s3ErrorBytesMax);
      return collected;
    };
    this.counts.requests += 1;
    try {
      const { method, body, answerMs, signal } = request;
      const head = await this.#exchanges.exchange({
        ...signRequest(request, this.#termsFor(credentials)),
        method,
        ...(body !== undefined && { body }),
        openSink,
        answerBytesMax: answerBytesMax ?? LIMITS.s3ErrorBytesMax,
        ...(answerMs !== undefined && { answerMs }),
        signal,
      });
      if (head.status === 503 || head.status === 429) this.counts.slowedDown += 1;
      return { ...head, body: collected.bytes() };
    } catch (error) {
      if (!(error instanceof BrokenExchange)) throw error;
      this.counts.broken += 1;
      return error;
    }
  }

  /** @returns why the store cannot be reached; undefined if it answered */
  async #try(): Promise<string | undefined> {
    try {
      const terms = this.#termsFor(await this.#credentials.current());
      const sink = new FirstBytes(LIMITS.s3ErrorBytesMax);
      const { method } = TRIAL;
      const exchange = { ...signRequest(TRIAL, terms), method, openSink: () => sink, answerBytesMax: 0 };
      const head = await this.#trialExchanges.exchange(exchange);
      return isFromStore({ ...head, body: sink.bytes() }) ? undefined : `it answers ${head.status}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  #termsFor(credentials: Credentials): SigningTerms {
    const nowMs = this.#nowMs();
    return { address: this.address, credentials, nowMs, isBodyUnsigned: this.#isBodyUnsigned };
  }

  /** By the store's clock, if it differs much from ours. */
  #nowMs(): number {
    return Date.now() + this.#clockOffsetMs;
  }

  /** True if the refused request should be sent again: with other credentials or the store's time. */
  async #canMend(answer: Answer, used: Credentials): Promise<boolean> {
    if (answer.status !== 403 && answer.status !== 400 && answer.status !== 401) return false;
    if (refusesCredentials(answer)) return this.#credentials.replace(used);
    const dateMs = dateMsOf(answer);
    if (errorCodeOf(answer) !== "RequestTimeTooSkewed" || dateMs === undefined) return false;
    this.#clockOffsetMs = dateMs - Date.now();
    log.warn("the clock differs from that of the object store", { offsetMs: this.#clockOffsetMs });
    return true;
  }

  #notSent({ action }: StoreRequest, reason: string): CacheError {
    const { host, bucket } = this.address;
    const text = `the object store at ${host} cannot be reached (${reason}); ${action} was not sent`;
    return new CacheError("STORAGE_UNAVAILABLE", text, { facts: { host, bucket, isSent: false } });
  }

  #unavailable(request: StoreRequest, outcome: Answer | BrokenExchange, attempts: number): CacheError {
    const { host, bucket } = this.address;
    const isBroken = outcome instanceof BrokenExchange;
    const reason = isBroken ? outcome.message : `it answers ${outcome.status}`;
    const text = `the object store at ${host} is not available for ${request.action}: ${reason}`;
    const facts = { host, bucket, attempts, code: isBroken ? undefined : errorCodeOf(outcome) };
    return new CacheError("STORAGE_UNAVAILABLE", text, { facts, ...(isBroken && { cause: outcome }) });
  }
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch {
    throw new AbortError(signal);
  }
}
