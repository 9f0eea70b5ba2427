/**
 * One request over node:http or node:https, and its answer. No repetition, no S3.
 *
 * Says whether a failed request can have reached the store. Connecting, waiting for the answer and
 * each pause within a body are bounded, and the whole exchange by the size of its bodies. The sink
 * of the answer sees its head before its body, and bounds it. A body that is cut is a failure.
 */
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { LIMITS } from "../../limits.ts";
import type { RequestTimes, StoreAddress, StoreOptions } from "../store-options.ts";
import type { SignedRequest } from "./sign-request.ts";

export interface AnswerHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Takes the body of an answer as it arrives. An error that it throws ends the exchange. */
export interface BodySink {
  take(chunk: Buffer): void;
}

export interface Exchange extends SignedRequest {
  readonly method: string;
  readonly body?: readonly Uint8Array[];
  /** Called once, with the head. */
  openSink(head: AnswerHead): BodySink;
  /** Bytes that the answer may bring; more time is given for more. */
  readonly answerBytesMax: number;
  /** Default: the times of the connection pool. */
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

/** The connections to one store. */
export class Connections {
  readonly #address: StoreAddress;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly times: RequestTimes;
  readonly #running = new Set<RunningExchange>();

  constructor(address: StoreAddress, { ca, times = {} }: Pick<StoreOptions, "ca" | "times"> = {}) {
    this.#address = address;
    const pool = { keepAlive: true, maxSockets: LIMITS.s3SocketsMax, timeout: LIMITS.s3IdleSocketMs };
    this.#agent = address.isSecure
      ? new HttpsAgent({ ...pool, ...(ca !== undefined && { ca }) })
      : new HttpAgent(pool);
    this.times = {
      connectMs: times.connectMs ?? LIMITS.s3ConnectMs,
      answerMs: times.answerMs ?? LIMITS.s3AnswerMs,
      idleMs: times.idleMs ?? LIMITS.s3IdleMs,
    };
  }

