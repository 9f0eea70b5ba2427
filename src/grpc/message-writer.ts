/**
 * The outgoing messages of one call.
 *
 * Prefix and body leave as they are, corked into one gathering write; only small messages are copied behind their prefix.
 * The writer is held up when more than LIMITS.sendQueueBytesMax wait: what is on its way, and behind it what is at hand when
 * the peer's window opens, so that the socket never runs dry while a file is read.
 * Source of the framing: framing.ts.
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

/** Where messages go: a stream of this server's, or one of node:http2. */
export interface ByteOutlet {
  /** How much may wait to be sent; absent in clients: LIMITS.sendQueueBytesMax. */
  readonly account?: { readonly queueBytesMax: number };
  /** Bytes that the operating system does not have yet. */
  readonly writableLength: number;
  write(chunk: Uint8Array, onSent?: (error?: Error | null) => void): unknown;
  /** What is written until `uncork` leaves together. */
  cork(): void;
  uncork(): void;
}

export class StreamMessageWriter implements MessageWriter {
  readonly #stream: ByteOutlet;
  /** Called before each message: sends what has to come first. */
  readonly #beforeMessage: () => void;
  /** Bytes of the current message that have not been given yet. */
  #missing = 0;
  #failure: Error | undefined;
  #waiter: Waiter | undefined;
  /** Who waits until nothing is left to send. */
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

  /** Writes whole messages in one piece; as `write` else. They are copied, so they should be small. */
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
    return this.#room();
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
    return this.#room();
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
    return this.#room();
  }

  flush(): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#stream.writableLength === 0) return undefined;
    this.#flushing ??= newWaiter();
    return this.#flushing.promise;
  }

  /** The call is over: who waits is told `reason`, and so is every later writer. */
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

  #room(): Promise<void> | undefined {
    if (this.#hasRoom(this.#stream.writableLength)) return undefined;
    return this.#wait();
  }

  /** An empty queue always has room: the writer is not held up for what others hold. */
  #hasRoom(waiting: number): boolean {
    if (waiting === 0) return true;
    return waiting <= (this.#stream.account?.queueBytesMax ?? LIMITS.sendQueueBytesMax);
  }

  #wait(): Promise<void> {
    this.#waiter ??= newWaiter();
    return this.#waiter.promise;
  }

  /** Resolves when something was sent, and there is room for more. Rejects with the call's reason when it is over. */
  sentSome(): Promise<void> {
    return this.#failure === undefined ? this.#wait() : Promise.reject(this.#failure);
  }

  readonly #onSent = (error?: Error | null): void => {
    if (error) return;
    const waiting = this.#stream.writableLength;
    if (this.#waiter !== undefined && this.#hasRoom(waiting)) {
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
  // A writer that does not wait is told by its next write: no rejection is unhandled.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
