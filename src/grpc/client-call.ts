/**
 * One call of the client: it sends requests and receives messages, then the status.
 *
 * Messages that precede an error status are delivered before the error. `cancel`, the caller's
 * signal and the deadline end the call early; each resets the stream. A lost connection is
 * UNREACHABLE.
 * Source: grpc/doc/PROTOCOL-HTTP2.md, "Requests" and "Responses".
 */
import { setMaxListeners } from "node:events";
import {
  type ClientHttp2Stream,
  constants,
  type Http2Session,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from "node:http2";
import { AbortError, CacheError, isCacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { AnswerReader, CallMetadata, MessageWriter } from "./call.ts";
import { Deadline } from "./deadline.ts";
import { QueuedMessageReader } from "./message-reader.ts";
import { StreamMessageWriter } from "./message-writer.ts";
import { HeaderMetadata } from "./metadata.ts";
import { errorOfHttpStatus, errorOfReset, errorOfStatus, GrpcError } from "./status.ts";
import { decodeStatusMessage } from "./status-message.ts";
import { StreamSource } from "./stream-source.ts";

export interface ClientCall extends MessageWriter {
  /**
   * The answers. After the last one: null if the status is OK, otherwise the error of the status.
   */
  readonly responses: AnswerReader;
  /** The server's headers, once they have arrived. */
  readonly headers: CallMetadata | undefined;
  /** The server's trailers, once they have arrived. */
  readonly trailers: CallMetadata | undefined;
  /** True if the status has arrived or the call ended early. Messages may still wait to be read. */
  readonly isOver: boolean;
  /** Half-closes: no more requests. */
  endRequests(): void;
  /** Ends the call. Its reader and writer get CANCELLED. */
  cancel(): void;
}

export interface ClientCallOptions {
  /** Milliseconds until the call ends with DEADLINE_EXCEEDED; over LIMITS.deadlineMsMax: never. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called when headers or data arrive from the server. */
  readonly onReceived?: () => void;
}

export class Http2ClientCall implements ClientCall {
  readonly responses: QueuedMessageReader;
  headers: CallMetadata | undefined;
  trailers: CallMetadata | undefined;
  readonly #stream: ClientHttp2Stream;
  /** Kept here because a closed stream no longer has its session. */
  readonly #session: Http2Session | undefined;
  readonly #writer: StreamMessageWriter;
  readonly #signal: AbortSignal | undefined;
  readonly #deadline: Deadline | undefined;
  /**
   * Resets the stream with CANCEL. `close` would half-close first, and a partial upload would look
   * complete.
   */
  readonly #reset: AbortController;
  #statusError: Error | undefined;
  #hasStatus = false;
  #isOver = false;

  /** @param reset its signal belongs to the stream */
  constructor(
    stream: ClientHttp2Stream,
    reset: AbortController,
    { timeoutMs, signal, onReceived }: ClientCallOptions,
  ) {
    this.#stream = stream;
    this.#session = stream.session;
    this.#reset = reset;
    this.#signal = signal;
    const source = new StreamSource(stream);
    this.responses = new QueuedMessageReader(source);
    this.#writer = new StreamMessageWriter(stream, () => undefined);
    stream.on("response", (headers) => {
      onReceived?.();
      this.#takeHeaders(headers);
    });
    stream.on("trailers", (headers) => this.#takeStatus(headers));
    stream.on("end", () => this.#end());
    stream.on("error", (error) => this.#fail(this.#errorOf(error)));
    stream.on("close", () => this.#close());
    source.start({
      push: (chunk) => {
        onReceived?.();
        this.responses.push(chunk);
      },
    });
    if (timeoutMs !== undefined && timeoutMs <= LIMITS.deadlineMsMax) {
      this.#deadline = new Deadline(timeoutMs, (reason) => this.#abandon(reason));
    }
    this.#listenTo(signal);
  }

  #listenTo(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    if (signal.aborted) {
      this.#onAbort();
      return;
    }
    // One signal may end any number of calls, and each call removes its listener: a leak warning
    // would be wrong.
    setMaxListeners(0, signal);
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  get isOver(): boolean {
    return this.#isOver || this.#hasStatus;
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

  endRequests(): void {
    if (!this.#isOver) this.#stream.end();
  }

  cancel(): void {
    this.#abandon(new CacheError("CANCELLED"));
  }

  readonly #onAbort = (): void => {
    this.#abandon(new AbortError(this.#signal));
  };

  #takeHeaders(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    this.headers = new HeaderMetadata(headers);
    const httpStatus = headers[":status"] ?? 0;
    if (httpStatus !== 200) this.#abandon(errorOfHttpStatus(httpStatus));
    else if (headers["grpc-status"] !== undefined) this.#takeStatus(headers);
    else if (!headers["content-type"]?.startsWith("application/grpc"))
      this.#abandon(errorOfHttpStatus(httpStatus));
  }

  #takeStatus(headers: IncomingHttpHeaders): void {
    this.trailers = new HeaderMetadata(headers);
    const code = Number(this.trailers.get("grpc-status") ?? Number.NaN);
    this.#hasStatus = true;
    if (code === 0) return;
    const message = decodeStatusMessage(this.trailers.get("grpc-message") ?? "");
    this.#statusError = errorOfStatus({ code, message });
  }

  /** Called when the stream has been read to its end. */
  #end(): void {
    if (!this.#hasStatus) return;
    this.responses.end(this.#statusError);
    this.#writer.fail(this.#statusError ?? new CacheError("CANCELLED", "the server has already answered"));
    // The server will not read the rest of the request.
    if (!this.#stream.writableEnded) this.#reset.abort();
  }

  #abandon(reason: Error): void {
    this.#fail(reason);
    this.#reset.abort();
  }

  #fail(reason: Error): void {
    if (this.#hasStatus || this.#isOver) return;
    this.#isOver = true;
    this.responses.fail(reason);
    this.#writer.fail(reason);
  }

  #close(): void {
    this.#deadline?.stop();
    this.#signal?.removeEventListener("abort", this.#onAbort);
    if (this.#hasStatus) this.#end();
    this.#fail(this.#errorOf(undefined));
    this.#isOver = true;
  }

  /**
   * Why the stream ended without a status: the connection was lost, or only this stream was reset.
   */
  #errorOf(error: Error | undefined): Error {
    const cause = rootCause(error);
    if (isCacheError(cause)) return cause;
    const { rstCode } = this.#stream;
    if (this.#session?.destroyed === false) {
      if (rstCode === constants.NGHTTP2_CANCEL && this.#deadline?.isDue === true) {
        return new CacheError("DEADLINE_EXCEEDED");
      }
      if (rstCode !== 0) return errorOfReset(rstCode);
      return new GrpcError("INTERNAL", "the server ended the call without a status");
    }
    const what = isOfDialling(cause)
      ? "could not connect to the server"
      : "the connection to the server was lost";
    const reason = cause === undefined ? "" : `: ${reasonOf(cause)}`;
    return new CacheError("UNREACHABLE", `${what}${reason}`, { cause });
  }
}

/** What Node adds to errors of the system and, as `library` and `reason`, of OpenSSL. */
interface SystemError extends NodeJS.ErrnoException {
  readonly library?: string;
  readonly reason?: string;
}

/** Errors of system calls that make a connection, and of a TLS handshake. */
function isOfDialling(cause: SystemError | undefined): boolean {
  const { syscall, library } = cause ?? {};
  return syscall === "connect" || syscall === "getaddrinfo" || library === "SSL routines";
}

/** The message; of OpenSSL's errors the reason in it, of several attempts to connect their code. */
function reasonOf({ message, reason, code }: SystemError): string {
  return reason ?? (message === "" ? String(code) : message);
}

/** An unopened stream fails with an error of its own, whose cause is the connection's error. */
function rootCause(error: Error | undefined): Error | undefined {
  return error?.cause instanceof Error ? rootCause(error.cause) : error;
}
