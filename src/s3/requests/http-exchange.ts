/**
 * One request over HTTP/1.1, and its answer, by the library undici. No repetition, no S3.
 *
 * Says whether a failed request can have reached the store. Connecting, waiting for the answer and
 * each pause within a body are bounded, and the whole exchange by the size of its bodies. The sink
 * of the answer sees its head before its body, and bounds it. A body that is cut is a failure.
 * Why undici, and what it was checked for: docs/decisions/0023-requests-over-undici.md.
 */
import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { LIMITS } from "../../limits.ts";
import type { RequestTimes, StoreAddress, StoreOptions } from "../store-options.ts";
import type { SignedRequest } from "./sign-request.ts";
import { type ClientPlace, type ClientUser, StoreClients } from "./store-clients.ts";

export interface AnswerHead {
  readonly status: number;
  /** Names in lower case. A header that is repeated has several values. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Takes the body of an answer as it arrives. An error that it throws ends the exchange. */
export interface BodySink {
  take(chunk: Buffer): void;
}

export interface Exchange extends SignedRequest {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  readonly body?: readonly Uint8Array[];
  /** Called once, with the head. */
  openSink(head: AnswerHead): BodySink;
  /** Bytes that the answer may bring; more time is given for more. */
  readonly answerBytesMax: number;
  /** Default: the times of the exchanges. */
  readonly answerMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A request without a complete answer. */
export class BrokenExchange extends Error {
  override readonly name = "BrokenExchange";
  /** False: the store has seen nothing of the request. */
  readonly isSent: boolean;

  constructor(text: string, isSent: boolean, cause?: unknown) {
    super(text, { cause });
    this.isSent = isSent;
  }
}

/** The exchanges with one store. */
export class Exchanges {
  readonly #clients: StoreClients;
  readonly times: RequestTimes;

  constructor(address: StoreAddress, { ca, times = {} }: Pick<StoreOptions, "ca" | "times"> = {}) {
    this.times = {
      connectMs: times.connectMs ?? LIMITS.s3ConnectMs,
      answerMs: times.answerMs ?? LIMITS.s3AnswerMs,
      idleMs: times.idleMs ?? LIMITS.s3IdleMs,
    };
    this.#clients = new StoreClients(address, { ca, connectMs: this.times.connectMs });
  }

  /** @throws {BrokenExchange} without a complete answer; also the errors of the sink */
  exchange(exchange: Exchange): Promise<AnswerHead> {
    return new RunningExchange(this.#clients, exchange, this.times).outcome;
  }

  /** Ends all exchanges that are running, as if their connections were lost; also those that wait. */
  breakAll(text: string): void {
    this.#clients.breakAll(text);
  }

  /** Further exchanges fail. */
  close(): void {
    this.#clients.close();
  }
}

function sizeOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

/** Up to this size a body is sent with the headers, in one write. */
const ONE_WRITE_BYTES_MAX = 64 * 1024;
/** A larger body is sent in pieces of this size. */
const PIECE_BYTES = 256 * 1024;

/** The error of a name with several addresses has a code and no text. */
function reasonOf(error: NodeJS.ErrnoException): string {
  return error.message || error.code || "no connection";
}

class RunningExchange implements ClientUser, Dispatcher.DispatchHandler {
  readonly outcome: Promise<AnswerHead>;
  readonly #clients: StoreClients;
  readonly #exchange: Exchange;
  readonly #times: RequestTimes;
  readonly #bodyBytes: number;
  readonly #endMs: number;
  #resolve!: (head: AnswerHead) => void;
  #reject!: (error: unknown) => void;
  #place: ClientPlace | undefined;
  /** Present once bytes of the request may have been sent. */
  #controller: Dispatcher.DispatchController | undefined;
  #head: AnswerHead | undefined;
  #sink!: BodySink;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires. */
  #armedMs = Number.POSITIVE_INFINITY;
  #waitsFor = "";
  #deadlineMs = 0;
  #isOver = false;

