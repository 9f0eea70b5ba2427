/**
 * The transport side of a server's call: the stream of its request and answer, and facts about its
 * connection.
 *
 * Types only. Streams of this thread's HTTP/2 implement it (http2/server-stream.ts). If other
 * threads own the connections, relayed streams do (relay/relayed-stream.ts).
 */
import type { CallAccount } from "../http2/call-account.ts";
import type { HeaderBlock } from "../http2/hpack-decoder.ts";
import type { Http2ErrorCode } from "../http2/http2-error.ts";
import type { StreamListener } from "../http2/server-stream.ts";
import type { CallTraffic, ClientCertificate } from "./call.ts";
import type { ChunkSource } from "./message-reader.ts";
import type { ByteOutlet } from "./message-writer.ts";

/** The part of a connection that a call uses. */
export interface CallConnection {
  readonly peer: string;
  readonly isFromThisHost: boolean;
  readonly clientCertificate?: ClientCertificate | undefined;
  countMessage(): void;
}

export interface CallStream extends ByteOutlet, ChunkSource, CallTraffic {
  readonly request: HeaderBlock;
  /**
   * Charges for the call. The call closes it when the call is over and its handler has returned.
   */
  readonly account: CallAccount;
  /** Bytes of the answer that the peer accepts now. */
  readonly openBytes: number;
  /** Sets the receiver of arriving data. Must be called synchronously, before any event. */
  listen(listener: StreamListener): void;
  /**
   * @param onSent called when the operating system has the bytes; not if the stream closes first.
   */
  write(view: Uint8Array, onSent?: () => void): void;
  /** @param block encoded; with `endStream` it is the whole answer */
  sendHeaders(block: Uint8Array, options: { readonly endStream: boolean }): void;
  /** Ends the answer. @param block trailers, encoded */
  end(block: Uint8Array): void;
  /** Ends both directions now and drops unsent data. */
  reset(code: Http2ErrorCode): void;
  /**
   * Ends the answer now and drops data that is not framed. Absent if the transport cannot do that.
   * @param block trailers, encoded
   */
  endNow?(block: Uint8Array): void;
}

/** Starts a call. Must listen to its stream synchronously. */
export type TakeStream = (stream: CallStream, connection: CallConnection) => void;
