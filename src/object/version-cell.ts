/**
 * The version in a file of another program: the cell of an opaque row, or the metadata of a Flame
 * table's schema.
 *
 *     no codec    uint64
 *     codec       int64 -1 | uint64                                        stored uncompressed
 *                 int64 8  | a ZSTD frame of one raw or run-length block   what encoders produce
 *
 * 0 means "none": the value that clients write, and any invalid version.
 * Source: RFC 8878, "Frames".
 */
import type { BatchLayout } from "../arrow/message.ts";
import { findMetadataValue } from "../arrow/schema-metadata.ts";
import { LIMITS } from "../limits.ts";
import { type PayloadSchema, SCHEMA_KEY_VERSION } from "./object-schema.ts";
import type { ByteRange } from "./stored-blocks.ts";

export const NO_VERSION = 0;
/** Of an opaque batch. */
const COLUMNS = 2;
const COLUMN_BUFFERS = 5;
const CELL_BYTES = 8;
const VERSION_DIGITS_MAX = 40;
const CODEC_PREFIX_BYTES = 8;
const NOT_COMPRESSED = -1n;
/** The longest frame of 8 bytes: its header, a block header, the bytes, a checksum. */
const FRAME_BYTES_MAX = 18 + 3 + CELL_BYTES + 4;

/**
 * The range of a batch's body that `decodeVersionCell` needs; undefined if the first row has no
 * version.
 */
export function placeOfVersionCell(layout: BatchLayout): ByteRange | undefined {
  const buffer = layout.buffers(COLUMN_BUFFERS)[1];
  const node = layout.nodes(COLUMNS)[0];
  if (buffer === undefined || layout.rowCount === 0 || node?.nullCount !== 0) return undefined;
  const wanted = layout.compression === "none" ? CELL_BYTES : CODEC_PREFIX_BYTES + FRAME_BYTES_MAX;
  return { position: buffer.offset, sizeBytes: Math.min(wanted, buffer.sizeBytes) };
}

export function decodeVersionCell(bytes: Buffer, compression: BatchLayout["compression"]): number {
  const cell = compression === "none" ? bytes : inflateCell(bytes, compression);
  if (cell === undefined || cell.length < CELL_BYTES) return NO_VERSION;
  return asVersion(cell.readBigUInt64LE(0));
}

/** The version in a Flame table's schema message: decimal text, leading zeros allowed. */
export function schemaVersion({ kind }: PayloadSchema, header: Buffer): number {
  const range = kind === "flame-table" ? findMetadataValue(header, SCHEMA_KEY_VERSION) : undefined;
  if (range === undefined || range.sizeBytes > VERSION_DIGITS_MAX) return NO_VERSION;
  const text = header.toString("latin1", range.position, range.position + range.sizeBytes);
  return /^[0-9]+$/.test(text) ? asVersion(BigInt(text)) : NO_VERSION;
}

function asVersion(version: bigint): number {
  return version <= BigInt(LIMITS.foundVersionMax) ? Number(version) : NO_VERSION;
}

function inflateCell(bytes: Buffer, compression: BatchLayout["compression"]): Buffer | undefined {
  if (bytes.length < CODEC_PREFIX_BYTES) return undefined;
  const sizeBytes = bytes.readBigInt64LE(0);
  const stored = bytes.subarray(CODEC_PREFIX_BYTES);
  if (sizeBytes === NOT_COMPRESSED) return stored;
  return compression === "zstd" && sizeBytes === BigInt(CELL_BYTES) ? inflateFrame(stored) : undefined;
}

const FRAME_MAGIC = 0xfd2fb528;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
const BLOCK = { raw: 0, runLength: 1 } as const;

/**
 * The first block of a frame, unless it needs a real decoder, which encoders never require for 8
 * bytes.
 */
function inflateFrame(frame: Buffer): Buffer | undefined {
  if (frame.length < 5 || frame.readUInt32LE(0) !== FRAME_MAGIC) return undefined;
  const descriptor = frame[4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const contentSizeBytes = sizeFlag === 0 && isSingleSegment ? 1 : CONTENT_SIZE_BYTES[sizeFlag as 0];
  const window = isSingleSegment ? 0 : 1;
  const start = 5 + window + DICTIONARY_ID_BYTES[(descriptor & 3) as 0] + contentSizeBytes;
  if (start + 4 > frame.length) return undefined;
  const blockHeader = frame.readUIntLE(start, 3);
  const type = (blockHeader >> 1) & 3;
  const content = frame.subarray(start + 3);
  if (blockHeader >> 3 !== CELL_BYTES) return undefined;
  if (type === BLOCK.raw) return content.subarray(0, CELL_BYTES);
  return type === BLOCK.runLength ? Buffer.alloc(CELL_BYTES, content[0]!) : undefined;
}
