/**
 * Inflates a gzip-compressed message while it is read.
 *
 * Bytes are read from the peer and inflated only on demand, so a message of a few KiB that inflates
 * to gigabytes costs one piece at a time. Its inflated size is not known in advance; the maximum
 * size of a message bounds it. Answers are never compressed: an Arrow body stays as its owner
 * compressed it.
 * Source: grpc/doc/compression.md; RFC 1952.
 * Cost: 40 KiB in zlib while the message is read, and a turn of the thread pool for every
 * LIMITS.inflatedPieceBytes.
 */
import { createGunzip, type Gunzip } from "node:zlib";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { IncomingMessage } from "./call.ts";
import { type Charge, joinMessage } from "./join-message.ts";

/** Accepted message encodings, as the value of `grpc-accept-encoding`. */
export const ACCEPTED_ENCODINGS = "identity,gzip";

/**
 * Wraps a message whose prefix is marked as compressed.
 * @param encoding `grpc-encoding` of the call
 * @throws {CacheError} NOT_IMPLEMENTED for any other encoding, INVALID_REQUEST if the call names
 *   none
 */
export function inflated(message: IncomingMessage, encoding: string | undefined): IncomingMessage {
  if (encoding === "gzip") return new InflatedMessage(message);
  if (encoding === undefined || encoding === "identity") {
    throw new CacheError("INVALID_REQUEST", "a message is compressed, but the call has no grpc-encoding");
  }
  throw new CacheError("NOT_IMPLEMENTED", "grpc-encoding is neither identity nor gzip");
}

class InflatedMessage implements IncomingMessage {
  readonly sizeBytes: number = LIMITS.streamedMessageBytesMax;
  readonly isSizeBound = true;
  readonly #source: IncomingMessage;
  readonly #gunzip: Gunzip;
  #inflatedBytes = 0;
  /** True while zlib has input to work on. */
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
        this.#failure = new CacheError("INVALID_REQUEST", "a compressed message is not valid gzip", {
          cause,
        });
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

  /** The next compressed bytes. After the last ones zlib's memory is released at once. */
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
    throw new CacheError("OBJECT_TOO_LARGE", "a compressed message inflates to more than 4 GiB", { facts });
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
