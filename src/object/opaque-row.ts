/**
 * One row of an opaque object as a record batch, on disk and on the wire: all but the data bytes themselves.
 *
 *     body, on disk:  version uint64 | 0 to 64 | offsets int32 x 2 | 0 to 64 | data | 0 to 64
 *     body, on wire:  version uint64 | offsets | data | 0 to 8
 *     with kind:      version uint64 | kind offsets | kind text | 0 to 8 | offsets | data | 0 to 8
 *
 * Cost of a row on the wire: one small buffer in front of the data, none of the data is touched.
 */
import { frameHeader } from "../arrow/encapsulated.ts";
import { encodeRecordBatchMessage } from "../arrow/message-writer.ts";
import { assert } from "../errors.ts";
import { LIMITS } from "../limits.ts";

export type RowKind = "base" | "patch";

export interface WireRow {
  /** The record batch message. */
  readonly header: Buffer;
  /** The body's bytes before the data. */
  readonly bodyFront: Buffer;
  /** Zero bytes after the data. */
  readonly paddingSizeBytes: number;
  readonly bodySizeBytes: number;
}

const DISK_ALIGNMENT = 64;
const NODE = { length: 1, nullCount: 0 } as const;

export function padTo(sizeBytes: number, alignment: number): number {
  return Math.ceil(sizeBytes / alignment) * alignment;
}

/** A row of the answer to a ticket without a version: columns version and data. */
export function encodePlainRow(version: number, dataSizeBytes: number): WireRow {
  const bodyFront = Buffer.alloc(16);
  bodyFront.writeBigUInt64LE(BigInt(version), 0);
  bodyFront.writeInt32LE(dataSizeBytes, 12);
  const bodySizeBytes = padTo(16 + dataSizeBytes, 8);
  const header = encodeRecordBatchMessage({
    rowCount: 1,
    nodes: [NODE, NODE],
    buffers: [
      { offset: 0, sizeBytes: 0 },
      { offset: 0, sizeBytes: 8 },
      { offset: 8, sizeBytes: 0 },
      { offset: 8, sizeBytes: 8 },
      { offset: 16, sizeBytes: dataSizeBytes },
    ],
    bodySizeBytes,
  });
  return { header, bodyFront, paddingSizeBytes: bodySizeBytes - 16 - dataSizeBytes, bodySizeBytes };
}

/** A row of the answer to a ticket with a version: columns version, kind and data. */
export function encodeVersionedRow(version: number, kind: RowKind, dataSizeBytes: number): WireRow {
  const bodyFront = Buffer.alloc(32);
  bodyFront.writeBigUInt64LE(BigInt(version), 0);
  bodyFront.writeInt32LE(kind.length, 12);
  bodyFront.write(kind, 16, "latin1");
  bodyFront.writeInt32LE(dataSizeBytes, 28);
  const bodySizeBytes = padTo(32 + dataSizeBytes, 8);
  const header = encodeRecordBatchMessage({
    rowCount: 1,
    nodes: [NODE, NODE, NODE],
    buffers: [
      { offset: 0, sizeBytes: 0 },
      { offset: 0, sizeBytes: 8 },
      { offset: 8, sizeBytes: 0 },
      { offset: 8, sizeBytes: 8 },
      { offset: 16, sizeBytes: kind.length },
      { offset: 24, sizeBytes: 0 },
      { offset: 24, sizeBytes: 8 },
      { offset: 32, sizeBytes: dataSizeBytes },
    ],
    bodySizeBytes,
  });
  return { header, bodyFront, paddingSizeBytes: bodySizeBytes - 32 - dataSizeBytes, bodySizeBytes };
}

const BODY_FRONT_BYTES = 2 * DISK_ALIGNMENT;

export interface DiskRow {
  /** Framed message and the body up to the data: `diskRowFrontBytes` long. */
  readonly front: Buffer;
  readonly metadataSizeBytes: number;
  readonly bodySizeBytes: number;
}

/** A row as an object file has it; its front begins at a multiple of 64 in the file. */
export function encodeDiskRow(version: number, dataSizeBytes: number): DiskRow {
  assert(dataSizeBytes <= LIMITS.opaqueRowBytesMax, "an opaque row fits int32 offsets");
  const bodySizeBytes = padTo(BODY_FRONT_BYTES + dataSizeBytes, DISK_ALIGNMENT);
  const header = encodeRecordBatchMessage({
    rowCount: 1,
    nodes: [NODE, NODE],
    buffers: [
      { offset: 0, sizeBytes: 0 },
      { offset: 0, sizeBytes: 8 },
      { offset: DISK_ALIGNMENT, sizeBytes: 0 },
      { offset: DISK_ALIGNMENT, sizeBytes: 8 },
      { offset: BODY_FRONT_BYTES, sizeBytes: dataSizeBytes },
    ],
    bodySizeBytes,
  });
  const frame = frameHeader(header, 0, DISK_ALIGNMENT);
  const metadataSizeBytes = frame.prefix.length + header.length + frame.paddingSizeBytes;
  const front = Buffer.alloc(metadataSizeBytes + BODY_FRONT_BYTES);
  front.set(frame.prefix, 0);
  front.set(header, frame.prefix.length);
  front.writeBigUInt64LE(BigInt(version), metadataSizeBytes);
  front.writeInt32LE(dataSizeBytes, metadataSizeBytes + DISK_ALIGNMENT + 4);
  return { front, metadataSizeBytes, bodySizeBytes };
}
