/**
 * One call on the server: from its HTTP/2 stream to its handler, and back to a status.
 *
 * A call ends when the peer resets it or disconnects, when its deadline passes, when the server
 * stops, or when its handler returns. The first of these decides the status; each happens once. The
 * call is forgotten when its stream has closed and its handler has returned.
 * Source: grpc/doc/PROTOCOL-HTTP2.md, "Responses".
 */
import { assert, CacheError, isCacheError } from "../errors.ts";
import type { ConnectionMemory } from "../http2/call-memory.ts";
import type { StreamListener } from "../http2/server-stream.ts";
import { LIMITS } from "../limits.ts";
import { RESPONSE_BLOCK, refusalBlock, trailersBlock } from "./answer-blocks.ts";
import type { CallHandler, CallMetadata, CallTraffic, ClientCertificate, ServerCall } from "./call.ts";
import type { CallConnection, CallStream } from "./call-stream.ts";
import { Deadline } from "./deadline.ts";
import { statusOfFailure } from "./failure-status.ts";
import { tooManyCalls } from "./memory-refusal.ts";
import { QueuedMessageReader } from "./message-reader.ts";
import { StreamMessageWriter } from "./message-writer.ts";
import { HeaderMetadata, setMetadata } from "./metadata.ts";
import { type CallStatus, STATUS_OK, statusOf } from "./status.ts";

/** Shared by all calls: a new error per call would cost a stack trace. */
const CLIENT_LEFT = new CacheError("CANCELLED");
const TOO_LATE = new CacheError("DEADLINE_EXCEEDED");
const ANSWERED = new CacheError("CANCELLED", "the call was answered");

export class Http2ServerCall implements ServerCall, StreamListener {
  readonly path: string;
  readonly metadata: CallMetadata;
  readonly requests: QueuedMessageReader;
  facts: Record<string, unknown> | undefined;
  action: string | undefined;
  readonly #stream: CallStream;
  readonly #connection: CallConnection;
  readonly #writer: StreamMessageWriter;
  readonly #onClosed: () => void;
  readonly #trailers: Record<string, string> = {};
  #deadline: Deadline | undefined;
  #abort: AbortController | undefined;
  /** Why the call is over for its handler; undefined while it runs. */
  #reason: CacheError | undefined;
  /** Set while the handler waits for memory. */
  #endWaiting: ((reason: CacheError) => void) | undefined;
  #isCollecting = false;
  #isAnswered = false;
  #hasResponded = false;
  #isHandled = false;
  #isClosed = false;
  #mayIdle = false;
  /** Moved bytes at the last progress, and `#stillSinceMs` its time. */
  #movedBytes = 0;
  #stillSinceMs = performance.now();

  constructor(
    stream: CallStream,
    { connection, onClosed }: { connection: CallConnection; onClosed: () => void },
  ) {
    const { fields } = stream.request;
    this.path = fields.get(":path") ?? "";
    this.metadata = new HeaderMetadata(fields);
    this.#stream = stream;
    this.#connection = connection;
    this.#onClosed = onClosed;
    this.requests = new QueuedMessageReader(stream, fields.get("grpc-encoding"));
    this.#writer = new StreamMessageWriter(stream, () => this.#beforeMessage());
    stream.listen(this);
  }

  get peer(): string {
    return this.#connection.peer;
  }

  get clientCertificate(): ClientCertificate | undefined {
    return this.#connection.clientCertificate;
  }