  /** @throws {BrokenExchange} without a complete answer; also the errors of the sink */
  exchange(exchange: Exchange): Promise<AnswerHead> {
    const { hostname, port, isSecure } = this.#address;
    const { method, path, headers, body } = exchange;
    const request = (isSecure ? httpsRequest : httpRequest)({
      agent: this.#agent,
      host: hostname,
      port,
      method,
      path,
      headers: flatHeaders(headers, body),
      maxHeaderSize: LIMITS.s3HeaderBytesMax,
    });
    return new RunningExchange(request, exchange, { times: this.times, running: this.#running }).outcome;
  }

  /** Ends all exchanges that are running, as if their connections were lost. */
  breakAll(text: string): void {
    for (const running of [...this.#running]) running.break(text);
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Names and values in turn: node:http sends them as they are, which is cheaper than a record. */
function flatHeaders(headers: SignedRequest["headers"], body: Exchange["body"]): string[] {
  const flat = body === undefined ? [] : ["content-length", `${sizeOf(body)}`];
  for (const name in headers) flat.push(name, headers[name]!);
  return flat;
}

function sizeOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

/** Up to this size a body is sent with the headers, in one write. */
const ONE_WRITE_BYTES_MAX = 64 * 1024;

/** The error of a name with several addresses has a code and no text. */
function reasonOf(error: NodeJS.ErrnoException): string {
  return error.message || error.code || "no connection";
}

interface ExchangePool {
  readonly times: RequestTimes;
  readonly running: Set<RunningExchange>;
}

class RunningExchange {
  readonly outcome: Promise<AnswerHead>;
  readonly #request: ClientRequest;
  readonly #exchange: Exchange;
  readonly #times: RequestTimes;
  /** It is one of these until it is over. */
  readonly #running: Set<RunningExchange>;
  readonly #endMs: number;
  #resolve!: (head: AnswerHead) => void;
  #reject!: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires. */
  #armedMs = Number.POSITIVE_INFINITY;
  #waitsFor = "";
  #deadlineMs = 0;
  #isSent = false;
  #isOver = false;

  constructor(request: ClientRequest, exchange: Exchange, { times, running }: ExchangePool) {
    this.#request = request;
    this.#exchange = exchange;
    this.#times = times;
    this.#running = running;
    running.add(this);
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const bytes = sizeOf(exchange.body ?? []) + exchange.answerBytesMax;
    const answerMs = exchange.answerMs ?? times.answerMs;
    this.#endMs = performance.now() + answerMs + times.idleMs + (bytes / LIMITS.s3RateBytesMin) * 1000;
    this.#wait("a free connection", answerMs);
    exchange.signal?.addEventListener("abort", this.#abort);
    request.on("socket", (socket) => this.#connect(socket));
    request.on("response", (response) => this.#answer(response));
    request.on("error", (error) => this.break(reasonOf(error), error));
    request.on("close", () => this.break("the connection was closed before the answer was complete"));
    if (exchange.signal?.aborted) this.#abort();
    else if (exchange.body === undefined) request.end();
    else void this.#sendBody(exchange.body);
  }

  readonly #abort = (): void => this.break("aborted", this.#exchange.signal?.reason);

  #connect(socket: Socket): void {
    if (!socket.connecting) {
      this.#sent();
      return;
    }
    this.#wait("a connection", this.#times.connectMs);
    socket.once("encrypted" in socket ? "secureConnect" : "connect", () => this.#sent());
  }

  #sent(): void {
    this.#isSent = true;
    this.#wait("the body to be sent", this.#times.idleMs);
    if (this.#request.writableFinished || this.#exchange.body === undefined) this.#waitForAnswer();
  }

  #waitForAnswer(): void {
    this.#wait("the answer", this.#exchange.answerMs ?? this.#times.answerMs);
  }

  async #sendBody(body: readonly Uint8Array[]): Promise<void> {
    const request = this.#request;
    request.on("finish", () => {
      if (this.#isSent) this.#waitForAnswer();
    });
    if (sizeOf(body) <= ONE_WRITE_BYTES_MAX) {
      request.end(body.length === 1 ? body[0] : Buffer.concat(body));
    } else {
      for (const chunk of body) {
        await new Promise<void>((resolve) => request.write(chunk, () => resolve()));
        if (this.#isOver) return;
        if (this.#isSent) this.#wait("the body to be sent", this.#times.idleMs);
      }
      request.end();
    }
  }

  #answer(response: IncomingMessage): void {
    const head: AnswerHead = { status: response.statusCode ?? 0, headers: response.headers };
    response.on("error", (error) => this.break(error.message, error));
    try {
      const sink = this.#exchange.openSink(head);
      response.on("data", (chunk: Buffer) => this.#take(sink, chunk));
    } catch (error) {
      this.#end(() => this.#reject(error));
      return;
    }
    response.on("end", () => {
      if (!response.complete) this.break("the answer was cut");
      else this.#end(() => this.#resolve(head), this.#request.writableFinished);
    });
    this.#wait("the rest of the answer", this.#times.idleMs);
  }

  #take(sink: BodySink, chunk: Buffer): void {
    if (this.#isOver) return;
    try {
      sink.take(chunk);
      this.#wait("the rest of the answer", this.#times.idleMs);
    } catch (error) {
      this.#end(() => this.#reject(error));
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
    this.#timer = setTimeout(this.#check, this.#deadlineMs - performance.now());
  }

  readonly #check = (): void => {
    this.#armedMs = Number.POSITIVE_INFINITY;
    if (performance.now() < this.#deadlineMs) this.#arm();
    else this.break(`timed out while waiting for ${this.#waitsFor}`);
  };

  break(text: string, cause?: unknown): void {
    // After each answer the connection closes or goes back to the pool: an error would cost its stack.
    if (this.#isOver) return;
    const error = new BrokenExchange(text, this.#isSent, cause);
    this.#end(() => this.#reject(error));
  }

  /** @param isReusable false: the connection is in an unknown state and is closed */
  #end(settle: () => void, isReusable = false): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#running.delete(this);
    clearTimeout(this.#timer);
    this.#exchange.signal?.removeEventListener("abort", this.#abort);
    settle();
    if (!isReusable) this.#request.destroy();
  }
}
