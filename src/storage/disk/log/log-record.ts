/**
 * One record of the log: a file's content or its removal, with proof of its position.
 *
 *     0   4  "FCLR"
 *     4   4  CRC-32 of everything behind it, up to the end of the content
 *     8   8  salt of the segment
 *     16  4  number of the segment
 *     20  4  position of the record in the segment
 *     24  4  size of the content
 *     28  2  size of the path
 *     30  1  kind: 1 put, 2 gone, 3 cancel, 4 doubt, 5 replaced, 6 rested, 7 floor, 8 note, 9 kept, 10 time
 *     31  1  zero
 *     32     path, content, zeros up to a multiple of 8
 *
 * Salt, number and position exclude false records: the earlier content of a reused segment, the end
 * of a torn write, and a copy of a record inside an object. Integers are little-endian.
 */
import { crc32 } from "node:zlib";
import { assert } from "../../../errors.ts";
import { LIMITS } from "../../../limits.ts";

/**
 * - `put`: the file at `path` holds `content`.
 * - `gone`: the file at `path` is removed. `content` has the highest version that was removed
 *   (uint64), and the version floor (uint64): a removal must not survive without its floor.
 * - `cancel`: the put at `content` (segment and position, two uint32) has failed.
 * - `doubt`: a sync of the files of the segment at `content` failed. A later sync proves nothing;
 *   only the next boot sees what is on disk.
 * - `replaced`: the file at `path` was written by itself; earlier records of it are void. `content`
 *   (one byte) says what they are after a power loss: see Replacement.
 * - `rested`: until the machine loses power, the directory has everything that was recorded before
 *   the place in `content`.
 * - `note`: `content` is a line of text (notes.ts).
 * - `time`: records that follow were written at `content` (uint64), ms since 1970, or a second later.
 * - `kept`: `.log/notes` has all notes that were recorded before the place in `content`.
 * - `floor`: the version floor is at least `content` (uint64).
 *
 * Only the first three and `replaced` have a path.
 */
export type RecordKind =
  | "put"
  | "gone"
  | "cancel"
  | "doubt"
  | "replaced"
  | "rested"
  | "floor"
  | "note"
  | "kept"
  | "time";

export interface LogRecord {
  readonly kind: RecordKind;
  /** Relative to the storage directory. */
  readonly path: string;
  readonly content: readonly Uint8Array[];
  /** True if it may use the space that a segment keeps for removals. Default: all but puts. */
  readonly mayUseReserve?: boolean;
}

/** Identity of a segment, distinct from all others and from earlier uses of the same file. */
export interface SegmentName {
  readonly number: number;
  /** 8 random bytes. */
  readonly salt: Buffer;
}

/** The number of a segment, and a position in it. */
export interface Place {
  readonly number: number;
  readonly position: number;
}