  get isFromThisHost(): boolean {
    return this.#connection.isFromThisHost;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#reason !== undefined) this.#abort.abort(this.#reason);
    }
    return this.#abort.signal;
  }

  throwIfOver(): void {
    if (this.#reason !== undefined) throw this.#reason;
  }

  setTrailer(name: string, value: string | Buffer): void {
    setMetadata(this.#trailers, name, value);
  }

  write(parts: readonly Uint8Array[]): Promise<void> | undefined {
    return this.#writer.write(parts);
  }

  writeAll(messages: readonly Uint8Array[]): Promise<void> | undefined {
    return this.#writer.writeAll(messages);
  }

  startMessage(sizeBytes: number, first: readonly Uint8Array[]): Promise<void> | undefined {
    return this.#writer.startMessage(sizeBytes, first);
  }

  writePiece(piece: Uint8Array, onSent?: () => void): Promise<void> | undefined {
    return this.#writer.writePiece(piece, onSent);
  }

  flush(): Promise<void> | undefined {
    return this.#writer.flush();
  }

  reserveNow(wantedBytes: number): number {
    this.throwIfOver();
    const { account, writableLength, openBytes } = this.#stream;
    return account.reserve(wantedBytes, { queuedBytes: writableLength, openBytes });
  }

  async reserve(wantedBytes: number): Promise<number> {
    const sinceMs = performance.now();
    for (;;) {
      const granted = this.reserveNow(wantedBytes);
      if (granted > 0) return granted;
      const isReady = (): boolean => this.#stream.openBytes > 0;
      await (this.#stream.writableLength > 0 ? this.#writer.sentSome() : this.#memoryFree(sinceMs, isReady));
    }
  }

  /** Resolves when memory is released. Rejects when the call is over. */
  #memoryFree(sinceMs: number, isReady: () => boolean): Promise<void> {
    const { memory, connection } = this.#stream.account;
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        this.#endWaiting = undefined;
        resolve();
      };
      const stop = memory.wait({ connection, sinceMs, wake, isReady });
      this.#endWaiting = (reason) => {
        this.#endWaiting = undefined;
        stop();
        reject(reason);
      };
    });
  }

  reserveWhole(bytes: number): Promise<void> | undefined {
    const { account } = this.#stream;
    account.reserveWhole(bytes);
    return account.mayCollect ? undefined : this.#collectLater();
  }

  release(bytes: number): void {
    this.#stream.account.release(bytes);
  }

  collect(bytes: number): Promise<void> | undefined {
    const { account } = this.#stream;
    // The bytes of the last read are already charged.
    account.collected(bytes, this.requests.handOver(bytes));
    return account.mayCollect ? undefined : this.#collectLater();
  }

  /** Waits for memory. The sweep ends stalled calls first; then it refuses this one. */
  async #collectLater(): Promise<void> {
    const { account } = this.#stream;
    const sinceMs = performance.now();
    this.#isCollecting = true;
    do await this.#memoryFree(sinceMs, () => true);
    while (!account.mayCollect);
    this.#isCollecting = false;
  }

  releaseCollected(bytes: number): void {
    this.#stream.account.collected(-bytes);
  }

  mayIdle(): void {
    this.#mayIdle = true;
  }

  get connectionMemory(): ConnectionMemory {
    return this.#stream.account.connection;
  }

  /** True while its handler waits for memory. */
  get isWaitingForMemory(): boolean {
    return this.#endWaiting !== undefined;
  }

  /** True while it waits for memory to collect its request. */
  get isCollecting(): boolean {
    return this.#isCollecting;
  }

  /** Refuses a request that waits for memory. */
  refuseCollecting(): void {
    this.#endWaiting?.(tooManyCalls(this.#stream.account.memory));
  }

  /** Bytes that the call holds now. */
  get heldBytes(): number {
    return this.#stream.account.heldBytes + this.#stream.writableLength;
  }

  /**
   * How long nothing has moved, ms, to the precision of the checks. @param nowMs on the clock of
   * `performance.now`
   */
  stillMs(nowMs: number): number {
    const movedBytes = this.#stream.receivedBytes + this.#stream.sentBytes;
    if (movedBytes !== this.#movedBytes) {
      this.#movedBytes = movedBytes;
      this.#stillSinceMs = nowMs;
    }
    return nowMs - this.#stillSinceMs;
  }

  /** Called periodically. @param stillMs see `stillMs` */
  sweep(stillMs: number, idleCallMs: number): void {
    if (stillMs < LIMITS.sweepIntervalMs) return;
    this.requests.compact();
    if (stillMs < idleCallMs || this.#mayIdle) return;
    const seconds = Math.round(idleCallMs / 1000);
    this.end(new CacheError("DEADLINE_EXCEEDED", `no data moved for ${seconds} s (limits.idle_call)`));
  }

  /** Runs the handler; the call ends after `timeoutMs`. Never rejects. */
  async run(handler: CallHandler, timeoutMs: number | undefined): Promise<void> {
    if (timeoutMs !== undefined) {
      this.#deadline = new Deadline(timeoutMs, (reason) => this.end(reason));
    }
    let status = STATUS_OK;
    try {
      await handler(this);
      assert(!this.#writer.isInsideMessage || this.#reason !== undefined, "a handler ends its last message");
    } catch (error) {
      status = statusOfFailure(error, this.path);
      if (isCacheError(error, "OVERLOADED")) this.#hintRetry();
    }
    this.#isHandled = true;
    this.#answer(status);
    this.#forgetWhenDone();
  }

  /** Ends the call from our side: the handler gets `reason`, the client its status. */
  end(reason: CacheError): void {
    this.#stop(reason);
    // Answered, but the client does not read the answer.
    if (this.#isAnswered) this.#stream.reset("CANCEL");
    else {
      if (reason.code === "OVERLOADED") this.#hintRetry();
      this.#answer(statusOf(reason));
    }
  }

  /** Source: gRFC A6, "Server Pushback". */
  #hintRetry(): void {
    this.#trailers["grpc-retry-pushback-ms"] = String(LIMITS.overloadedRetryMs);
  }

  get traffic(): CallTraffic {
    return this.#stream;
  }

  abandon(reason: CacheError): void {
    const stream = this.#stream;
    if (!this.#hasResponded || stream.endNow === undefined || this.#isClosed) {
      this.end(reason);
      return;
    }
    this.#stop(reason);
    this.#isAnswered = true;
    this.requests.fail(reason);
    if (reason.code === "OVERLOADED") this.#hintRetry();
    // Trailers are not subject to flow control.
    stream.endNow(trailersBlock(statusOf(reason), this.#trailers));
  }

  push(view: Buffer): void {
    this.requests.push(view);
  }

  ended(): void {
    this.requests.end();
  }

  /** The answer is complete, or the peer has disconnected. */
  closed(isCut: boolean): void {
    this.#deadline?.stop();
    this.#isClosed = true;
    this.#isAnswered = true;
    this.#stop(isCut ? this.#cutReason : ANSWERED);
    this.#forgetWhenDone();
  }

  /** The client keeps the same deadline, and its reset may arrive before our timer fires. */
  get #cutReason(): CacheError {
    return this.#deadline?.isDue === true ? TOO_LATE : CLIENT_LEFT;
  }

  #stop(reason: CacheError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.requests.fail(reason);
    this.#writer.fail(reason);
    this.#endWaiting?.(reason);
    if (!this.#isHandled) this.#abort?.abort(reason);
  }

  #forgetWhenDone(): void {
    if (!this.#isHandled || !this.#isClosed) return;
    this.#stream.account.close();
    this.#onClosed();
  }

  #beforeMessage(): void {
    assert(!this.#isAnswered, "a handler does not write after it has ended");
    if (!this.#hasResponded) this.#respond();
    this.#connection.countMessage();
  }

  #respond(): void {
    this.#hasResponded = true;
    this.#stream.sendHeaders(RESPONSE_BLOCK, { endStream: false });
  }

  #answer(status: CallStatus): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    // Drops what the client still sends; its stream ends with the answer.
    this.requests.fail(this.#reason ?? ANSWERED);
    const stream = this.#stream;
    if (!this.#hasResponded && status.code !== 0) {
      stream.sendHeaders(refusalBlock(status, this.#trailers), { endStream: true });
    } else if (this.#reason !== undefined && stream.writableLength > 0) {
      // The trailers would wait behind data that the peer does not read.
      stream.reset("CANCEL");
    } else {
      if (!this.#hasResponded) this.#respond();
      stream.end(trailersBlock(status, this.#trailers));
    }
  }
}
