/**
 * A message that came compressed with gzip, inflated while it is read.
 *
 * Nothing is taken from the peer, and nothing inflated, before the reader asks for it, so a message of a few KiB that inflates to
 * gigabytes costs one piece at a time. How much there will be nobody knows before the end; what a message may become
 * at most bounds it. Answers are never compressed: an Arrow body is as compressed as its owner wanted it.
 * Source: grpc/doc/compression.md; RFC 1952. Cost: 40 KiB of zlib's while the message is read, and a turn of the thread pool
 * for every LIMITS.inflatedPieceBytes.
 */
import { createGunzip, type Gunzip } from "node:zlib";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { IncomingMessage } from "./call.ts";
import { type Charge, joinMessage } from "./join-message.ts";

/** What messages may come in, as `grpc-accept-encoding` says it. */
export const ACCEPTED_ENCODINGS = "identity,gzip";

/**
 * The message behind one whose prefix says that it is compressed.
 * @param encoding `grpc-encoding` of the call
 * @throws {CacheError} NOT_IMPLEMENTED for any other encoding, INVALID_REQUEST when the call names none
 */
export function inflated(message: IncomingMessage, encoding: string | undefined): IncomingMessage {
  if (encoding === "gzip") return new InflatedMessage(message);
  if (encoding === undefined || encoding === "identity") {
    throw new CacheError("INVALID_REQUEST", "a message is compressed, and the call names no encoding");
  }
  throw new CacheError("NOT_IMPLEMENTED", "the encoding of the messages is neither identity nor gzip");
}

class InflatedMessage implements IncomingMessage {
  readonly sizeBytes: number = LIMITS.streamedMessageBytesMax;
  readonly isSizeBound = true;
  readonly #source: IncomingMessage;
  readonly #gunzip: Gunzip;
  #inflatedBytes = 0;
  /** True while zlib has bytes of ours to work on. */
  #isFed = false;
  #isEnded = false;
  #failure: CacheError | undefined;
  #wake: () => void = () => undefined;

  constructor(source: IncomingMessage) {
    this.#source = source;
    this.#gunzip = createGunzip({ chunkSize: LIMITS.inflatedPieceBytes })
      .on("readable", () => this.#wake())
      .on("end", () => {
        this.#isEnded = true;
        this.#wake();
      })
      .on("error", (cause) => {
        this.#failure = new CacheError("INVALID_REQUEST", "a compressed message is not gzip", { cause });
        this.#wake();
      });
  }

  async read(): Promise<Buffer[] | null> {
    for (;;) {
      const piece: Buffer | null = this.#gunzip.read();
      if (piece !== null) return [this.#counted(piece)];
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#isEnded) return null;
      const change = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      if (!this.#isFed) this.#feed(await this.#taken());
      await change;
    }
  }

  /** The next compressed bytes; where there will be none any more zlib's memory goes at once. */
  async #taken(): Promise<readonly Buffer[] | null> {
    try {
      return await this.#source.read();
    } catch (error) {
      this.#gunzip.destroy();
      throw error;
    }
  }

  collect(sizeBytesMax: number, charge?: Charge): Promise<Buffer> {
    return joinMessage(this, sizeBytesMax, charge);
  }

  #counted(piece: Buffer): Buffer {
    this.#inflatedBytes += piece.length;
    if (this.#inflatedBytes <= this.sizeBytes) return piece;
    this.#gunzip.destroy();
    const facts = { sizeBytesMax: this.sizeBytes };
    throw new CacheError("OBJECT_TOO_LARGE", "a compressed message becomes larger than 4 GiB", { facts });
  }

  #feed(chunks: readonly Buffer[] | null): void {
    this.#isFed = true;
    if (chunks === null) {
      this.#gunzip.end();
      return;
    }
    const last = chunks.length - 1;
    for (const [index, chunk] of chunks.entries()) {
      if (index < last) this.#gunzip.write(chunk);
      else this.#gunzip.write(chunk, () => this.#hasTaken());
    }
  }

  #hasTaken(): void {
    this.#isFed = false;
    this.#wake();
  }
}
