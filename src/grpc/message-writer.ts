/**
 * The outgoing messages of one call.
 *
 * Prefix and body are sent without a copy in one corked, gathering write; only small messages are
 * copied together with their prefix. The writer waits while more than LIMITS.sendQueueBytesMax are queued:
 * enough that the socket never runs dry while a file is read and the peer's window opens. Framing:
 * see framing.ts.
 */
import { assert } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { MessageWriter } from "./call.ts";
import { PREFIX_SIZE_BYTES, writePrefix } from "./framing.ts";

interface Waiter {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

/** The destination of messages: a stream of this server, or one of node:http2. */
export interface ByteOutlet {
  /** Limit of queued bytes; absent in clients, which use LIMITS.sendQueueBytesMax. */
  readonly account?: { readonly queueBytesMax: number };
  /** Bytes that the operating system does not have yet. */
  readonly writableLength: number;
  write(chunk: Uint8Array, onSent?: (error?: Error | null) => void): unknown;
  /** Data written until `uncork` is sent together. */
  cork(): void;
  uncork(): void;
}

export class StreamMessageWriter implements MessageWriter {
  readonly #stream: ByteOutlet;
  /** Called before each message to send what has to precede it. */
  readonly #beforeMessage: () => void;
  /** Bytes of the current message that are still to be written. */
  #missing = 0;
  #failure: Error | undefined;
  #waiter: Waiter | undefined;
  /** The waiter for an empty queue. */
  #flushing: Waiter | undefined;

  constructor(stream: ByteOutlet, beforeMessage: () => void) {
    this.#stream = stream;
    this.#beforeMessage = beforeMessage;
  }

  /** True between the start of a message and its last piece. */
  get isInsideMessage(): boolean {
    return this.#missing > 0;
  }

  write(parts: readonly Uint8Array[]): Promise<void> | undefined {
    return this.startMessage(sizeOf(parts), parts);
  }

  /** Writes whole messages in one copied buffer, or like `write` if they are large. */
  writeAll(messages: readonly Uint8Array[]): Promise<void> | undefined {
    assert(this.#missing === 0, "a message is written to its end before the next one");
    if (this.#failure !== undefined) throw this.#failure;
    if (messages.length === 0) return undefined;
    this.#beforeMessage();
    const whole = Buffer.allocUnsafe(sizeOf(messages) + PREFIX_SIZE_BYTES * messages.length);
    let position = 0;
    for (const message of messages) {
      writePrefix(whole, message.length, position);
      whole.set(message, position + PREFIX_SIZE_BYTES);
      position += PREFIX_SIZE_BYTES + message.length;
    }
    this.#stream.write(whole, this.#onSent);
    return this.#waitForSpace();
  }

  startMessage(sizeBytes: number, first: readonly Uint8Array[]): Promise<void> | undefined {
    assert(this.#missing === 0, "a message is written to its end before the next one");
    const given = sizeOf(first);
    assert(given <= sizeBytes, "a message is not larger than it was declared");
    if (this.#failure !== undefined) throw this.#failure;
    this.#beforeMessage();
    this.#missing = sizeBytes - given;
    if (PREFIX_SIZE_BYTES + given <= LIMITS.copiedMessageBytesMax) this.#sendCopied(sizeBytes, first, given);
    else this.#sendViews(sizeBytes, first);
    return this.#waitForSpace();
  }

  writePiece(piece: Uint8Array, onSent?: () => void): Promise<void> | undefined {
    assert(piece.length <= this.#missing, "a message is not larger than it was declared");
    if (this.#failure !== undefined) throw this.#failure;
    this.#missing -= piece.length;
    if (onSent === undefined) this.#stream.write(piece, this.#onSent);
    else {
      this.#stream.write(piece, (error) => {
        if (!error) onSent();
        this.#onSent(error);
      });
    }
    return this.#waitForSpace();
  }

  flush(): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#stream.writableLength === 0) return undefined;
    this.#flushing ??= newWaiter();
    return this.#flushing.promise;
  }

  /** Ends the call: every waiting and later writer gets `reason`. */
  fail(reason: Error): void {
    this.#failure ??= reason;
    this.#waiter?.reject(reason);
    this.#waiter = undefined;
    this.#flushing?.reject(reason);
    this.#flushing = undefined;
  }

  #sendCopied(sizeBytes: number, parts: readonly Uint8Array[], given: number): void {
    const whole = Buffer.allocUnsafe(PREFIX_SIZE_BYTES + given);
    writePrefix(whole, sizeBytes);
    let position = PREFIX_SIZE_BYTES;
    for (const part of parts) {
      whole.set(part, position);
      position += part.length;
    }
    this.#stream.write(whole, this.#onSent);
  }

  #sendViews(sizeBytes: number, parts: readonly Uint8Array[]): void {
    const prefix = Buffer.allocUnsafe(PREFIX_SIZE_BYTES);
    writePrefix(prefix, sizeBytes);
    this.#stream.cork();
    this.#stream.write(prefix);
    for (const part of parts) this.#stream.write(part, this.#onSent);
    this.#stream.uncork();
  }

  #waitForSpace(): Promise<void> | undefined {
    if (this.#hasSpace(this.#stream.writableLength)) return undefined;
    return this.#wait();
  }

  /** An empty queue always accepts data: memory that others hold does not block the writer. */
  #hasSpace(waiting: number): boolean {
    if (waiting === 0) return true;
    return waiting <= (this.#stream.account?.queueBytesMax ?? LIMITS.sendQueueBytesMax);
  }

  #wait(): Promise<void> {
    this.#waiter ??= newWaiter();
    return this.#waiter.promise;
  }

  /**
   * Resolves when something was sent and the queue has space. Rejects with the call's reason if the
   * call is over.
   */
  sentSome(): Promise<void> {
    return this.#failure === undefined ? this.#wait() : Promise.reject(this.#failure);
  }

  readonly #onSent = (error?: Error | null): void => {
    if (error) return;
    const waiting = this.#stream.writableLength;
    if (this.#waiter !== undefined && this.#hasSpace(waiting)) {
      this.#waiter.resolve();
      this.#waiter = undefined;
    }
    if (this.#flushing !== undefined && waiting === 0) {
      this.#flushing.resolve();
      this.#flushing = undefined;
    }
  };
}

function sizeOf(parts: readonly Uint8Array[]): number {
  let sizeBytes = 0;
  for (const part of parts) sizeBytes += part.length;
  return sizeBytes;
}

function newWaiter(): Waiter {
  let resolve!: () => void;
  let reject!: (reason: Error) => void;
  const promise = new Promise<void>((onResolved, onRejected) => {
    resolve = onResolved;
    reject = onRejected;
  });
  // A writer that does not wait gets the error from its next write, so the rejection is not
  // unhandled.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