export function isBefore(one: Place, other: Place): boolean {
  return one.number < other.number || (one.number === other.number && one.position < other.position);
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
const PLACE_BYTES = 8;
const NUMBER_BYTES = 8;
const KINDS: readonly (RecordKind | undefined)[] = [
  undefined,
  "put",
  "gone",
  "cancel",
  "doubt",
  "replaced",
  "rested",
  "floor",
  "note",
  "kept",
  "time",
];

/** Size of a record in a segment, bytes. */
export function recordBytes({ path, content }: LogRecord): number {
  return aligned(HEAD_BYTES + Buffer.byteLength(path) + sizeOf(content));
}

/** Position of the content of a record that is written at `position`. */
export function contentStartOf({ path }: LogRecord, position: number): number {
  return position + HEAD_BYTES + Buffer.byteLength(path);
}

/** Encodes the record. A long content is not copied; a short one is, because each chunk of a write costs. */
export function encodeRecord(record: LogRecord, segment: SegmentName, position: number): Uint8Array[] {
  const { path, content, kind } = record;
  const contentBytes = sizeOf(content);
  const sizeBytes = recordBytes(record);
  const isShort = contentBytes <= SHORT_CONTENT_BYTES;
  const pathBytes = Buffer.byteLength(path);
  const head = Buffer.allocUnsafe(isShort ? sizeBytes : HEAD_BYTES + pathBytes);
  MAGIC.copy(head);
  segment.salt.copy(head, 8);
  head.writeUInt32LE(segment.number, 16);
  head.writeUInt32LE(position, 20);
  head.writeUInt32LE(contentBytes, 24);
  head.writeUInt16LE(pathBytes, 28);
  head.writeUInt16LE(KINDS.indexOf(kind), 30);
  let end = HEAD_BYTES + head.write(path, HEAD_BYTES);
  if (isShort) {
    for (const chunk of content) {
      head.set(chunk, end);
      end += chunk.length;
    }
    head.fill(0, end);
  }
  let sum = crc32(head.subarray(SUMMED_FROM, end));
  if (!isShort) for (const chunk of content) sum = crc32(chunk, sum);
  head.writeUInt32LE(sum, 4);
  if (isShort) return [head];
  const padding = sizeBytes - head.length - contentBytes;
  return padding === 0 ? [head, ...content] : [head, ...content, ZEROS.subarray(0, padding)];
}

/** What is not longer is copied. */
const SHORT_CONTENT_BYTES = 64;
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

/** The content of a `floor` or `time`. */
export function encodeNumber(number: number): Buffer {
  const bytes = Buffer.allocUnsafe(NUMBER_BYTES);
  writeNumber(bytes, number, 0);
  return bytes;
}

/** As two halves: a bigint costs an allocation. */
function writeNumber(bytes: Buffer, number: number, position: number): void {
  bytes.writeUInt32LE(number % 2 ** 32, position);
  bytes.writeUInt32LE(Math.floor(number / 2 ** 32), position + 4);
}

/** Undefined if malformed. */
export function decodeNumber(content: Buffer): number | undefined {
  if (content.length !== NUMBER_BYTES) return undefined;
  const number = Number(content.readBigUInt64LE());
  return number <= LIMITS.versionMax ? number : undefined;
}

/**
 * What a `replaced` says of the file found after a power loss:
 *
 * - `unsynced`: the record before counts, unless the file is newer, or torn: then it stays.
 * - `void`: earlier records do not count, whatever is there.
 */
export type Replacement = "unsynced" | "void";

const REPLACEMENTS: readonly Replacement[] = ["unsynced", "void"];

export function encodeReplacement(replacement: Replacement): Buffer {
  return Buffer.of(REPLACEMENTS.indexOf(replacement));
}

/** Of earlier releases, `void`. */
export function decodeReplacement(content: Buffer): Replacement {
  return REPLACEMENTS[content[0] ?? REPLACEMENTS.length] ?? "void";
}

/** What a `gone` says. */
export interface Removal {
  readonly version: number;
  readonly floor: number;
}

/** The content of a `gone`. */
export function encodeRemoval({ version, floor }: Removal): Buffer {
  const bytes = Buffer.allocUnsafe(2 * NUMBER_BYTES);
  writeNumber(bytes, version, 0);
  writeNumber(bytes, floor, NUMBER_BYTES);
  return bytes;
}

/** Zeros if malformed. */
export function decodeRemoval(content: Buffer): Removal {
  const [version, floor] = [content.subarray(0, NUMBER_BYTES), content.subarray(NUMBER_BYTES)].map(
    decodeNumber,
  );
  return { version: version ?? 0, floor: floor ?? 0 };
}

/** The content of a `cancel`, `doubt`, `rested` or `kept`. */
export function encodePlace(number: number, position: number): Buffer {
  const bytes = Buffer.alloc(PLACE_BYTES);
  bytes.writeUInt32LE(number, 0);
  bytes.writeUInt32LE(position, 4);
  return bytes;
}

/**
 * @returns the segment and position that a `cancel`, `doubt`, `rested` or `kept` refers to; undefined if
 *   malformed.
 */
export function decodePlace(content: Buffer): Place | undefined {
  if (content.length !== PLACE_BYTES) return undefined;
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
