/**
 * One stream of a server's connection: a request and its answer, each with its window.
 *
 * Received data is pushed to the listener as views; a paused stream returns no window to the peer.
 * The answer is queued as views and framed when the connection has a turn for it. The stream closes
 * when the operating system has all of its answer, when one side resets it, or with its connection;
 * its listener is notified once.
 * Source: RFC 9113, 5.1 and 5.2.
 */
import { CallAccount } from "./call-account.ts";
import type { ConnectionMemory } from "./call-memory.ts";
import { encodeFrameHeader, encodeReset, encodeWindowUpdate, FRAME, pushHeaderFrames } from "./frame.ts";
import type { FrameBatch, FrameSource } from "./frame-outbox.ts";
import type { HeaderBlock } from "./hpack-decoder.ts";
import type { Http2ErrorCode } from "./http2-error.ts";
import { ReceiveWindow } from "./receive-window.ts";
import { SendQueue } from "./send-queue.ts";

/** Receives the events of a stream. */
export interface StreamListener {
  push(view: Buffer): void;
  /** The peer has half-closed. */
  ended(): void;
  /**
   * The stream has closed. `isCut` is true if its answer was not sent completely, because of a
   * reset or a lost connection.
   */
  closed(isCut: boolean): void;
}

/** The part of the connection that a stream uses. */
export interface StreamHost {
  /** Largest DATA frame the peer accepts, bytes. */
  readonly frameBytesMax: number;
  /** The account of the connection. */
  readonly memory: ConnectionMemory;
  /** Open send window of the whole connection, bytes; 0 while the peer does not read. */
  readonly openBytes: number;
  control(frame: Uint8Array): void;
  /** The stream has data to send. */
  wantsToSend(stream: ServerStream): void;
  /** Returns read bytes to the connection's window. */
  credit(sizeBytes: number): void;
  /** Changes the number of bytes that wait to be sent. */
  queued(sizeBytes: number): void;
  /** The table update for the next header block, or undefined. Each is returned once. */
  takeTableUpdate(): Uint8Array | undefined;
  /** The answer is completely framed: the peer may open another stream. */
  answered(): void;
  forget(stream: ServerStream): void;
}

export class ServerStream implements FrameSource {
  readonly id: number;
  readonly request: HeaderBlock;
  /** Charges for the call, except the queue of its answer. Its listener closes it. */
  readonly account: CallAccount;
  receivedBytes = 0;
  /** Bytes of the answer that the operating system has. */
  sentBytes = 0;
  readonly #host: StreamHost;
  #listener: StreamListener | undefined;
  readonly #window = new ReceiveWindow();
  #hasPeerEnded = false;
  /** Bytes still missing according to content-length; undefined without one. */
  #missingBytes: number | undefined;
  #sendWindow: number;
  #head: Uint8Array | undefined;
  readonly #queue = new SendQueue();
  #tail: Uint8Array | undefined;
  #hasAnswered = false;
  #isClosed = false;

  constructor(host: StreamHost, id: number, request: HeaderBlock, sendWindow: number) {
    this.#host = host;
    this.id = id;
    this.request = request;
    this.#sendWindow = sendWindow;
    this.account = new CallAccount(host.memory);
    const length = request.fields.get("content-length");
    if (length !== undefined) this.#missingBytes = /^\d{1,15}$/.test(length) ? Number(length) : Number.NaN;
  }

  /** True if the whole answer is queued. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** True if the whole answer is framed. */
  get isAnswerFramed(): boolean {
    return this.#hasAnswered && !this.hasMore;
  }

  /** Bytes of the answer that the operating system does not have yet. */
  get writableLength(): number {
    return this.#queue.sizeBytes;
  }

