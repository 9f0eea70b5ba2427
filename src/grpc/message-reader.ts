/**
 * The incoming messages of one call, read while they arrive.
 *
 * The stream pushes chunks, the handler pulls messages. Between them waits at most LIMITS.receiveQueueBytesMax (and what
 * one window holds): beyond it the stream is paused, and the peer's window closes. Nothing is parsed ahead of the
 * reader, so a flood of empty messages costs their bytes and no more.
 * Cost: no copy; for a large message one promise per LIMITS.receiveBatchBytes.
 */
import { assert, CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { IncomingMessage, MessageReader } from "./call.ts";
import { ChunkQueue, compacted } from "./chunk-queue.ts";
import { decodePrefix, isCompressed, PREFIX_SIZE_BYTES } from "./framing.ts";
import { inflated } from "./inflated-message.ts";
import { type Charge, joinMessage } from "./join-message.ts";

/** Who is charged for what waits here. */
export interface ReaderAccount {
  arrived(bytes: number): void;
}

/** How the reader stops and starts its source. */
export interface ChunkSource {
  /** Absent in clients. */
  readonly account?: ReaderAccount;
  pause(): void;
  resume(): void;
}

/** Tries to answer the one who waits with what is in the queue; false when they have to wait on. */
type Attempt = () => boolean;

export class QueuedMessageReader implements MessageReader {
  readonly #source: ChunkSource;
  readonly #encoding: string | undefined;
  readonly #queue = new ChunkQueue();
  #isPaused = false;
  #isEnded = false;
  /** What a client's peer said behind its last message, if that was not OK. */
  #endError: Error | undefined;
  #failure: Error | undefined;
  /** Bytes of the current message that were not read yet. */
  #unread = 0;
  /** Bytes that are charged: those in the queue, and those that the last read gave, until the next one. */
  #chargedBytes = 0;
  #lentBytes = 0;
  /** The one who waits, and how many bytes it is worth waking them for. */
  #attempt: Attempt | undefined;
  #wanted = 0;

  /** @param encoding what compressed messages are compressed by, if the peer said so */
  constructor(source: ChunkSource, encoding?: string) {
    this.#source = source;
    this.#encoding = encoding;
  }

  /** True when the peer has half-closed; messages may still wait here. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Takes a chunk from the stream; it is kept as a view. */
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

  /** The peer has half-closed; with an error the reader is told after the last message. */
  end(error?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#endError = error;
    this.#wake();
  }

  /** The call is over: drops what waits; this and every later read rejects with `reason`. */
  fail(reason: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.#queue.clear();
    this.#lentBytes = 0;
    this.#charge();
    this.#wake();
    this.#resumeWhenRoom();
  }

  /** Copies what is a small part of the memory that it holds, because it waits for long. */
  compact(): void {
    this.#queue.compact();
  }

  /** The reader keeps what the last read gave, up to `bytes`, and is charged for it. @returns how much that is. */
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

  /** What the last read gave was used. */
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

  /** For messages: up to `#unread` bytes, at least one. */
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
    this.#resumeWhenRoom();
    return chunks;
  }

  #resumeWhenRoom(): void {
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
    // A peer that does not end may let it wait for long.
    return this.#reader.isEnded ? whole : compacted(whole);
  }
}
