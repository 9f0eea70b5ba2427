/**
 * The bytes of a range while they arrive, over as many answers as it takes.
 *
 * After a broken answer the next request asks for the rest, of the same version of the object.
 * Source: RFC 9110, section 14.
 */
import { CacheError } from "../errors.ts";
import { etagOf } from "./requests/answer.ts";
import { headerOf } from "./requests/answer-body.ts";
import type { AnswerHead, BodySink } from "./requests/http-exchange.ts";

const CONTENT_RANGE = /^bytes (\d{1,15})-(\d{1,15})\/(?:\d{1,15}|\*)$/;

export class RangeBody implements BodySink {
  readonly bytes: Buffer;
  readonly #key: string;
  readonly #position: number;
  #arrived = 0;
  #etag: string | undefined;

  constructor(key: string, position: number, lengthBytes: number) {
    this.#key = key;
    this.#position = position;
    this.bytes = Buffer.allocUnsafeSlow(lengthBytes);
  }

  get isWhole(): boolean {
    return this.#arrived === this.bytes.length;
  }

  /** Headers of a request for the missing bytes. */
  headers(): Record<string, string> {
    const range = `bytes=${this.#position + this.#arrived}-${this.#position + this.bytes.length - 1}`;
    return { range, ...(this.#etag !== undefined && { "if-match": this.#etag }) };
  }

  /** @throws {CacheError} OBJECT_CORRUPT if the object ends before; STORAGE_IO for another range */
  open(head: AnswerHead): this {
    const [, first, last] = CONTENT_RANGE.exec(headerOf(head, "content-range") ?? "") ?? [];
    const end = this.#position + this.bytes.length - 1;
    if (Number(first) !== this.#position + this.#arrived || Number(last) > end) throw this.#wrongRange();
    if (Number(last) < end) throw this.tooShort();
    this.#etag = etagOf(head);
    return this;
  }

  take(chunk: Buffer): void {
    if (this.#arrived + chunk.length > this.bytes.length) throw this.#wrongRange();
    this.bytes.set(chunk, this.#arrived);
    this.#arrived += chunk.length;
  }

  tooShort(): CacheError {
    const end = this.#position + this.bytes.length;
    return new CacheError("OBJECT_CORRUPT", `the stored object ${this.#key} ends before byte ${end}`);
  }

  #wrongRange(): CacheError {
    return new CacheError("STORAGE_IO", `the object store returned a wrong range of ${this.#key}`);
  }
}
