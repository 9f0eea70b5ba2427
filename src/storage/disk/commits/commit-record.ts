/**
 * One record of the commit log: a file's content or its removal, with proof of its position.
 *
 *     0   4  "FCLR"
 *     4   4  CRC-32 of everything behind it, up to the end of the content
 *     8   8  salt of the segment
 *     16  4  number of the segment
 *     20  4  position of the record in the segment
 *     24  4  size of the content
 *     28  2  size of the path
 *     30  1  kind: 1 put, 2 gone, 3 cancel, 4 doubt
 *     31  1  zero
 *     32     path, content, zeros up to a multiple of 8
 *
 * Salt, number and position exclude false records: the earlier content of a reused segment, the end
 * of a torn write, and a copy of a record inside an object. Integers are little-endian.
 */
import { crc32 } from "node:zlib";
import { assert } from "../../../errors.ts";

/**
 * - `put`: the file at `path` holds `content`.
 * - `gone`: the file was removed, or replaced by a file that is not logged: earlier puts must not
 *   be replayed.
 * - `cancel`: the put at `content` (segment and position, two uint32) never got its name.
 * - `doubt`: a sync of the files of the segment at `content` failed. A later sync proves nothing;
 *   only the next boot sees what is on disk. The path is empty.
 */
export type RecordKind = "put" | "gone" | "cancel" | "doubt";

export interface CommitRecord {
  readonly kind: RecordKind;
  /** Relative to the storage directory. */
  readonly path: string;
  readonly content: readonly Uint8Array[];
}

/** Identity of a segment, distinct from all others and from earlier uses of the same file. */
export interface SegmentName {
  readonly number: number;
  /** 8 random bytes. */
  readonly salt: Buffer;
}

/** A decoded record; `content` is a view. */
export interface FoundRecord {
  readonly kind: RecordKind;
  readonly path: string;
  readonly content: Buffer;
  readonly position: number;
  /** Position of the next record. */
  readonly end: number;
}

const MAGIC = Buffer.from("FCLR", "latin1");
const HEAD_BYTES = 32;
const SUMMED_FROM = 8;
const ALIGNMENT = 8;
const CANCEL_BYTES = 8;
const KINDS: readonly (RecordKind | undefined)[] = [undefined, "put", "gone", "cancel", "doubt"];

/** Size of a record in a segment, bytes. */
export function recordBytes({ path, content }: CommitRecord): number {
  return aligned(HEAD_BYTES + Buffer.byteLength(path) + sizeOf(content));
}

/** Encodes the record without copying the content. */
export function encodeRecord(record: CommitRecord, segment: SegmentName, position: number): Uint8Array[] {
  const pathBytes = Buffer.byteLength(record.path);
  const contentBytes = sizeOf(record.content);
  const head = Buffer.alloc(HEAD_BYTES + pathBytes);
  MAGIC.copy(head);
  segment.salt.copy(head, 8);
  head.writeUInt32LE(segment.number, 16);
  head.writeUInt32LE(position, 20);
  head.writeUInt32LE(contentBytes, 24);
  head.writeUInt16LE(pathBytes, 28);
  head.writeUInt8(KINDS.indexOf(record.kind), 30);
  head.write(record.path, HEAD_BYTES);
  let sum = crc32(head.subarray(SUMMED_FROM));
  for (const chunk of record.content) sum = crc32(chunk, sum);
  head.writeUInt32LE(sum, 4);
  const padding = aligned(head.length + contentBytes) - head.length - contentBytes;
  return padding === 0 ? [head, ...record.content] : [head, ...record.content, ZEROS.subarray(0, padding)];
}

const ZEROS = new Uint8Array(ALIGNMENT);

/** @returns undefined if there is no intact record of this segment at `position`. */
export function decodeRecord(bytes: Buffer, position: number, segment: SegmentName): FoundRecord | undefined {
  const start = position + HEAD_BYTES;
  if (start > bytes.length || bytes.compare(MAGIC, 0, MAGIC.length, position, position + 4) !== 0)
    return undefined;
  if (bytes.compare(segment.salt, 0, 8, position + 8, position + 16) !== 0) return undefined;
  if (bytes.readUInt32LE(position + 16) !== segment.number) return undefined;
  if (bytes.readUInt32LE(position + 20) !== position) return undefined;
  const contentStart = start + bytes.readUInt16LE(position + 28);
  const contentEnd = contentStart + bytes.readUInt32LE(position + 24);
  const kind = KINDS[bytes.readUInt8(position + 30)];
  if (contentEnd > bytes.length || kind === undefined) return undefined;
  if (crc32(bytes.subarray(position + SUMMED_FROM, contentEnd)) !== bytes.readUInt32LE(position + 4))
    return undefined;
  const path = bytes.toString("utf8", start, contentStart);
  const content = bytes.subarray(contentStart, contentEnd);
  return { kind, path, content, position, end: aligned(contentEnd) };
}

/**
 * Yields every intact record from `from` on, in order. Anything else between two records is
 * damaged, or was being written when the machine stopped; bytes behind the last record are ignored.
 */
export function* decodeRecords(bytes: Buffer, from: number, segment: SegmentName): Generator<FoundRecord> {
  let position = from;
  while (position < bytes.length) {
    const found = decodeRecord(bytes, position, segment);
    if (found !== undefined) {
      yield found;
      position = found.end;
      continue;
    }
    const next = bytes.indexOf(MAGIC, position + 1);
    if (next < 0) return;
    position = aligned(next);
  }
}

/** The content of a `cancel` or `doubt`. */
export function encodePlace(number: number, position: number): Buffer {
  const bytes = Buffer.alloc(CANCEL_BYTES);
  bytes.writeUInt32LE(number, 0);
  bytes.writeUInt32LE(position, 4);
  return bytes;
}

/**
 * @returns segment and position of the put that a `cancel` or `doubt` refers to; undefined if
 *   malformed.
 */
export function decodePlace(content: Buffer): { number: number; position: number } | undefined {
  if (content.length !== CANCEL_BYTES) return undefined;
  return { number: content.readUInt32LE(0), position: content.readUInt32LE(4) };
}

function sizeOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}

function aligned(position: number): number {
  const end = Math.ceil(position / ALIGNMENT) * ALIGNMENT;
  assert(Number.isSafeInteger(end), "a segment is far smaller");
  return end;
}
