/**
 * The interface of a gRPC call for the server's modules. Types only; the classes are in
 * server-call.ts, message-reader.ts and message-writer.ts.
 *
 * Two rules apply everywhere: bytes are views of the socket's buffers and not copies, and a promise
 * is created only if the caller has to wait.
 */
import type { CacheError } from "../errors.ts";

/** Call metadata (HTTP/2 headers or trailers). Names are lower case. */
export interface CallMetadata {
  /** The value of an ASCII entry. Several values of one name are joined with ", ". */
  get(name: string): string | undefined;
  /**
   * The decoded bytes of an entry whose name ends in `-bin` (a copy). If there are several, the
   * first.
   */
  getBinary(name: string): Buffer | undefined;
}

/** One arriving message: its 5-byte prefix has been read, `sizeBytes` follow. */
export interface IncomingMessage {
  readonly sizeBytes: number;
  /**
   * True if `sizeBytes` is only an upper bound: the message is compressed, and is inflated while it
   * is read.
   */
  readonly isSizeBound?: boolean;
  /**
   * Reads what has arrived since the last read: at least one byte, as views of the socket's
   * buffers. Null at the end of the message. One promise covers many chunks.
   * @throws {CacheError} INVALID_REQUEST if the peer ends inside the message; the call's reason if
   *   the call is over.
   */
  read(): Promise<Buffer[] | null>;
  /**
   * Reads the whole message as one buffer: a view if it came in one chunk, otherwise a copy.
   * @param charge called before memory for a copy is allocated; see ServerCall.collect
   * @throws {CacheError} OBJECT_TOO_LARGE over `sizeBytesMax`, before anything is collected; any
   *   error of `charge`.
   */
  collect(sizeBytesMax: number, charge?: (bytes: number) => Promise<void> | undefined): Promise<Buffer>;
}

/** The messages of one direction, in order. */
export interface MessageReader {
  /**
   * Returns the next message, or null after the peer has half-closed. The previous message must
   * have been read to its end.
   * @throws {CacheError} NOT_IMPLEMENTED for a compression other than gzip; the call's reason if
   *   the call is over.
   */
  next(): Promise<IncomingMessage | null>;
}

/** The messages of a server. Some servers send millions in a call. */
export interface AnswerReader extends MessageReader {
  /**
   * The whole next message without a promise, if it has arrived in one chunk, is not compressed and
   * has at most `sizeBytesMax`. Otherwise undefined: then call `next`. A copy in memory of Node's
   * pool: a small message that is kept retains up to 8 KiB.
   */
  nextWaiting(sizeBytesMax: number): Buffer | undefined;
}

/** Outgoing messages. */
export interface MessageWriter {
  /**
   * Writes one whole message. Returns a promise only if the caller must wait for a slow peer; await
   * it then. Large parts are not copied and must not change until they are sent. Throws (or rejects
   * with) the call's reason if the call is over.
   */
  write(parts: readonly Uint8Array[]): Promise<void> | undefined;
  /**
   * Begins a message in pieces: its size and first pieces. `writePiece` must supply exactly the
   * remaining bytes.
   */
  startMessage(sizeBytes: number, first: readonly Uint8Array[]): Promise<void> | undefined;
  /**
   * @param onSent called when the operating system has the piece and its memory may be reused; not
   *   on failure.
   */
  writePiece(piece: Uint8Array, onSent?: () => void): Promise<void> | undefined;
  /**
   * Resolves when the operating system has all written data, so that its memory may be reused;
   * undefined if it already has. Rejects if the call ends first: then the memory may still be read.
   */
  flush(): Promise<void> | undefined;
}

/** The subject of a client certificate that the TLS handshake verified. */
export interface ClientCertificate {
  /** The common name of the subject; undefined if it has none or several. */
  readonly commonName: string | undefined;
  /**
   * One entry for each alternative name of type DNS, URI, IP or email, such as
   * `DNS:worker-7.example` or `URI:spiffe://flame/worker-7`. The text after the first colon is the
   * value in the certificate: it may contain any character, so compare whole entries only.
   */
  readonly alternativeNames: readonly string[];
}

/** Bytes that have moved. */
export interface CallTraffic {
  /** Bytes of requests that have arrived. */
  readonly receivedBytes: number;
  /** Bytes of answers that the operating system has. */
  readonly sentBytes: number;
}

export interface ServerCall extends MessageWriter {
  /**
   * Writes several messages at once. Small ones are copied into one buffer; otherwise like `write`.
   */
  writeAll(messages: readonly Uint8Array[]): Promise<void> | undefined;
  /** `/arrow.flight.protocol.FlightService/DoPut` */
  readonly path: string;
  /** `ipv4:127.0.0.1:5123`, for the log. */
  readonly peer: string;
  /** Of the connection's peer, if the server requests one and the peer presents it. */
  readonly clientCertificate?: ClientCertificate | undefined;
  /**
   * True if, by its addresses, the connection comes from this host. A local proxy hides the real
   * client.
   */
  readonly isFromThisHost: boolean;
  readonly metadata: CallMetadata;
  /** Aborted with a CacheError: CANCELLED, DEADLINE_EXCEEDED or SHUTTING_DOWN. */
  readonly signal: AbortSignal;
  /**
   * Throws the reason if the call is over. Unlike `signal` it is free: an AbortSignal lives until a
   * full collection.
   */
  throwIfOver(): void;
  readonly traffic: CallTraffic;
  /** Log fields, which the handler fills; undefined if the call is not logged. */
  facts?: Record<string, unknown> | undefined;
  /**
   * The action that the call runs, if its method offers several. The handler sets it, to a name of
   * its own table.
   */
  action?: string | undefined;
  /** Ends the call from our side with this error and drops unsent data. */
  abandon(reason: CacheError): void;
  readonly requests: MessageReader;
  /**
   * Charges the call for a read of at most `wantedBytes` for its answer.
   * @returns the bytes that may be read now; 0 if the peer has to read first, or others hold the
   *   memory.
   * @throws the call's reason if the call is over.
   */
  reserveNow(wantedBytes: number): number;
  /**
   * Like `reserveNow`, but waits for memory: at least one byte. Rejects with the call's reason if
   * the call is over.
   */
  reserve(wantedBytes: number): Promise<number>;
  /**
   * Charges a read for the answer that cannot be split, until `release`. If it returns a promise,
   * wait before reading. The promise rejects with OVERLOADED if no memory is released in time.
   */
  reserveWhole(bytes: number): Promise<void> | undefined;
  /** Ends a reserved read: its bytes were written to this call or dropped. */
  release(bytes: number): void;
  /**
   * Charges for a part of the request that is kept until the call is over, or until
   * `releaseCollected`. If it returns a promise, wait before reading more. The promise rejects with
   * OVERLOADED if no memory is released in time.
   */
  collect(bytes: number): Promise<void> | undefined;
  /** Releases what `collect` charged. */
  releaseCollected(bytes: number): void;
  /** Exempts the call from the limit on idle calls. */
  mayIdle(): void;
  /** Adds an entry to the trailers of the status. Bytes need a name that ends in `-bin`. */
  setTrailer(name: string, value: string | Buffer): void;
}

/** If it resolves, the status is OK; if it rejects, the status of the error. */
export type CallHandler = (call: ServerCall) => Promise<void>;

/** Handlers by full path. */
export type MethodTable = ReadonlyMap<string, CallHandler>;
