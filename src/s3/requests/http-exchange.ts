/**
 * One request over HTTP/1.1, and its answer. No repetition, no S3.
 *
 * Says whether a failed request can have reached the store. Connecting, waiting for the answer and
 * each pause within a body are bounded, and the whole exchange by the size of its bodies. The sink
 * of the answer sees its head before its body, and bounds it. A body that is cut is a failure.
 */
import { assert } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { RequestTimes, StoreAddress, StoreOptions } from "../store-options.ts";
import { type AnswerHead, AnswerParser, type BodySink, MalformedAnswer } from "./answer-parser.ts";
import { type Connection, Connections, type ConnectionUser } from "./connections.ts";
import type { SignedRequest } from "./sign-request.ts";

export interface Exchange extends SignedRequest {
  readonly method: string;
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
  readonly #connections: Connections;
  readonly times: RequestTimes;

  constructor(address: StoreAddress, { ca, times = {} }: Pick<StoreOptions, "ca" | "times"> = {}) {
    this.#connections = new Connections(address, ca);
    this.times = {
      connectMs: times.connectMs ?? LIMITS.s3ConnectMs,
      answerMs: times.answerMs ?? LIMITS.s3AnswerMs,
      idleMs: times.idleMs ?? LIMITS.s3IdleMs,
    };
  }

  /** @throws {BrokenExchange} without a complete answer; also the errors of the sink */
  exchange(exchange: Exchange): Promise<AnswerHead> {
    return new RunningExchange(this.#connections, exchange, this.times).outcome;
  }

  /** Ends all exchanges that are running, as if their connections were lost. */
  breakAll(text: string): void {
    this.#connections.breakAll(new Error(text));
  }

  close(): void {
    this.#connections.close();
  }
}

function sizeOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

/** Up to this size a body is sent with the headers, in one write. */
const ONE_WRITE_BYTES_MAX = 64 * 1024;
const NOT_PRINTABLE = /[^\x20-\x7e]/;

/** The request line and the headers. */
function formatHead({ method, path, headers, body }: Exchange): string {
  let head = `${method} ${path} HTTP/1.1\r\n`;
  assert(!NOT_PRINTABLE.test(path) && !path.includes(" "), "a path is percent-encoded");
  for (const name in headers) {
    const value = headers[name]!;
    assert(!NOT_PRINTABLE.test(value), `the header ${name} is printable ASCII`);
    head += `${name}: ${value}\r\n`;
  }
  if (body !== undefined) head += `content-length: ${sizeOf(body)}\r\n`;
  return `${head}\r\n`;
}

/** The error of a name with several addresses has a code and no text. */
function reasonOf(error: NodeJS.ErrnoException): string {
  return error.message || error.code || "no connection";
}

class RunningExchange implements ConnectionUser {
  readonly outcome: Promise<AnswerHead>;
  readonly #connections: Connections;
  readonly #exchange: Exchange;
  readonly #times: RequestTimes;
  readonly #parser: AnswerParser;
  readonly #endMs: number;
  #resolve!: (head: AnswerHead) => void;
  #reject!: (error: unknown) => void;
  #connection: Connection | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires. */
  #armedMs = Number.POSITIVE_INFINITY;
  #waitsFor = "";
  #deadlineMs = 0;
  #isSent = false;
  #isBodySent = false;
  #isOver = false;

  constructor(connections: Connections, exchange: Exchange, times: RequestTimes) {
    this.#connections = connections;
    this.#exchange = exchange;
    this.#times = times;
    this.#parser = new AnswerParser((head) => exchange.openSink(head), exchange.method === "HEAD");
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const bytes = sizeOf(exchange.body ?? []) + exchange.answerBytesMax;
    const answerMs = exchange.answerMs ?? times.answerMs;
    this.#endMs = performance.now() + answerMs + times.idleMs + (bytes / LIMITS.s3RateBytesMin) * 1000;
    this.#wait("a free connection", answerMs);
    exchange.signal?.addEventListener("abort", this.#abort);
    if (exchange.signal?.aborted) this.#abort();
    else connections.acquire(this);
  }

  use(connection: Connection): void {
    this.#connection = connection;
    if (connection.isOpen) this.opened();
    else this.#wait("a connection", this.#times.connectMs);
  }

  opened(): void {
    const { body = [] } = this.#exchange;
    const { socket } = this.#connection!;
    const head = formatHead(this.#exchange);
    this.#isSent = true;
    if (body.length === 0) {
      socket.write(head, "latin1");
      this.#sent();
      return;
    }
    this.#wait("the body to be sent", this.#times.idleMs);
    if (sizeOf(body) > ONE_WRITE_BYTES_MAX) void this.#sendPieces([Buffer.from(head, "latin1"), ...body]);
    else socket.write(Buffer.concat([Buffer.from(head, "latin1"), ...body]), () => this.#sent());
  }

  received(chunk: Buffer): void {
    try {
      this.#parser.push(chunk);
    } catch (error) {
      if (error instanceof MalformedAnswer) this.#break(`the answer is not HTTP: ${error.message}`, error);
      else this.#end(() => this.#reject(error));
      return;
    }
    if (this.#parser.isComplete) this.#complete();
    else this.#wait("the rest of the answer", this.#times.idleMs);
  }

  closed(error: Error | undefined): void {
    if (error === undefined && this.#parser.end()) this.#complete();
    else if (error !== undefined) this.#break(reasonOf(error), error);
    else if (this.#parser.head !== undefined) this.#break("the answer was cut");
    else this.#break("the connection was closed before the answer was complete");
  }

  readonly #abort = (): void => this.#break("aborted", this.#exchange.signal?.reason);

  async #sendPieces(pieces: readonly Uint8Array[]): Promise<void> {
    for (const piece of pieces) {
      const { socket } = this.#connection!;
      await new Promise<void>((resolve) => socket.write(piece, () => resolve()));
      if (this.#isOver) return;
      this.#wait("the body to be sent", this.#times.idleMs);
    }
    this.#sent();
  }

  #sent(): void {
    this.#isBodySent = true;
    if (this.#parser.head === undefined) {
      this.#wait("the answer", this.#exchange.answerMs ?? this.#times.answerMs);
    }
  }

  #complete(): void {
    const { head, keepsConnection } = this.#parser;
    this.#end(() => this.#resolve(head!), keepsConnection && this.#isBodySent);
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
    else this.#break(`timed out while waiting for ${this.#waitsFor}`);
  };

  #break(text: string, cause?: unknown): void {
    const error = new BrokenExchange(text, this.#isSent, cause);
    this.#end(() => this.#reject(error));
  }

  /** @param isReusable false: the connection is in an unknown state and is closed */
  #end(settle: () => void, isReusable = false): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#exchange.signal?.removeEventListener("abort", this.#abort);
    settle();
    if (this.#connection === undefined) this.#connections.withdraw(this);
    else this.#connections.release(this.#connection, isReusable);
  }
}
