/**
 * Fields of a binary record: whole numbers of variable length (LEB128, up to 2^53 - 1), texts,
 * bytes and identifiers.
 *
 * The reader checks each length against the bytes that are left before it takes them, so a hostile
 * record allocates nothing. Bytes that it returns are views.
 */
import { assert, CacheError } from "../../errors.ts";

const NUMBER_BYTES_MAX = 8;
const ID_BYTES = 16;

export class FieldWriter {
  readonly #chunks: Uint8Array[] = [];
  #small: number[] = [];
  sizeBytes = 0;

  number(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0, "a field is a whole number");
    let rest = value;
    while (rest > 127) {
      this.#small.push((rest % 128) + 128);
      rest = Math.floor(rest / 128);
      this.sizeBytes += 1;
    }
    this.#small.push(rest);
    this.sizeBytes += 1;
    return this;
  }

  /** Bytes whose number the reader knows. */
  raw(bytes: Uint8Array): this {
    this.#flush();
    this.#chunks.push(bytes);
    this.sizeBytes += bytes.length;
    return this;
  }

  /** Length and bytes, as a view. */
  bytes(bytes: Uint8Array): this {
    return this.number(bytes.length).raw(bytes);
  }

  text(text: string): this {
    return this.bytes(Buffer.from(text));
  }

  /** 32 hex digits. */
  id(id: string): this {
    return this.raw(Buffer.from(id, "hex"));
  }

  finish(): Uint8Array[] {
    this.#flush();
    return this.#chunks;
  }

  #flush(): void {
    if (this.#small.length > 0) this.#chunks.push(Buffer.from(this.#small));
    this.#small = [];
  }
}

export class FieldReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #position: number;

  /** @param what names the record in errors. */
  constructor(bytes: Buffer, position: number, what: string) {
    this.#bytes = bytes;
    this.#position = position;
    this.#what = what;
  }

  /** @throws {CacheError} OBJECT_CORRUPT if it is larger than `max`. */
  number(max: number): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < NUMBER_BYTES_MAX; count += 1) {
      const byte = this.#bytes[this.#position];
      if (byte === undefined) throw this.corrupt("ends within a number");
      this.#position += 1;
      value += (byte & 127) * factor;
      if (byte > 127) {
        factor *= 128;
        continue;
      }
      if (value > max) throw this.corrupt("contains a number that is too large");
      return value;
    }
    throw this.corrupt("contains a number that is too long");
  }

  /** A view. */
  raw(sizeBytes: number): Buffer {
    const end = this.#position + sizeBytes;
    if (end > this.#bytes.length) throw this.corrupt("ends too early");
    const bytes = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return bytes;
  }

  /** A view. */
  bytes(max: number): Buffer {
    return this.raw(this.number(max));
  }

  text(max: number): string {
    const bytes = this.bytes(max);
    const text = bytes.toString();
    if (text.includes("\ufffd") && !Buffer.from(text).equals(bytes))
      throw this.corrupt("contains invalid UTF-8");
    return text;
  }

  id(): string {
    return this.raw(ID_BYTES).toString("hex");
  }

  /** How many bytes follow. */
  get left(): number {
    return this.#bytes.length - this.#position;
  }

  corrupt(what: string): CacheError {
    return new CacheError("OBJECT_CORRUPT", `${this.#what} ${what}`);
  }
}
