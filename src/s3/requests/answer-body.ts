/**
 * Collects the body of an answer, bounded, into a buffer of its own; and CRC-32 in the form of S3.
 *
 * With a Content-Length the buffer has exactly that size, so that a small body does not keep the
 * memory of a whole socket read. The length is checked before memory is taken.
 */
import { crc32 } from "node:zlib";
import { CacheError } from "../../errors.ts";
import type { AnswerHead, BodySink } from "./http-exchange.ts";

export class CollectedBody implements BodySink {
  readonly #bytesMax: number;
  readonly #chunks: Buffer[] = [];
  readonly #whole: Buffer | undefined;
  #sizeBytes = 0;

  /**
   * @throws {CacheError} STORAGE_IO if the body is announced as larger than bytesMax, or ends only with
   *   the connection, because then a cut would not be noticed
   */
  constructor(head: AnswerHead, bytesMax: number) {
    this.#bytesMax = bytesMax;
    const length = contentLength(head);
    if (length !== undefined && length > bytesMax) throw tooLarge(bytesMax);
    if (length === undefined && head.headers["transfer-encoding"] === undefined) {
      throw new CacheError("STORAGE_IO", "the answer of the object store has no length");
    }
    if (length !== undefined) this.#whole = Buffer.allocUnsafeSlow(length);
  }

  take(chunk: Buffer): void {
    const room = this.#whole?.length ?? this.#bytesMax;
    if (this.#sizeBytes + chunk.length > room) throw tooLarge(room);
    if (this.#whole === undefined) this.#chunks.push(chunk);
    else this.#whole.set(chunk, this.#sizeBytes);
    this.#sizeBytes += chunk.length;
  }

  /** All bytes. A body shorter than announced is not complete, and does not come here. */
  bytes(): Buffer {
    return this.#whole?.subarray(0, this.#sizeBytes) ?? Buffer.concat(this.#chunks);
  }
}

/** Keeps the first bytes and ignores the rest: for the text of an error. */
export class FirstBytes implements BodySink {
  readonly #chunks: Buffer[] = [];
  #left: number;

  constructor(bytesMax: number) {
    this.#left = bytesMax;
  }

  take(chunk: Buffer): void {
    if (this.#left > 0) this.#chunks.push(chunk.subarray(0, this.#left));
    this.#left -= Math.min(this.#left, chunk.length);
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

function tooLarge(bytesMax: number): CacheError {
  return new CacheError("STORAGE_IO", `the answer of the object store is larger than ${bytesMax} bytes`);
}

/** Undefined if the length is not announced. undici refuses an invalid length. */
export function contentLength(head: AnswerHead): number | undefined {
  const text = head.headers["content-length"];
  return typeof text === "string" && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** CRC-32 as S3 writes it: four bytes, big-endian, in base64. */
export function formatCrc32(chunks: readonly Uint8Array[]): string {
  let sum = 0;
  for (const chunk of chunks) sum = crc32(chunk, sum);
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(sum);
  return bytes.toString("base64");
}

/** One value of a header; undefined if it is absent or repeated. */
export function headerOf(head: AnswerHead, name: string): string | undefined {
  const value = head.headers[name];
  return typeof value === "string" ? value : undefined;
}
