/**
 * The incoming messages of one call, read while they arrive.
 *
 * The stream pushes chunks, the handler pulls messages. At most LIMITS.receiveQueueBytesMax (plus
 * one window) wait between them; beyond that the stream is paused and the peer's window closes.
 * Nothing is parsed ahead of the reader, so a flood of empty messages costs only its bytes.
 * Cost: no copy; for a large message one promise per LIMITS.receiveBatchBytes.
 */
import { assert, CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { AnswerReader, IncomingMessage } from "./call.ts";
import { ChunkQueue, compacted } from "./chunk-queue.ts";
import { decodePrefix, isCompressed, PREFIX_SIZE_BYTES } from "./framing.ts";
import { inflated } from "./inflated-message.ts";
import { type Charge, joinMessage } from "./join-message.ts";

/** The account that is charged for waiting bytes. */
export interface ReaderAccount {
  arrived(bytes: number): void;
}

/** Pauses and resumes the source of the reader. */
export interface ChunkSource {
  /** Absent in clients. */
  readonly account?: ReaderAccount;
  pause(): void;
  resume(): void;
}

/** Tries to complete the waiting read from the queue. Returns false if it has to wait longer. */
type Attempt = () => boolean;

export class QueuedMessageReader implements AnswerReader {
  readonly #source: ChunkSource;
  readonly #encoding: string | undefined;
  readonly #queue = new ChunkQueue();
  #isPaused = false;
  #isEnded = false;
  /** The server's error status after its last message; only in clients. */
  #endError: Error | undefined;
  #failure: Error | undefined;
  /** Unread bytes of the current message. */
  #unread = 0;
  /** Charged bytes: those in the queue, and those of the last read until the next one. */
  #chargedBytes = 0;
  #lentBytes = 0;
  /** The waiting read; `#wanted` is the number of bytes worth a wake-up. */
  #attempt: Attempt | undefined;
  #wanted = 0;

  /** @param encoding the peer's `grpc-encoding`, if any */
  constructor(source: ChunkSource, encoding?: string) {
    this.#source = source;
    this.#encoding = encoding;
  }

  /** True if the peer has half-closed. Messages may still wait here. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Takes a chunk from the stream and keeps it as a view. */
  push(chunk: Buffer): void {
    if (this.#failure !== undefined) return;
    this.#queue.push(chunk);
    this.#charge();
    if (this.#attempt !== undefined && this.#queue.sizeBytes >= this.#wanted) this.#wake();
    if (this.#queue.sizeBytes > LIMITS.receiveQueueBytesMax && !this.#isPaused) {
      this.#isPaused = true;
      this.#source.pause();
    }
  }

  /** The peer has half-closed. The reader gets the error, if any, after the last message. */
  end(error?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#endError = error;
    this.#wake();
  }

  /** Ends the call: drops waiting bytes; this and every later read rejects with `reason`. */
  fail(reason: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.#queue.clear();
    this.#lentBytes = 0;
    this.#charge();
    this.#wake();
    this.#resumeIfSpace();
  }

  /** Copies chunks that retain much more memory than they use: they may wait for a long time. */
  compact(): void {
    this.#queue.compact();
  }

  /**
   * Marks up to `bytes` of the last read as kept by the reader, which is charged for them.
   * @returns the number of marked bytes.
   */
  handOver(bytes: number): number {
    const handed = Math.min(bytes, this.#lentBytes);
    this.#lentBytes -= handed;
    this.#chargedBytes -= handed;
    return handed;
  }

  #charge(): void {
    const bytes = this.#queue.sizeBytes + this.#lentBytes;
    this.#source.account?.arrived(bytes - this.#chargedBytes);
    this.#chargedBytes = bytes;
  }

  /** Releases the charge for the last read. */
  #takeBack(): void {
    if (this.#lentBytes === 0) return;
    this.#lentBytes = 0;
    this.#charge();
  }

  #wake(): void {
    if (this.#attempt?.()) this.#attempt = undefined;
  }

  next(): Promise<IncomingMessage | null> {
    assert(
      this.#unread === 0 || this.#failure !== undefined,
      "a message is read to its end before the next one",
    );
    this.#takeBack();
    return this.#answer(PREFIX_SIZE_BYTES, () => this.#nextMessage());
  }

  nextWaiting(sizeBytesMax: number): Buffer | undefined {
    assert(this.#attempt === undefined, "one read at a time");
    const { first } = this.#queue;
    if (this.#unread > 0 || first === undefined || first.length < PREFIX_SIZE_BYTES) return undefined;
    const end = PREFIX_SIZE_BYTES + first.readUInt32BE(1);
    if (first[0] !== 0 || end > first.length || end > PREFIX_SIZE_BYTES + sizeBytesMax) return undefined;
    const message = Buffer.allocUnsafe(end - PREFIX_SIZE_BYTES);
    first.copy(message, 0, PREFIX_SIZE_BYTES, end);
    this.#queue.dropOfFirst(end);
    // Nothing is lent: the message is a copy.
    this.#lentBytes = 0;
    this.#charge();
    this.#resumeIfSpace();
    return message;
  }

  /** For messages: reads up to `#unread` bytes, at least one. */
  readChunks(): Promise<Buffer[] | null> {
    this.#takeBack();
    if (this.#unread === 0 && this.#failure === undefined) return Promise.resolve(null);
    return this.#answer(Math.min(this.#unread, LIMITS.receiveBatchBytes), () => this.#nextChunks());
  }

  #answer<T>(wanted: number, take: () => T | undefined): Promise<T> {
    assert(this.#attempt === undefined, "one read at a time");
    return new Promise((resolve, reject) => {
      this.#wanted = wanted;
      const attempt = (): boolean => {
        try {
          if (this.#failure !== undefined) throw this.#failure;
          const taken = take();
          if (taken === undefined) return false;
          resolve(taken);
        } catch (error) {
          reject(error);
        }
        return true;
      };
      if (!attempt()) this.#attempt = attempt;
    });
  }

  #nextMessage(): IncomingMessage | null | undefined {
    const waiting = this.#queue.sizeBytes;
    if (waiting >= PREFIX_SIZE_BYTES) {
      const prefix = this.#queue.takeJoined(PREFIX_SIZE_BYTES);
      const sizeBytes = decodePrefix(prefix);
      this.#unread = sizeBytes;
      const message = new QueuedMessage(this, sizeBytes);
      return isCompressed(prefix) ? inflated(message, this.#encoding) : message;
    }
    if (!this.#isEnded) return undefined;
    if (this.#endError !== undefined) throw this.#endError;
    if (waiting === 0) return null;
    throw new CacheError("INVALID_REQUEST", "the call ended inside the prefix of a message");
  }

  #nextChunks(): Buffer[] | undefined {
    if (this.#queue.sizeBytes === 0) {
      if (!this.#isEnded) return undefined;
      const facts = { missingBytes: this.#unread };
      throw this.#endError ?? new CacheError("INVALID_REQUEST", "the call ended inside a message", { facts });
    }
    const before = this.#queue.sizeBytes;
    const chunks = this.#queue.take(this.#unread);
    this.#lentBytes = before - this.#queue.sizeBytes;
    this.#unread -= this.#lentBytes;
    this.#resumeIfSpace();
    return chunks;
  }

  #resumeIfSpace(): void {
    if (!this.#isPaused || this.#queue.sizeBytes > LIMITS.receiveQueueBytesMax / 2) return;
    this.#isPaused = false;
    this.#source.resume();
  }
}

class QueuedMessage implements IncomingMessage {
  readonly sizeBytes: number;
  readonly #reader: QueuedMessageReader;

  constructor(reader: QueuedMessageReader, sizeBytes: number) {
    this.#reader = reader;
    this.sizeBytes = sizeBytes;
  }

  read(): Promise<Buffer[] | null> {
    return this.#reader.readChunks();
  }

  async collect(sizeBytesMax: number, charge?: Charge): Promise<Buffer> {
    const whole = await joinMessage(this, sizeBytesMax, charge);
    // It may wait for a long time if the peer does not end.
    return this.#reader.isEnded ? whole : compacted(whole);
  }
}
