/**
 * The head of a segment of the log: its number, the boot that wrote it, and the version floor.
 *
 *     0   8  "FLAMECL2"; "FLAMECL1" by earlier releases
 *     8   8  salt: random, new at each use of the file
 *     16 16  the machine's boot id; zeros if unknown
 *     32  4  number: a higher number has later records
 *     36  8  version floor when the head was written
 *     44 16  zeros
 *     60  4  CRC-32 of the 60 bytes before
 *
 * There are two places for it, in two sectors; records begin behind both. A new use of the segment
 * writes the place that the use before did not: a torn write leaves the head before, which may be
 * the only one with the version floor. The intact head with the higher number counts. Segments of
 * earlier releases have one head and begin behind it. Integers are little-endian.
 */
import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { decodeNumber, encodeNumber, type SegmentName } from "./log-record.ts";

export const SEGMENT_HEAD_BYTES = 64;

/** Positions of heads. */
export const HEAD_PLACES = [0, 512] as const;

/** Position of the first record. */
export const RECORDS_START = 1024;

const MAGIC = Buffer.from("FLAMECL2", "latin1");
const EARLIER_MAGIC = Buffer.from("FLAMECL1", "latin1");
const SALT_BYTES = 8;
const BOOT_ID_BYTES = 16;
const FLOOR_AT = 36;
const SUM_AT = 60;

export interface SegmentHead extends SegmentName {
  readonly bootId: Buffer;
  readonly floor: number;
  /** True in a segment of an earlier release, which does not say what has come to rest. */
  readonly isEarlier: boolean;
}

/** @param bootId 16 bytes. */
export function newSegmentHead(number: number, bootId: Buffer, floor: number): SegmentHead {
  return { number, salt: randomBytes(SALT_BYTES), bootId, floor, isEarlier: false };
}

export function encodeSegmentHead({ number, salt, bootId, floor }: SegmentHead): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEAD_BYTES);
  MAGIC.copy(bytes);
  salt.copy(bytes, 8);
  bootId.copy(bytes, 16);
  bytes.writeUInt32LE(number, 32);
  encodeNumber(floor).copy(bytes, FLOOR_AT);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, SUM_AT)), SUM_AT);
  return bytes;
}

/** The head that counts, and its place. */
export interface FoundHead {
  readonly head: SegmentHead;
  readonly place: number;
}

/**
 * @param bytes the start of a segment, RECORDS_START bytes or more.
 * @returns undefined if the segment was never used or its heads are damaged.
 */
export function findSegmentHead(bytes: Buffer): FoundHead | undefined {
  const found = HEAD_PLACES.flatMap((place): FoundHead[] => {
    const head = decodeSegmentHead(bytes.subarray(place));
    return head === undefined ? [] : [{ head, place }];
  });
  // Behind the only head of an earlier release are records: their content may look like a head.
  if (found[0]?.head.isEarlier === true) return found[0];
  return found.sort((a, b) => b.head.number - a.head.number)[0];
}

/** @returns undefined if damaged, or never written. */
export function decodeSegmentHead(bytes: Buffer): SegmentHead | undefined {
  if (bytes.length < SEGMENT_HEAD_BYTES) return undefined;
  const magic = bytes.subarray(0, MAGIC.length);
  const isEarlier = magic.equals(EARLIER_MAGIC);
  if (!isEarlier && !magic.equals(MAGIC)) return undefined;
  if (crc32(bytes.subarray(0, SUM_AT)) !== bytes.readUInt32LE(SUM_AT)) return undefined;
  return {
    number: bytes.readUInt32LE(32),
    salt: Buffer.from(bytes.subarray(8, 8 + SALT_BYTES)),
    bootId: Buffer.from(bytes.subarray(16, 16 + BOOT_ID_BYTES)),
    floor: isEarlier ? 0 : (decodeNumber(bytes.subarray(FLOOR_AT, FLOOR_AT + 8)) ?? 0),
    isEarlier,
  };
}
