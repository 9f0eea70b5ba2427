/**
 * Protobuf's variable-length integers: seven bits a byte, lowest first, the high bit set while more follow.
 *
 * Values are numbers. What is over 2^53 keeps its size but not its last digits, which is enough to refuse it:
 * no tag and no length is that large. Reading goes on over any split of the input.
 */
import { CacheError } from "../errors.ts";

const BYTES_MAX = 10;

/** Reads one varint after the other, a byte at a time. */
export class VarintReader {
  /** The last varint that was read to its end. */
  value = 0;
  #sum = 0;
  #sizeBytes = 0;

  /** True while a varint has begun and not ended. */
  get midway(): boolean {
    return this.#sizeBytes > 0;
  }

  reset(): void {
    this.#sum = 0;
    this.#sizeBytes = 0;
  }

  /**
   * Takes the next byte; true when it is the varint's last one.
   * @throws {CacheError} INVALID_IPC when the varint is longer than ten bytes.
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

/** How many bytes the value takes as a varint. */
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
