/**
 * The shape of a gRPC call as the server's rooms see it. Types only; the classes behind them are in server-call.ts,
 * message-reader.ts and message-writer.ts.
 *
 * Two rules run through all of it: bytes are views of what the socket gave, never copies, and a promise exists only
 * where somebody really has to wait.
 */
import type { CacheError } from "../errors.ts";

/** Call metadata (HTTP/2 headers or trailers); names are lower case. */
export interface CallMetadata {
  /** The value of an ASCII entry; several of one name are joined with ", ". */
  get(name: string): string | undefined;
  /** The decoded bytes of an entry whose name ends in `-bin` (a copy); of several the first. */
  getBinary(name: string): Buffer | undefined;
}

/** One message of a call as it arrives: 5 bytes of prefix have been read, `sizeBytes` are to come. */
export interface IncomingMessage {
  readonly sizeBytes: number;
  /** True when that is only the most it can have: it comes compressed, and is inflated while it is read. */
  readonly isSizeBound?: boolean;
  /**
   * What has arrived since the last read, at least one byte, as views of the socket's buffers; null at the message's
   * end. One promise stands for many chunks.
   * @throws {CacheError} INVALID_REQUEST when the peer ends inside the message; the call's reason when it is over.
   */
  read(): Promise<Buffer[] | null>;
  /**
   * The whole message as one buffer; a view when it came in one chunk, else a copy.
   * @param charge called before memory is taken for a copy; see ServerCall.collect
   * @throws {CacheError} OBJECT_TOO_LARGE over `sizeBytesMax`, before anything is collected; what `charge` throws.
   */
  collect(sizeBytesMax: number, charge?: (bytes: number) => Promise<void> | undefined): Promise<Buffer>;
}

/** The messages of one direction, in order. */
export interface MessageReader {
  /**
   * The next message, or null when the peer has half-closed. The previous message must have been read to its end.
   * @throws {CacheError} NOT_IMPLEMENTED for a message compressed otherwise than by gzip; the call's reason when it is over.
   */
  next(): Promise<IncomingMessage | null>;
}

/** Outgoing messages. */
export interface MessageWriter {
  /**
   * Writes one whole message. Returns a promise only when the peer is slower than we are: await it then. The parts are
   * not copied unless they are small and must not change until they are sent.
   * Throws (or the promise rejects) with the call's reason when it is over.
   */
  write(parts: readonly Uint8Array[]): Promise<void> | undefined;
  /** Begins a message in pieces: its size, the pieces at hand, then exactly the missing bytes by `writePiece`. */
  startMessage(sizeBytes: number, first: readonly Uint8Array[]): Promise<void> | undefined;
  /** @param onSent called when the operating system has the piece, so that its memory may be used again; not on failure. */
  writePiece(piece: Uint8Array, onSent?: () => void): Promise<void> | undefined;
  /**
   * Resolves when the operating system has all that was written, so that its memory may be used again; undefined when it
   * has it already. Rejects when the call is over before: then the memory may still be read.
   */
  flush(): Promise<void> | undefined;
}

export interface ServerCall extends MessageWriter {
  /** Writes whole messages, all of them small, in one piece; as `write` else. The messages are copied. */
  writeAll(messages: readonly Uint8Array[]): Promise<void> | undefined;
  /** `/arrow.flight.protocol.FlightService/DoPut` */
  readonly path: string;
  /** `ipv4:127.0.0.1:5123`, for the log. */
  readonly peer: string;
  /** True when the connection comes from this host, as far as its addresses tell: a proxy here hides who is behind it. */
  readonly isFromThisHost: boolean;
  readonly metadata: CallMetadata;
  /** Aborted with a CacheError CANCELLED, DEADLINE_EXCEEDED or SHUTTING_DOWN as its reason. */
  readonly signal: AbortSignal;
  /** Throws the reason when the call is over. Unlike `signal` it costs nothing: an AbortSignal lives until a full collection. */
  throwIfOver(): void;
  /** Bytes that went either way. */
  readonly movedBytes: number;
  /** Ends the call from our side with this error; what waits to be sent is dropped. */
  abandon(reason: CacheError): void;
  readonly requests: MessageReader;
  /**
   * Charges the call for a read of at most `wantedBytes` for its answer.
   * @returns the bytes that may be read now; 0 when the peer has to take something first, or others hold the memory.
   * @throws the call's reason when it is over.
   */
  reserveNow(wantedBytes: number): number;
  /** The same, as soon as there is memory: at least one byte. Rejects with the call's reason when it is over. */
  reserve(wantedBytes: number): Promise<number>;
  /** A reserved read is over: its bytes were written to this call, or dropped. */
  release(bytes: number): void;
  /**
   * Says that a part of the request is kept until the call is over, or `letGo`. A promise means: wait before reading more.
   * It rejects with OVERLOADED when memory does not come free in time.
   */
  collect(bytes: number): Promise<void> | undefined;
  /** Gives back what `collect` charged. */
  letGo(bytes: number): void;
  /** Says that the call may stand still for as long as its peer likes. */
  mayIdle(): void;
  /** Adds an entry to the trailers that carry the status; bytes need a name that ends in `-bin`. */
  setTrailer(name: string, value: string | Buffer): void;
}

/** Resolves: status OK. Rejects: the status of the error. */
export type CallHandler = (call: ServerCall) => Promise<void>;

/** Handlers by full path. */
export type MethodTable = ReadonlyMap<string, CallHandler>;
