/**
 * Writes the body of an answer at the pace of the peer.
 *
 * Bytes of a stored object are read in pieces of LIMITS.httpPieceBytes and passed on without a copy.
 * At most LIMITS.httpQueueBytesMax of them wait for the peer; then nothing more is read. Of a body
 * of which the peer requests a range, the bytes outside the range are counted and not read.
 */
import type { ServerResponse } from "node:http";
import { LIMITS } from "../../limits.ts";
import type { ByteSource } from "../../object/byte-sink.ts";
import { turnIfDue } from "../../turns.ts";
import type { ByteSpan } from "./byte-span.ts";
import type { Transfer } from "./transfers.ts";

/** Bytes of a source, in order. */
export interface SourceRange {
  readonly position: number;
  readonly sizeBytes: number;
}

export class BodyWriter {
  readonly #response: ServerResponse;
  readonly #transfer: Transfer;
  readonly #from: number;
  readonly #to: number;
  #position = 0;
  #queuedBytes = 0;
  #wake: () => void = () => {};

  /** @param span the part of the body that is sent; default: all. */
  constructor(response: ServerResponse, transfer: Transfer, span?: ByteSpan) {
    this.#response = response;
    this.#transfer = transfer;
    this.#from = span?.from ?? 0;
    this.#to = span?.to ?? Number.POSITIVE_INFINITY;
    const wake = (): void => this.#wake();
    transfer.signal.addEventListener("abort", wake);
    response.on("finish", wake).on("close", wake);
  }

  /** False if only a range of the body is sent. */
  get sendsAll(): boolean {
    return this.#from === 0 && this.#to === Number.POSITIVE_INFINITY;
  }

  /** Bytes of the body so far, sent or not requested. */
  get position(): number {
    return this.#position;
  }

  /** Sends bytes, which must not change until `end` resolves. */
  async send(bytes: Uint8Array): Promise<void> {
    const first = Math.max(this.#from - this.#position, 0);
    const last = Math.min(this.#to - this.#position, bytes.length);
    this.#position += bytes.length;
    if (first < last) await this.#write(bytes.subarray(first, last));
  }

  /**
   * Sends bytes of a source.
   * @param seen called with each piece before it is sent; it may throw.
   */
  async sendRange(source: ByteSource, range: SourceRange, seen?: (piece: Buffer) => void): Promise<void> {
    const start = this.#position;
    this.#position += range.sizeBytes;
    let done = Math.max(this.#from - start, 0);
    const end = Math.min(this.#to - start, range.sizeBytes);
    while (done < end) {
      this.#transfer.signal.throwIfAborted();
      const position = range.position + done;
      const viewBytes = source.contiguousBytes?.(position) ?? Number.POSITIVE_INFINITY;
      const piece = await source.read(position, Math.min(LIMITS.httpPieceBytes, end - done, viewBytes));
      done += piece.length;
      seen?.(piece);
      await this.#write(piece, () => source.giveBack?.(piece));
      const turn = turnIfDue();
      if (turn !== undefined) await turn;
    }
  }

  /** Ends the answer. Resolves when the operating system has all of it. */
  async end(): Promise<void> {
    this.#transfer.signal.throwIfAborted();
    this.#response.end();
    while (!this.#response.writableFinished) {
      this.#transfer.signal.throwIfAborted();
      await this.#woken();
    }
  }

  async #write(bytes: Uint8Array, onSent?: () => void): Promise<void> {
    while (this.#queuedBytes > 0 && this.#queuedBytes + bytes.length > LIMITS.httpQueueBytesMax) {
      this.#transfer.signal.throwIfAborted();
      await this.#woken();
    }
    this.#transfer.signal.throwIfAborted();
    this.#queuedBytes += bytes.length;
    this.#response.write(bytes, (error) => {
      this.#queuedBytes -= bytes.length;
      if (error === undefined || error === null) {
        this.#transfer.moved(bytes.length);
        onSent?.();
      }
      this.#wake();
    });
  }

  /** Resolves when bytes were sent, or the request is over. */
  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
