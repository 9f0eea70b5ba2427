/**
 * The file of a copy: the bytes of a blob, then what is needed to check any part of them.
 *
 *     | bytes                | content                                                          |
 *     | -------------------- | ---------------------------------------------------------------- |
 *     | size of the blob     | the blob                                                         |
 *     | 4 for each block     | CRC-32 of each block of LIMITS.copyBlockBytes; the last is short |
 *     | 4                    | `FOC1`                                                           |
 *     | 4                    | CRC-32 of the blob                                               |
 *     | 8                    | size of the blob                                                 |
 *     | 4                    | CRC-32 of everything behind the blob up to here                  |
 *
 * Little endian. Nothing is synced, so a power loss can leave anything: the seal and the sums find
 * it. Cost: 4 bytes for each 64 KiB, and one CRC-32 over the bytes of each read.
 */
import { crc32 } from "node:zlib";
import { LIMITS } from "../../limits.ts";

/** What identifies the bytes of a blob, beside its name. */
export interface BlobSum {
  readonly sizeBytes: number;
  readonly crc32: number;
}

const SUM_BYTES = 4;
const SEAL_BYTES = 20;
const MAGIC = "FOC1";

export function blockCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / LIMITS.copyBlockBytes);
}

/** Bytes behind the blob. */
export function trailerBytes(sizeBytes: number): number {
  return blockCount(sizeBytes) * SUM_BYTES + SEAL_BYTES;
}

/** @param sums of all blocks, in order. */
export function encodeTrailer(blob: BlobSum, sums: Uint32Array): Buffer {
  const trailer = Buffer.alloc(trailerBytes(blob.sizeBytes));
  for (const [index, sum] of sums.entries()) trailer.writeUInt32LE(sum, index * SUM_BYTES);
  const seal = trailer.subarray(-SEAL_BYTES);
  seal.write(MAGIC, 0, "latin1");
  seal.writeUInt32LE(blob.crc32, 4);
  seal.writeBigUInt64LE(BigInt(blob.sizeBytes), 8);
  seal.writeUInt32LE(crc32(trailer.subarray(0, -SUM_BYTES)), 16);
  return trailer;
}

/** The sums of all blocks; undefined if the trailer is damaged or belongs to another blob. */
export function decodeTrailer(trailer: Buffer, blob: BlobSum): Uint32Array | undefined {
  if (trailer.length !== trailerBytes(blob.sizeBytes)) return undefined;
  const seal = trailer.subarray(-SEAL_BYTES);
  if (seal.readUInt32LE(16) !== crc32(trailer.subarray(0, -SUM_BYTES))) return undefined;
  const isOfBlob =
    seal.toString("latin1", 0, 4) === MAGIC &&
    seal.readUInt32LE(4) === blob.crc32 &&
    seal.readBigUInt64LE(8) === BigInt(blob.sizeBytes);
  if (!isOfBlob) return undefined;
  return Uint32Array.from({ length: blockCount(blob.sizeBytes) }, (_, index) =>
    trailer.readUInt32LE(index * SUM_BYTES),
  );
}

/** Sums of whole blocks. @param position of the first byte: the beginning of a block. */
export function sumBlocks(bytes: Uint8Array, position: number, sums: Uint32Array): void {
  const { copyBlockBytes } = LIMITS;
  const first = position / copyBlockBytes;
  for (let index = 0; index * copyBlockBytes < bytes.length; index += 1) {
    const start = index * copyBlockBytes;
    sums[first + index] = crc32(bytes.subarray(start, start + copyBlockBytes));
  }
}
