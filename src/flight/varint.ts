/**
 * Protobuf's variable-length integers: seven bits per byte, lowest first, the high bit set while
 * more follow.
 *
 * Values are numbers. A value above 2^53 loses its last digits, but is still refused: no tag or
 * length is that large. Reading continues across any split of the input.
 */
import { CacheError } from "../errors.ts";

const BYTES_MAX = 10;

/** Reads varints, one byte at a time. */
export class VarintReader {
  /** The last complete varint. */
  value = 0;
  #sum = 0;
  #sizeBytes = 0;

  /** True inside a varint. */
  get midway(): boolean {
    return this.#sizeBytes > 0;
  }

  reset(): void {
    this.#sum = 0;
    this.#sizeBytes = 0;
  }

  /**
   * Takes the next byte. @returns true if it ends the varint.
   * @throws {CacheError} INVALID_IPC if the varint is longer than ten bytes.
   */
  push(byte: number): boolean {
    this.#sum += (byte & 0x7f) * 2 ** (7 * this.#sizeBytes);
    this.#sizeBytes += 1;
    if (byte < 0x80) {
      this.value = this.#sum;
      this.reset();
      return true;
    }
    if (this.#sizeBytes === BYTES_MAX) {
      throw new CacheError("INVALID_IPC", "a number in a FlightData message is longer than ten bytes");
    }
    return false;
  }
}

/** Size of the value as a varint, bytes. */
export function varintSizeBytes(value: number): number {
  let sizeBytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) sizeBytes += 1;
  return sizeBytes;
}

/** Writes the varint and returns the position behind it. */
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  let at = position;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
    target[at] = (rest % 0x80) | 0x80;
    at += 1;
  }
  target[at] = rest;
  return at + 1;
}
