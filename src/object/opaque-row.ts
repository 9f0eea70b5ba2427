/**
 * One row of an opaque object as a record batch, on disk and on the wire, without the value's
 * bytes.
 *
 *     columns   version uint64, kind utf8 (answers to a ticket with a version only), data binary
 *     body      version | kind offsets | kind text | data offsets | the value | zeros
 *
 * Each buffer begins at a multiple of 8 on the wire, of 64 on disk. With a codec each has an 8-byte
 * prefix: -1 (not compressed), except for the value, which is stored and sent as it was put.
 * Cost: one small buffer per row.
 */

import type { BufferRange } from "../arrow/message.ts";
import { type BatchCodec, encodeRecordBatchMessage } from "../arrow/message-writer.ts";
import { assert } from "../errors.ts";
import { LIMITS } from "../limits.ts";

export type RowKind = "base" | "patch";

/**
 * A value that was put compressed: its bytes are those of an Arrow buffer, with 8 bytes of length
 * first.
 */
export interface ValueCodec {
  readonly name: BatchCodec;
  /** Uncompressed size of the value. */
  readonly valueSizeBytes: number;
}

export interface RowFacts {
  readonly version: number;
  /** Stored bytes of the value. */
  readonly dataSizeBytes: number;
  readonly codec: ValueCodec | undefined;
  /** Absent: the row has no column `kind`. */
  readonly kind?: RowKind | undefined;
}

export interface RowFrame {
  /** The record batch message. */
  readonly header: Buffer;
  /** The body's bytes before the value. */
  readonly bodyFront: Buffer;
  /** Zero bytes after the value. */
  readonly paddingSizeBytes: number;
  readonly bodySizeBytes: number;
}

const NODE = { length: 1, nullCount: 0 } as const;
const NOT_COMPRESSED = -1n;
const CODEC_PREFIX_BYTES = 8;

export function padTo(sizeBytes: number, alignment: number): number {
  return Math.ceil(sizeBytes / alignment) * alignment;
}

/** A row in the form that is sent. */
export function encodeWireRow(facts: RowFacts): RowFrame {
  return encodeRow(facts, 8);
}

function encodeRow(facts: RowFacts, alignment: 8 | 64): RowFrame {
  const { version, kind, codec, dataSizeBytes } = facts;
  const valueSizeBytes = codec?.valueSizeBytes ?? dataSizeBytes;
  assert(valueSizeBytes <= LIMITS.opaqueRowBytesMax, "an opaque row fits int32 offsets");
  const columns = kind === undefined ? [] : [[offsets(kind.length), Buffer.from(kind)]];
  const front = new BodyFront(alignment, codec !== undefined);
  front.addColumn([uint64(version)]);
  for (const buffers of columns) front.addColumn(buffers);
  front.addColumn([offsets(valueSizeBytes)]);
  const bodyFront = front.finish();
  front.ranges.push({ offset: bodyFront.length, sizeBytes: dataSizeBytes });
  const bodySizeBytes = padTo(bodyFront.length + dataSizeBytes, alignment);
  const header = encodeRecordBatchMessage({
    rowCount: 1,
    nodes: kind === undefined ? [NODE, NODE] : [NODE, NODE, NODE],
    buffers: front.ranges,
    bodySizeBytes,
    codec: codec?.name,
  });
  const paddingSizeBytes = bodySizeBytes - bodyFront.length - dataSizeBytes;
  return { header, bodyFront, paddingSizeBytes, bodySizeBytes };
}

/** The buffers before the value, each aligned, and their positions. */
class BodyFront {
  readonly ranges: BufferRange[] = [];
  readonly #alignment: number;
  readonly #hasCodec: boolean;
  readonly #buffers: Buffer[] = [];
  #sizeBytes = 0;

  constructor(alignment: number, hasCodec: boolean) {
    this.#alignment = alignment;
    this.#hasCodec = hasCodec;
  }

  /** A column without nulls: an empty validity buffer, then its buffers. */
  addColumn(buffers: readonly Buffer[]): void {
    this.ranges.push({ offset: this.#sizeBytes, sizeBytes: 0 });
    for (const buffer of buffers) {
      const sizeBytes = buffer.length + (this.#hasCodec ? CODEC_PREFIX_BYTES : 0);
      this.ranges.push({ offset: this.#sizeBytes, sizeBytes });
      this.#buffers.push(buffer);
      this.#sizeBytes += padTo(sizeBytes, this.#alignment);
    }
  }

  finish(): Buffer {
    const front = Buffer.alloc(this.#sizeBytes);
    let position = 0;
    for (const buffer of this.#buffers) {
      if (this.#hasCodec) front.writeBigInt64LE(NOT_COMPRESSED, position);
      const from = position + (this.#hasCodec ? CODEC_PREFIX_BYTES : 0);
      buffer.copy(front, from);
      position = padTo(from + buffer.length, this.#alignment);
    }
    return front;
  }
}

function uint64(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** The offsets of one cell. */
function offsets(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeInt32LE(sizeBytes, 4);
  return bytes;
}

const FRAME_PREFIX_BYTES = 8;
const DISK_ALIGNMENT = 64;
const EMPTY_ROW: RowFacts = { version: 0, dataSizeBytes: 0, codec: undefined };
const EMPTY_COMPRESSED: RowFacts = { ...EMPTY_ROW, codec: { name: "zstd", valueSizeBytes: 0 } };

/** Size of a row's framed message on disk: for all rows that of the larger one, with a codec. */
export const DISK_ROW_METADATA_BYTES = padTo(
  FRAME_PREFIX_BYTES + encodeRow(EMPTY_COMPRESSED, DISK_ALIGNMENT).header.length,
  DISK_ALIGNMENT,
);
/** Bytes in a row's body on disk before the value. */
export const DISK_ROW_BODY_FRONT_BYTES = encodeRow(EMPTY_ROW, DISK_ALIGNMENT).bodyFront.length;
/** All bytes of a row on disk before the value. */
export const DISK_ROW_FRONT_BYTES = DISK_ROW_METADATA_BYTES + DISK_ROW_BODY_FRONT_BYTES;

/**
 * A row in the form of an object file, up to the value: DISK_ROW_FRONT_BYTES long, at a multiple of
 * 64 in the file.
 */
export function encodeDiskRow(facts: RowFacts): { readonly front: Buffer; readonly bodySizeBytes: number } {
  const { header, bodyFront, bodySizeBytes } = encodeRow(facts, DISK_ALIGNMENT);
  const front = Buffer.alloc(DISK_ROW_FRONT_BYTES);
  front.writeUInt32LE(0xffffffff, 0);
  front.writeInt32LE(DISK_ROW_METADATA_BYTES - FRAME_PREFIX_BYTES, 4);
  header.copy(front, FRAME_PREFIX_BYTES);
  bodyFront.copy(front, DISK_ROW_METADATA_BYTES);
  return { front, bodySizeBytes };
}
