/**
 * Reads the parts of a header block: prefixed integers and strings, plain or Huffman coded.
 *
 * Every length is compared with the remaining bytes before it is used. Strings are copies, one
 * character per byte (latin1).
 * Source: RFC 7541, 5.
 * Cost: one pass; a buffer and a string for each Huffman-coded string.
 */
import { Http2Error } from "./http2-error.ts";
import { decodedBytesMax, decodeHuffman } from "./huffman.ts";

/** No valid index, length or table size is larger. */
const INTEGER_MAX = 2 ** 31 - 1;
/** Bytes of 7 bits after the prefix: five reach INTEGER_MAX; more could be endless zeros. */
const INTEGER_SHIFT_MAX = 28;
const HUFFMAN = 0x80;

export class HpackReader {
  readonly #block: Buffer;
  #position = 0;

  constructor(block: Buffer) {
    this.#block = block;
  }

  get isAtEnd(): boolean {
    return this.#position === this.#block.length;
  }

  /**
   * Returns the next byte without consuming it. @throws {Http2Error} COMPRESSION_ERROR at the end
   * of the block
   */
  peek(): number {
    const byte = this.#block[this.#position];
    if (byte === undefined) throw new Http2Error("COMPRESSION_ERROR", "the header block ends too early");
    return byte;
  }

  /** Reads an integer with a prefix of `prefixBits`. @throws {Http2Error} COMPRESSION_ERROR */
  integer(prefixBits: number): number {
    const prefixMax = (1 << prefixBits) - 1;
    let value = this.#byte() & prefixMax;
    if (value < prefixMax) return value;
    for (let shift = 0; shift <= INTEGER_SHIFT_MAX; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte >= 0x80) continue;
      if (value > INTEGER_MAX) break;
      return value;
    }
    throw new Http2Error("COMPRESSION_ERROR", "an integer in the header block is too large");
  }

  /**
   * @throws {Http2Error} COMPRESSION_ERROR if it is longer than the block or its code is invalid
   */
  string(): string {
    const isHuffman = this.peek() >= HUFFMAN;
    const { start, end } = this.#stringPlace();
    if (!isHuffman) return this.#block.toString("latin1", start, end);
    const decoded = Buffer.allocUnsafe(decodedBytesMax(end - start));
    return decoded.toString("latin1", 0, decodeHuffman(this.#block, start, end, decoded));
  }

  /** Reads a string with the checks of `string` and returns only its length. */
  skipString(): number {
    const isHuffman = this.peek() >= HUFFMAN;
    const { start, end } = this.#stringPlace();
    if (!isHuffman) return end - start;
    return decodeHuffman(this.#block, start, end, Buffer.allocUnsafe(decodedBytesMax(end - start)));
  }

  #byte(): number {
    const byte = this.peek();
    this.#position++;
    return byte;
  }

  #stringPlace(): { start: number; end: number } {
    const sizeBytes = this.integer(7);
    const start = this.#position;
    const end = start + sizeBytes;
    if (end > this.#block.length) {
      throw new Http2Error("COMPRESSION_ERROR", "a string is longer than its header block");
    }
    this.#position = end;
    return { start, end };
  }
}
