/**
 * Checks a validity bitmap: it has as many zero bits as the batch has nulls.
 *
 * Readers allocate by the null count. If data under nulls is ignored, the bits are held until it
 * passes.
 */
import { invalidIpc } from "../../invalid-ipc.ts";
import { UNKNOWN_NULLS } from "../../message.ts";
import { ElementWalk, type Scratch } from "./walk.ts";

/** Number of set bits by byte. */
const BITS_SET = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0;
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1;
  return count;
});

export class ValidityWalk extends ElementWalk {
  readonly #length: number;
  readonly #nullCount: number;
  readonly #bits: Uint8Array | undefined;
  #bytesSeen = 0;
  #validCount = 0;

  constructor(start: number, node: { length: number; nullCount: number }, bits: Uint8Array | undefined) {
    super({ start, count: Math.ceil(node.length / 8), elementBytes: 1, isBigEndian: false });
    this.#length = node.length;
    this.#nullCount = node.nullCount;
    this.#bits = bits;
  }

  protected override run({ bytes, uint32 }: Scratch, count: number): void {
    const rest = this.#length - 8 * (this.#bytesSeen + count);
    // Bits after the last row are undefined.
    if (rest < 0) bytes[count - 1]! &= 0xff >> -rest;
    this.#bits?.set(bytes.subarray(0, count), this.#bytesSeen);
    const words = count >> 2;
    let valid = 0;
    for (let index = 0; index < words; index += 1) valid += bitsOf(uint32[index]!);
    for (let index = 4 * words; index < count; index += 1) valid += BITS_SET[bytes[index]!]!;
    this.#validCount += valid;
    this.#bytesSeen += count;
  }

  override done(): void {
    if (this.#nullCount !== UNKNOWN_NULLS && this.#length - this.#validCount !== this.#nullCount) {
      throw invalidIpc("the null count of a column does not match its validity bitmap");
    }
  }
}

/** Counts set bits in a word in parallel. */
function bitsOf(word: number): number {
  let sum = word - ((word >>> 1) & 0x55555555);
  sum = (sum & 0x33333333) + ((sum >>> 2) & 0x33333333);
  sum = (sum + (sum >>> 4)) & 0x0f0f0f0f;
  return Math.imul(sum, 0x01010101) >>> 24;
}

/** True if a row is null; without bits there are no nulls. */
export function isNull(bits: Uint8Array | undefined, row: number): boolean {
  return bits !== undefined && (bits[row >>> 3]! & (1 << (row & 7))) === 0;
}
