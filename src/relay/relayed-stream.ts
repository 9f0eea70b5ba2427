/**
 * A stream whose connection another thread has, as a call sees it.
 *
 * It counts what of the answer has not been sent, wherever it is, so that its writer is held up as if the socket were here;
 * and what of the request was taken, so that the other thread pauses the peer when the call falls behind.
 */
import type { CallConnection, CallStream } from "../grpc/call-stream.ts";
import { CallAccount } from "../http2/call-account.ts";
import type { ConnectionMemory } from "../http2/call-memory.ts";
import type { HeaderBlock } from "../http2/hpack-decoder.ts";
import type { Http2ErrorCode } from "../http2/http2-error.ts";
import type { StreamListener } from "../http2/server-stream.ts";
import { LIMITS } from "../limits.ts";
import { RELAY, type RelayEvent } from "./relay-message.ts";
import type { RelayOutbox } from "./relay-outbox.ts";

/** A view's end, counted from the first byte of the answer, and who is told when it was sent. */
interface Awaited {
  readonly end: number;
  readonly onSent: () => void;
}

export interface RelayedFacts {
  readonly request: HeaderBlock;
  readonly peer: string;
  readonly isFromThisHost: boolean;
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
  readonly account: CallAccount;
  movedBytes = 0;
  readonly #host: RelayedHost;
  #listener: StreamListener | undefined;
  #isPaused = false;
  /** Bytes of the request that were taken, which the other thread was not told yet. */
  #untoldBytes = 0;
  #writtenBytes = 0;
  #sentBytes = 0;
  #awaited: Awaited[] = [];
  /** Messages that begin with what is written next. */
  #messages = 0;
  #isGone = false;

  constructor(id: number, facts: RelayedFacts, host: RelayedHost) {
    this.id = id;
    this.request = facts.request;
    this.peer = facts.peer;
    this.isFromThisHost = facts.isFromThisHost;
    this.account = new CallAccount(facts.memory);
    this.#host = host;
  }

  listen(listener: StreamListener): void {
    this.#listener = listener;
  }

  // What the peer does; called by who reads the other thread's messages.

  data(view: Buffer): void {
    this.#untoldBytes += view.length;
    this.movedBytes += view.length;
    this.#listener?.push(view);
    this.#tellTaken();
  }

  ended(): void {
    this.#listener?.ended();
  }

  /** The operating system has so many bytes more of the answer. */
  sent(sizeBytes: number): void {
    this.#sentBytes += sizeBytes;
    this.movedBytes += sizeBytes;
    this.account.connection.add(-sizeBytes);
    let told = 0;
    while (told < this.#awaited.length && this.#awaited[told]!.end <= this.#sentBytes) told += 1;
    for (const { onSent } of this.#awaited.splice(0, told)) onSent();
  }

  /** The other thread has forgotten it. */
  gone(isCut: boolean): void {
    if (!isCut) this.sent(this.writableLength);
    this.#go(isCut);
  }

  // What we do; called by the call.

  get writableLength(): number {
    return this.#writtenBytes - this.#sentBytes;
  }

  /** The windows are the other thread's: a peer that took all there was is taken to be open for one piece more. */
  get openBytes(): number {
    return LIMITS.callPieceBytesMax;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#tellTaken();
  }

  countMessage(): void {
    this.#messages += 1;
  }

  write(view: Uint8Array, onSent?: () => void): void {
    if (this.#isGone) return;
    this.#writtenBytes += view.length;
    this.account.connection.add(view.length);
    if (onSent !== undefined) this.#awaited.push({ end: this.#writtenBytes, onSent });
    const { outbox } = this.#host;
    outbox.event(RELAY.WRITE, this.id);
    outbox.number(this.#messages);
    this.#messages = 0;
    outbox.bytes(view);
  }

  /** There is nothing to hold back: what is written in one turn crosses together. */
  cork(): void {}

  uncork(): void {}

  sendHeaders(block: Uint8Array, { endStream }: { readonly endStream: boolean }): void {
    this.#block(endStream ? RELAY.FINISH : RELAY.HEAD, block);
  }

  end(block: Uint8Array): void {
    this.#block(RELAY.FINISH, block);
  }

  reset(code: Http2ErrorCode): void {
    if (this.#isGone) return;
    this.#host.outbox.event(RELAY.RESET, this.id);
    this.#host.outbox.text(code);
    this.#go(true);
  }

  #block(kind: RelayEvent, block: Uint8Array): void {
    if (this.#isGone) return;
    this.#host.outbox.event(kind, this.id);
    this.#host.outbox.bytes(block);
  }

  /** Not for each chunk: a small request is over before the other thread has to know. */
  #tellTaken(): void {
    if (this.#isPaused || this.#isGone || this.#untoldBytes < LIMITS.relayWindowBytes / 2) return;
    this.#host.outbox.event(RELAY.READ, this.id);
    this.#host.outbox.number(this.#untoldBytes);
    this.#untoldBytes = 0;
  }

  #go(isCut: boolean): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.account.connection.add(-this.writableLength);
    this.#awaited = [];
    this.#host.forget(this);
    this.#listener?.gone(isCut);
  }
}
