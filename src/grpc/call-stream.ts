/**
 * What a call of the server stands on: a stream of its requests and answers, and what is known of its connection.
 *
 * Types only. A stream of this process's HTTP/2 (http2/server-stream.ts) is one; where other threads have the connections,
 * what they relay is another.
 */
import type { CallAccount } from "../http2/call-account.ts";
import type { HeaderBlock } from "../http2/hpack-decoder.ts";
import type { Http2ErrorCode } from "../http2/http2-error.ts";
import type { StreamListener } from "../http2/server-stream.ts";
import type { ChunkSource } from "./message-reader.ts";
import type { ByteOutlet } from "./message-writer.ts";

/** The connection of a call, as far as a call has to know it. */
export interface CallConnection {
  readonly peer: string;
  readonly isFromThisHost: boolean;
  countMessage(): void;
}

export interface CallStream extends ByteOutlet, ChunkSource {
  readonly request: HeaderBlock;
  /** What the call holds; the call closes it when it is over and its handler has come back. */
  readonly account: CallAccount;
  /** What the peer would take of the answer now, bytes. */
  readonly openBytes: number;
  /** Bytes that went either way since the stream was opened. */
  readonly movedBytes: number;
  /** Who takes what arrives; called at once, before anything does. */
  listen(listener: StreamListener): void;
  /** @param onSent called when the operating system has the bytes; not when the stream is gone before. */
  write(view: Uint8Array, onSent?: () => void): void;
  /** @param block encoded; with `endStream` it is all of the answer */
  sendHeaders(block: Uint8Array, options: { readonly endStream: boolean }): void;
  /** Ends the answer. @param block trailers, encoded */
  end(block: Uint8Array): void;
  /** Ends both directions now; what was not sent is dropped. */
  reset(code: Http2ErrorCode): void;
  /** Ends the answer now: what was not framed is dropped. Absent where that cannot be had. @param block trailers, encoded */
  endNow?(block: Uint8Array): void;
}

/** Takes a call that begins, and listens to its stream at once. */
export type TakeStream = (stream: CallStream, connection: CallConnection) => void;
