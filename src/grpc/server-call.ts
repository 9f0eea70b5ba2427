/**
 * One call on the server: from its HTTP/2 stream to its handler, and back to a status.
 *
 * A call is over when the peer resets or leaves, when its deadline passes, when the server stops, or when its handler is
 * done; whichever comes first decides the status, and each happens once. It is forgotten when its stream is closed and
 * its handler has come back.
 * A small answer costs two socket writes: headers and messages, then trailers (node:http2 sends these on a later turn).
 * Source: grpc/doc/PROTOCOL-HTTP2.md, "Responses".
 */
import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
  type ServerStreamResponseOptions,
} from "node:http2";
import { assert, CacheError } from "../errors.ts";
import type { CallHandler, CallMetadata, ServerCall } from "./call.ts";
import { statusOfFailure } from "./failure-status.ts";
import { QueuedMessageReader } from "./message-reader.ts";
import { StreamMessageWriter } from "./message-writer.ts";
import { HeaderMetadata, setMetadata } from "./metadata.ts";
import type { SessionGuard } from "./session-guard.ts";
import { type CallStatus, STATUS_OK, statusOf } from "./status.ts";
import { encodeStatusMessage } from "./status-message.ts";
import { StreamSource } from "./stream-source.ts";

const RESPONSE_HEADERS: OutgoingHttpHeaders = {
  ":status": 200,
  "content-type": "application/grpc",
  "grpc-accept-encoding": "identity",
};

/** `sendDate` is node's own name for it; nobody reads the date of a call. */
const WITH_TRAILERS: ServerStreamResponseOptions & { sendDate: boolean } = {
  waitForTrailers: true,
  sendDate: false,
};
const WITHOUT_BODY: ServerStreamResponseOptions & { sendDate: boolean } = {
  endStream: true,
  sendDate: false,
};

/** Each call ends in one of these; an error of its own for each would cost a stack trace per call. */
const CLIENT_LEFT = new CacheError("CANCELLED");
const ANSWERED = new CacheError("CANCELLED", "the call was answered");

export class Http2ServerCall implements ServerCall {
  readonly path: string;
  readonly metadata: CallMetadata;
  readonly requests: QueuedMessageReader;
  readonly #stream: ServerHttp2Stream;
  readonly #session: SessionGuard;
  readonly #writer: StreamMessageWriter;
  readonly #onGone: () => void;
  readonly #trailers: OutgoingHttpHeaders = {};
  #deadline: NodeJS.Timeout | undefined;
  #abort: AbortController | undefined;
  /** Why the call is over for its handler; undefined while it runs. */
  #reason: CacheError | undefined;
  #isAnswered = false;
  #isHandled = false;
  #isClosed = false;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    { session, onGone }: { session: SessionGuard; onGone: () => void },
  ) {
    this.path = headers[":path"] ?? "";
    this.metadata = new HeaderMetadata(headers);
    this.#stream = stream;
    this.#session = session;
    this.#onGone = onGone;
    const source = new StreamSource(stream);
    this.requests = new QueuedMessageReader(source);
    this.#writer = new StreamMessageWriter(stream, () => this.#beforeMessage());
    stream.on("end", () => this.requests.end());
    stream.on("aborted", () => {
      session.countReset();
      this.#leave();
    });
    stream.on("error", () => this.#leave());
    stream.on("close", () => this.#close());
    source.start(this.requests);
  }

  get peer(): string {
    return this.#session.peer;
  }

  get isFromThisHost(): boolean {
    return this.#session.isFromThisHost;
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

  startMessage(sizeBytes: number, first: readonly Uint8Array[]): Promise<void> | undefined {
    return this.#writer.startMessage(sizeBytes, first);
  }

  writePiece(piece: Uint8Array, onSent?: () => void): Promise<void> | undefined {
    return this.#writer.writePiece(piece, onSent);
  }

  flush(): Promise<void> | undefined {
    return this.#writer.flush();
  }

  /** Runs the handler; `timeoutMs` from now on the call is over. Never rejects. */
  async run(handler: CallHandler, timeoutMs: number | undefined): Promise<void> {
    if (timeoutMs !== undefined) {
      this.#deadline = setTimeout(() => this.end(new CacheError("DEADLINE_EXCEEDED")), timeoutMs);
    }
    let status = STATUS_OK;
    try {
      await handler(this);
      assert(!this.#writer.isInsideMessage || this.#reason !== undefined, "a handler ends its last message");
    } catch (error) {
      status = statusOfFailure(error, this.path);
    }
    this.#isHandled = true;
    this.#answer(status);
    this.#forgetWhenDone();
  }

  /** Ends the call from our side: the handler is told `reason`, the client gets its status. */
  end(reason: CacheError): void {
    this.#stop(reason);
    // Answered, but the client does not take the answer.
    if (this.#isAnswered) this.#stream.close(constants.NGHTTP2_CANCEL);
    else this.#answer(statusOf(reason));
  }

  /** The client has reset the stream or is gone: there is nobody to answer. */
  #leave(): void {
    this.#isAnswered = true;
    this.#stop(CLIENT_LEFT);
    this.#discardRequests();
  }

  #close(): void {
    clearTimeout(this.#deadline);
    this.#isClosed = true;
    this.#leave();
    this.#forgetWhenDone();
  }

  #stop(reason: CacheError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.requests.fail(reason);
    this.#writer.fail(reason);
    if (!this.#isHandled) this.#abort?.abort(reason);
  }

  #forgetWhenDone(): void {
    if (this.#isHandled && this.#isClosed) this.#onGone();
  }

  #beforeMessage(): void {
    assert(!this.#isAnswered, "a call is not written to after its handler is done");
    if (!this.#stream.headersSent) this.#respond();
    this.#session.countMessage();
  }

  #respond(): void {
    const stream = this.#stream;
    stream.respond(RESPONSE_HEADERS, WITH_TRAILERS);
  }

  #answer(status: CallStatus): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    const stream = this.#stream;
    const trailers = this.#statusTrailers(status);
    if (!stream.headersSent && status.code !== 0) {
      stream.respond({ ...RESPONSE_HEADERS, ...trailers }, WITHOUT_BODY);
      this.#stopRequestsSoon();
      return;
    }
    if (!stream.headersSent) this.#respond();
    if (this.#reason !== undefined && stream.writableLength > 0) {
      // The trailers would stand behind data that the peer does not take.
      stream.close(constants.NGHTTP2_CANCEL);
      return;
    }
    stream.on("wantTrailers", () => {
      stream.sendTrailers(trailers);
      this.#stopRequestsSoon();
    });
    stream.end();
  }

  #statusTrailers(status: CallStatus): OutgoingHttpHeaders {
    const trailers: OutgoingHttpHeaders = { ...this.#trailers, "grpc-status": String(status.code) };
    if (status.message !== "") trailers["grpc-message"] = encodeStatusMessage(status.message);
    return trailers;
  }

  /**
   * What the client still sends is dropped, and a reset without error tells it to stop. Node sends the status on the next
   * turn, and the reset must come after.
   */
  #stopRequestsSoon(): void {
    this.#discardRequests();
    if (this.requests.isEnded) return;
    setImmediate(() => {
      if (!this.requests.isEnded) this.#stream.close(constants.NGHTTP2_NO_ERROR);
    });
  }

  #discardRequests(): void {
    this.requests.fail(this.#reason ?? ANSWERED);
  }
}
