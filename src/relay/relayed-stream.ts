/**
 * A stream whose connection is in another thread, as a call sees it.
 *
 * It counts the unsent bytes of the answer in both threads, so that its writer waits as if the
 * socket were here, and the consumed bytes of the request, so that the other thread pauses the peer
 * if the call falls behind.
 */
import type { ClientCertificate } from "../grpc/call.ts";
import type { CallConnection, CallStream } from "../grpc/call-stream.ts";
import { CallAccount } from "../http2/call-account.ts";
import type { ConnectionMemory } from "../http2/call-memory.ts";
import type { HeaderBlock } from "../http2/hpack-decoder.ts";
import type { Http2ErrorCode } from "../http2/http2-error.ts";
import type { StreamListener } from "../http2/server-stream.ts";
import { LIMITS } from "../limits.ts";
import { RELAY, type RelayEvent } from "./relay-message.ts";
import type { RelayOutbox } from "./relay-outbox.ts";

/**
 * The end of a view, counted from the first byte of the answer, and its callback, which runs when the view
 * was sent.
 */
interface Awaited {
  readonly end: number;
  readonly onSent: () => void;
}

export interface RelayedFacts {
  readonly request: HeaderBlock;
  readonly peer: string;
  readonly isFromThisHost: boolean;
  readonly clientCertificate: ClientCertificate | undefined;
  readonly memory: ConnectionMemory;
}

export interface RelayedHost {
  readonly outbox: RelayOutbox;
  forget(stream: RelayedStream): void;
}

export class RelayedStream implements CallStream, CallConnection {
  readonly id: number;
  readonly request: HeaderBlock;
  readonly peer: string;
  readonly isFromThisHost: boolean;
  readonly clientCertificate: ClientCertificate | undefined;
  readonly account: CallAccount;
  receivedBytes = 0;
  readonly #host: RelayedHost;
  #listener: StreamListener | undefined;
  #isPaused = false;
  /** Consumed bytes of the request that are not reported to the other thread yet. */
  #unreportedBytes = 0;
  #writtenBytes = 0;
  #sentBytes = 0;
  #awaited: Awaited[] = [];
  /** Messages that begin in the next write. */
  #messages = 0;
  #isClosed = false;

  constructor(id: number, facts: RelayedFacts, host: RelayedHost) {
    this.id = id;
    this.request = facts.request;
    this.peer = facts.peer;
    this.isFromThisHost = facts.isFromThisHost;
    this.clientCertificate = facts.clientCertificate;
    this.account = new CallAccount(facts.memory);
    this.#host = host;
  }

  listen(listener: StreamListener): void {
    this.#listener = listener;
  }

  // Events from the peer; called by the reader of the other thread's messages.

  data(view: Buffer): void {
    this.#unreportedBytes += view.length;
    this.receivedBytes += view.length;
    this.#listener?.push(view);
    this.#reportConsumed();
  }

  ended(): void {
    this.#listener?.ended();
  }

  /** The operating system has this many more bytes of the answer. */
  sent(sizeBytes: number): void {
    this.#sentBytes += sizeBytes;
    this.account.connection.add(-sizeBytes);
    let count = 0;
    while (count < this.#awaited.length && this.#awaited[count]!.end <= this.#sentBytes) count += 1;
    for (const { onSent } of this.#awaited.splice(0, count)) onSent();
  }

  /** The other thread has closed the stream. */
  closed(isCut: boolean): void {
    if (!isCut) this.sent(this.writableLength);
    this.#close(isCut);
  }

  /** Bytes of the answer that the operating system has. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  // Actions of our side; called by the call.

  get writableLength(): number {
    return this.#writtenBytes - this.#sentBytes;
  }

  /**
   * The windows are in the other thread: a peer that read everything is assumed to accept one more
   * piece.
   */
  get openBytes(): number {
    return LIMITS.callPieceBytesMax;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#reportConsumed();
  }

  countMessage(): void {
    this.#messages += 1;
  }

  write(view: Uint8Array, onSent?: () => void): void {
    if (this.#isClosed) return;
    this.#writtenBytes += view.length;
    this.account.connection.add(view.length);
    if (onSent !== undefined) this.#awaited.push({ end: this.#writtenBytes, onSent });
    const { outbox } = this.#host;
    outbox.event(RELAY.WRITE, this.id);
    outbox.number(this.#messages);
    this.#messages = 0;
    outbox.bytes(view);
  }

  /** Does nothing: everything written in one turn is posted together. */
  cork(): void {}

  uncork(): void {}

  sendHeaders(block: Uint8Array, { endStream }: { readonly endStream: boolean }): void {
    this.#block(endStream ? RELAY.FINISH : RELAY.HEAD, block);
  }

  end(block: Uint8Array): void {
    this.#block(RELAY.FINISH, block);
  }

  reset(code: Http2ErrorCode): void {
    if (this.#isClosed) return;
    this.#host.outbox.event(RELAY.RESET, this.id);
    this.#host.outbox.text(code);
    this.#close(true);
  }

  #block(kind: RelayEvent, block: Uint8Array): void {
    if (this.#isClosed) return;
    this.#host.outbox.event(kind, this.id);
    this.#host.outbox.bytes(block);
  }

  /** Not for each chunk: a small request is over before the other thread needs the report. */
  #reportConsumed(): void {
    if (this.#isPaused || this.#isClosed || this.#unreportedBytes < LIMITS.relayWindowBytes / 2) return;
    this.#host.outbox.event(RELAY.READ, this.id);
    this.#host.outbox.number(this.#unreportedBytes);
    this.#unreportedBytes = 0;
  }

  #close(isCut: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.account.connection.add(-this.writableLength);
    this.#awaited = [];
    this.#host.forget(this);
    this.#listener?.closed(isCut);
  }
}
