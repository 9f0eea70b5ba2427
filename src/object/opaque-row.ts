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
/** In front of a buffer that is not compressed, in a batch with a codec: -1. */
const CODEC_PREFIX_BYTES = 8;
/** No buffer before the value is larger. */
const CELL_BYTES = 8;

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
  const front = new BodyFront(kind === undefined ? 2 : 4, alignment, codec !== undefined);
  front.beginColumn().uint64(version);
  if (kind !== undefined) front.beginColumn().offsets(kind.length).text(kind);
  front.beginColumn().offsets(valueSizeBytes);
  const bodyFront = front.bytes;
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
  readonly bytes: Buffer;
  readonly #prefixBytes: number;
  readonly #slotBytes: number;
  #position = 0;

  constructor(bufferCount: number, alignment: number, hasCodec: boolean) {
    this.#prefixBytes = hasCodec ? CODEC_PREFIX_BYTES : 0;
    this.#slotBytes = padTo(this.#prefixBytes + CELL_BYTES, alignment);
    this.bytes = Buffer.allocUnsafe(bufferCount * this.#slotBytes).fill(0);
  }

  /** A column without nulls begins with an empty validity buffer. */
  beginColumn(): this {
    this.ranges.push({ offset: this.#position, sizeBytes: 0 });
    return this;
  }

  uint64(value: number): this {
    const position = this.#buffer(8);
    this.bytes.writeUInt32LE(value % 2 ** 32, position);
    this.bytes.writeUInt32LE(Math.floor(value / 2 ** 32), position + 4);
    return this;
  }

  /** The offsets of one cell: 0 and its size. */
  offsets(sizeBytes: number): this {
    this.bytes.writeInt32LE(sizeBytes, this.#buffer(8) + 4);
    return this;
  }

  text(kind: RowKind): void {
    this.bytes.write(kind, this.#buffer(kind.length), "latin1");
  }

  /** @returns the position of its bytes. */
  #buffer(sizeBytes: number): number {
    const from = this.#position;
    this.ranges.push({ offset: from, sizeBytes: this.#prefixBytes + sizeBytes });
    this.#position += this.#slotBytes;
    this.bytes.fill(0xff, from, from + this.#prefixBytes);
    return from + this.#prefixBytes;
  }
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
  const front = Buffer.allocUnsafe(DISK_ROW_FRONT_BYTES).fill(0);
  front.writeUInt32LE(0xffffffff, 0);
  front.writeInt32LE(DISK_ROW_METADATA_BYTES - FRAME_PREFIX_BYTES, 4);
  header.copy(front, FRAME_PREFIX_BYTES);
  bodyFront.copy(front, DISK_ROW_METADATA_BYTES);
  return { front, bodySizeBytes };
}
