/**
 * Reads any range of a copy and compares it with the sums of its blocks before it is used.
 *
 * A range that begins or ends inside a block is read exactly into the reader's memory; the rest of
 * that block, at most 64 KiB on each side, is read beside it for the sum alone.
 */
import { crc32 } from "node:zlib";
import { LIMITS } from "../../limits.ts";

const BLOCK_BYTES = LIMITS.copyBlockBytes;

/** Fills the whole buffer with the bytes at `position`. */
export type ReadInto = (bytes: Buffer, position: number) => Promise<void>;

export interface Summed {
  readonly sizeBytes: number;
  readonly sums: Uint32Array;
  readonly readInto: ReadInto;
}

/**
 * True if `bytes`, which were read at `position`, match.
 * @throws what `readInto` throws
 */
export async function matchesSums(copy: Summed, bytes: Buffer, position: number): Promise<boolean> {
  const end = position + bytes.length;
  const front = await part(copy, position - (position % BLOCK_BYTES), position);
  const blockEnd = Math.min(Math.ceil(end / BLOCK_BYTES) * BLOCK_BYTES, copy.sizeBytes);
  const back = await part(copy, end, blockEnd);
  for (let start = position - front.length; start < end; start += BLOCK_BYTES) {
    const [from, to] = [Math.max(start, position), Math.min(start + BLOCK_BYTES, end)];
    let sum = start < position ? add(0, front) : 0;
    sum = add(sum, bytes.subarray(from - position, to - position));
    if (to === end) sum = add(sum, back);
    if (sum !== copy.sums[start / BLOCK_BYTES]) return false;
  }
  return true;
}

/** The function of zlib takes no bytes for a beginning. */
function add(sum: number, bytes: Buffer): number {
  return bytes.length === 0 ? sum : crc32(bytes, sum);
}

async function part({ readInto }: Summed, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(to - from);
  if (bytes.length > 0) await readInto(bytes, from);
  return bytes;
}