  /** Bytes that the peer's windows accept now. */
  get openBytes(): number {
    return Math.min(this.#sendWindow, this.#host.openBytes);
  }

  listen(listener: StreamListener): void {
    this.#listener = listener;
  }

  // Events from the peer; called by the connection.

  /** A DATA frame of this length begins. @returns the stream error, if any */
  dataBegins(lengthBytes: number): Http2ErrorCode | undefined {
    if (this.#hasPeerEnded) return "STREAM_CLOSED";
    return this.#window.take(lengthBytes) ? undefined : "FLOW_CONTROL_ERROR";
  }

  data(view: Buffer): void {
    if (this.#missingBytes !== undefined) this.#missingBytes -= view.length;
    this.receivedBytes += view.length;
    this.#listener?.push(view);
  }

  /**
   * The DATA frame has ended; with its padding it took `lengthBytes`. @returns the stream error, if
   * any
   */
  dataEnds(lengthBytes: number, endStream: boolean): Http2ErrorCode | undefined {
    this.#window.read(lengthBytes);
    if (endStream) return this.peerEnds();
    this.#credit();
    return this.#missingBytes !== undefined && !(this.#missingBytes >= 0) ? "PROTOCOL_ERROR" : undefined;
  }

  peerEnds(): Http2ErrorCode | undefined {
    if (this.#hasPeerEnded) return "STREAM_CLOSED";
    this.#hasPeerEnded = true;
    if (this.#missingBytes !== undefined && this.#missingBytes !== 0) return "PROTOCOL_ERROR";
    this.#listener?.ended();
    this.#credit();
    return undefined;
  }

  /** Changes the send window; settings may reduce it. @returns false if the window overflows. */
  widenSendWindow(byBytes: number): boolean {
    this.#sendWindow += byBytes;
    if (this.#sendWindow > 2 ** 31 - 1) return false;
    if (this.hasMore) this.#host.wantsToSend(this);
    return true;
  }

  /** The peer has reset the stream, or the connection has closed. */
  cut(): void {
    this.#go(true);
  }

  // Actions of our side; called by the handler.

  /** Stops reading. The peer may still fill its window. */
  pause(): void {
    this.#window.isPaused = true;
  }

  resume(): void {
    this.#window.isPaused = false;
    this.#credit();
  }

  /** @param block encoded; with `endStream` it is the whole answer */
  sendHeaders(block: Uint8Array, { endStream }: { readonly endStream: boolean }): void {
    if (this.#isClosed) return;
    if (endStream) {
      this.#tail = block;
      this.#hasAnswered = true;
    } else {
      this.#head = block;
    }
    this.#host.wantsToSend(this);
  }

  /**
   * @param onSent called when the operating system has the bytes; not if the stream closes first.
   */
  write(view: Uint8Array, onSent?: () => void): void {
    if (this.#isClosed) return;
    this.#queue.push(view, onSent);
    this.#host.queued(view.length);
    this.#host.wantsToSend(this);
  }

  /** Nothing to hold back: everything written in one turn is sent together. */
  cork(): void {}

  uncork(): void {}

  /** Ends the answer. @param block trailers, encoded */
  end(block: Uint8Array): void {
    this.sendHeaders(block, { endStream: true });
  }

  /** Ends the answer with these trailers and drops data that is not framed. */
  endNow(block: Uint8Array): void {
    if (this.#isClosed || this.isAnswerFramed) return;
    this.#dropUnframed();
    this.end(block);
  }

  /** Ends both directions now and drops unsent data. */
  reset(code: Http2ErrorCode): void {
    if (this.#isClosed) return;
    this.#host.control(encodeReset(this.id, code));
    this.#go(true);
  }

  // Framing; called by the outbox.

  get hasMore(): boolean {
    return this.#head !== undefined || this.#queue.hasUnframed || this.#tail !== undefined;
  }

  canSend(windowBytes: number): boolean {
    if (this.#head !== undefined) return true;
    if (this.#queue.hasUnframed) return windowBytes > 0 && this.#sendWindow > 0;
    return this.#tail !== undefined;
  }

  frameInto(batch: FrameBatch, bytesMax: number): number {
    if (this.#head !== undefined) {
      this.#frameBlock(batch, this.#head, false);
      this.#head = undefined;
    }
    const allowed = Math.min(bytesMax, this.#sendWindow, this.#host.frameBytesMax);
    const sizeBytes = Math.max(0, Math.min(allowed, this.#queue.unframedBytes));
    if (sizeBytes > 0) this.#frameData(batch, sizeBytes);
    if (this.#tail !== undefined && !this.#queue.hasUnframed) {
      this.#frameBlock(batch, this.#tail, true);
      this.#tail = undefined;
      this.#endAnswer(batch);
    }
    return sizeBytes;
  }

  /** Asks a client that still sends to stop, because the answer is complete (RFC 9113, 8.1). */
  #endAnswer(batch: FrameBatch): void {
    if (!this.#hasPeerEnded) {
      const stop = encodeReset(this.id, "NO_ERROR");
      batch.parts.push(stop);
      batch.sizeBytes += stop.length;
    }
    this.#host.answered();
    batch.onSent.push(() => this.#go(false));
  }

  #frameBlock(batch: FrameBatch, block: Uint8Array, endStream: boolean): void {
    const update = this.#host.takeTableUpdate();
    const whole = update === undefined ? block : Buffer.concat([update, block]);
    const before = batch.parts.length;
    pushHeaderFrames(batch.parts, this.id, whole, endStream);
    for (let i = before; i < batch.parts.length; i++) batch.sizeBytes += batch.parts[i]!.length;
  }

  #frameData(batch: FrameBatch, sizeBytes: number): void {
    const header = { lengthBytes: sizeBytes, type: FRAME.DATA, flags: 0, streamId: this.id };
    batch.parts.push(encodeFrameHeader(header));
    this.#queue.takeInto(batch.parts, sizeBytes);
    batch.sizeBytes += 9 + sizeBytes;
    this.#sendWindow -= sizeBytes;
    batch.onSent.push(() => {
      this.sentBytes += sizeBytes;
      this.#host.queued(-sizeBytes);
      this.#queue.sent(sizeBytes);
    });
  }

  /** Returns read bytes to the peer: for the stream while it is open, for the connection always. */
  #credit(): void {
    const dueBytes = this.#isClosed || this.#hasPeerEnded ? 0 : this.#window.takeDueBytes();
    if (dueBytes > 0) this.#host.control(encodeWindowUpdate(this.id, dueBytes));
    const heldBytes = this.#window.takeHeldBytes(this.#isClosed);
    if (heldBytes > 0) this.#host.credit(heldBytes);
  }

  #go(isCut: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#credit();
    this.#host.forget(this);
    if (isCut) {
      this.#dropUnframed();
      this.#head = undefined;
      this.#tail = undefined;
    }
    this.#listener?.closed(isCut);
  }

  #dropUnframed(): void {
    this.#host.queued(-this.#queue.unframedBytes);
    this.#queue.drop();
  }
}
