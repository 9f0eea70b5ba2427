/**
 * The first 64 bytes of a commit log segment: its number, and the boot that wrote it.
 *
 *     0   8  "FLAMECL1"
 *     8   8  salt: random, new at each use of the file
 *     16 16  the machine's boot id; zeros if unknown
 *     32  4  number: a higher number has later records
 *     36 24  zeros
 *     60  4  CRC-32 of the 60 bytes before
 *
 * Written only when the segment has no valid record, so a torn write loses nothing. Integers are
 * little-endian.
 */
import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import type { SegmentName } from "./commit-record.ts";

export const SEGMENT_HEAD_BYTES = 64;

const MAGIC = Buffer.from("FLAMECL1", "latin1");
const SALT_BYTES = 8;
const BOOT_ID_BYTES = 16;
const SUM_AT = 60;

export interface SegmentHead extends SegmentName {
  readonly bootId: Buffer;
}

/** @param bootId 16 bytes. */
export function newSegmentHead(number: number, bootId: Buffer): SegmentHead {
  return { number, salt: randomBytes(SALT_BYTES), bootId };
}

export function encodeSegmentHead({ number, salt, bootId }: SegmentHead): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEAD_BYTES);
  MAGIC.copy(bytes);
  salt.copy(bytes, 8);
  bootId.copy(bytes, 16);
  bytes.writeUInt32LE(number, 32);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, SUM_AT)), SUM_AT);
  return bytes;
}

/**
 * @returns undefined if the segment was never used or its head is damaged: it has no valid record.
 */
export function decodeSegmentHead(bytes: Buffer): SegmentHead | undefined {
  if (bytes.length < SEGMENT_HEAD_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  if (crc32(bytes.subarray(0, SUM_AT)) !== bytes.readUInt32LE(SUM_AT)) return undefined;
  return {
    number: bytes.readUInt32LE(32),
    salt: Buffer.from(bytes.subarray(8, 8 + SALT_BYTES)),
    bootId: Buffer.from(bytes.subarray(16, 16 + BOOT_ID_BYTES)),
  };
}