  constructor(clients: StoreClients, exchange: Exchange, times: RequestTimes) {
    this.#clients = clients;
    this.#exchange = exchange;
    this.#times = times;
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#bodyBytes = sizeOf(exchange.body ?? []);
    const bytes = this.#bodyBytes + exchange.answerBytesMax;
    const answerMs = this.#answerMs;
    this.#endMs = performance.now() + answerMs + times.idleMs + (bytes / LIMITS.s3RateBytesMin) * 1000;
    this.#wait("a connection", answerMs);
    exchange.signal?.addEventListener("abort", this.#abort);
    if (exchange.signal?.aborted) this.#abort();
    else clients.acquire(this);
  }

  use(place: ClientPlace): void {
    this.#place = place;
    const { method, path, headers } = this.#exchange;
    if (!this.#isInPieces) {
      place.client.dispatch({ method, path, headers, body: this.#wholeBody(), reset: false }, this);
      return;
    }
    const sized = { ...headers, "content-length": String(this.#bodyBytes) };
    // Iterables are in its documents, and missing in its types.
    const body = this.#pieces() as unknown as Readable;
    place.client.dispatch({ method, path, headers: sized, body, reset: false }, this);
  }

  /** The request is written when this has returned, and is not written if this throws. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#controller !== undefined) this.break("the request would have been sent twice");
    // Thrown, because `controller.abort` would close a connection that nothing was sent on.
    if (this.#isOver) throw new Error("the exchange is over");
    this.#controller = controller;
    if (!this.#isInPieces) this.#wait("the answer", this.#answerMs);
  }

  onResponseStart(_: unknown, status: number, headers: AnswerHead["headers"]): void {
    if (this.#isOver || status < 200) return;
    const coding = headers["transfer-encoding"];
    if (coding !== undefined && String(coding).toLowerCase() !== "chunked") {
      this.break("the answer is in an unknown coding");
      return;
    }
    const head = { status, headers };
    this.#head = head;
    this.#guard(() => {
      this.#sink = this.#exchange.openSink(head);
    });
    // Complete: undici would miss the body that the length of a 304 announces.
    if (status === 204 || status === 304) this.#end(() => this.#resolve(head));
    else this.#wait("the rest of the answer", this.#times.idleMs);
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    if (this.#isOver) return;
    this.#guard(() => this.#sink.take(chunk));
    this.#wait("the rest of the answer", this.#times.idleMs);
  }

  onResponseEnd(): void {
    this.#end(() => this.#resolve(this.#head!));
    this.#clients.release(this.#place!);
  }

  /** Also after `break`: the library has nothing more to do with the request. */
  onResponseError(_: unknown, error: Error): void {
    this.break(reasonOf(error), error);
    // Later: while it reports an error, the client takes no request.
    setImmediate(() => this.#clients.release(this.#place!));
  }

  break(text: string, cause?: unknown): void {
    const error = new BrokenExchange(text, this.#controller !== undefined, cause);
    this.#end(() => this.#reject(error));
    this.#controller?.abort(error);
  }

  readonly #abort = (): void => this.break("aborted", this.#exchange.signal?.reason);

  get #answerMs(): number {
    return this.#exchange.answerMs ?? this.#times.answerMs;
  }

  get #isInPieces(): boolean {
    return this.#bodyBytes > ONE_WRITE_BYTES_MAX;
  }

  #wholeBody(): Uint8Array | null {
    const { body = [] } = this.#exchange;
    return body.length > 1 ? Buffer.concat(body) : (body[0] ?? null);
  }

  /** Each piece is taken when the one before it has left. */
  *#pieces(): Generator<Uint8Array> {
    for (const view of this.#exchange.body ?? []) {
      for (let at = 0; at < view.length; at += PIECE_BYTES) {
        if (this.#isOver) return;
        this.#wait("the body to be sent", this.#times.idleMs);
        yield view.subarray(at, at + PIECE_BYTES);
      }
    }
    if (this.#head === undefined) this.#wait("the answer", this.#answerMs);
  }

  /** An error of the sink is the outcome. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#end(() => this.#reject(error));
      this.#controller?.abort(error as Error);
    }
  }

  #wait(what: string, ms: number): void {
    this.#waitsFor = what;
    this.#deadlineMs = Math.min(this.#endMs, performance.now() + ms);
    this.#arm();
  }

  /** A later deadline is armed when the timer fires, because most timers never do. */
  #arm(): void {
    if (this.#isOver || this.#deadlineMs >= this.#armedMs) return;
    clearTimeout(this.#timer);
    this.#armedMs = this.#deadlineMs;
    this.#timer = setTimeout(this.#check, Math.ceil(this.#deadlineMs - performance.now()));
  }

  readonly #check = (): void => {
    this.#armedMs = Number.POSITIVE_INFINITY;
    if (performance.now() < this.#deadlineMs) this.#arm();
    else this.break(`timed out while waiting for ${this.#waitsFor}`);
  };

  #end(settle: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#place === undefined) this.#clients.withdraw(this);
    clearTimeout(this.#timer);
    this.#exchange.signal?.removeEventListener("abort", this.#abort);
    settle();
  }
}
