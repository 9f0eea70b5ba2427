/**
 * Opaque payloads as clients send them: a schema of two columns and batches of any number of rows, also sliced ones.
 *
 *     body    version values | [data validity] | data offsets | data values        each at a multiple of 8
 */
import { encodeRecordBatchMessage, encodeSchemaMessage } from "../../src/arrow/message-writer.ts";

/** An IPC message and its body. */
export interface IpcParts {
  readonly header: Buffer;
  readonly body: Buffer;
}

export interface OpaqueBatch {
  /** The data cells; undefined is a null cell. */
  readonly cells: readonly (Uint8Array | undefined)[];
  /** Bytes of the data buffer before the first cell, as in a slice of a longer array. */
  readonly before?: number;
  /** Bytes of the data buffer behind the last cell. */
  readonly behind?: number;
  /** 8 for large_binary. */
  readonly offsetBytes?: 4 | 8;
  /** What a null cell hides in the data buffer. */
  readonly hidden?: Uint8Array;
}

/** The schema message of clients: nullable fields. */
export const CLIENT_OPAQUE_SCHEMA: Buffer = encodeSchemaMessage({
  fields: [
    { name: "version", type: "uint64", nullable: true },
    { name: "data", type: "binary", nullable: true },
  ],
});

/** One batch of rows; version cells hold 0, as clients write them. */
export function encodeOpaqueBatch(batch: OpaqueBatch): IpcParts {
  const { cells, before = 0, behind = 0, offsetBytes = 4, hidden = Buffer.alloc(0) } = batch;
  const stored = cells.map((cell) => cell ?? hidden);
  const nullCount = cells.filter((cell) => cell === undefined).length;
  const values = Buffer.concat([Buffer.alloc(before, 0xee), ...stored, Buffer.alloc(behind, 0xdd)]);
  const body = new BodyBuilder();
  body.add(Buffer.alloc(0));
  body.add(Buffer.alloc(8 * cells.length));
  body.add(nullCount === 0 ? Buffer.alloc(0) : encodeValidity(cells));
  body.add(encodeOffsets(stored, before, offsetBytes));
  body.add(values);
  const bytes = body.finish();
  const header = encodeRecordBatchMessage({
    rowCount: cells.length,
    nodes: [
      { length: cells.length, nullCount: 0 },
      { length: cells.length, nullCount },
    ],
    buffers: body.ranges,
    bodySizeBytes: bytes.length,
  });
  return { header, body: bytes };
}

function encodeOffsets(cells: readonly Uint8Array[], first: number, offsetBytes: 4 | 8): Buffer {
  const bytes = Buffer.alloc((cells.length + 1) * offsetBytes);
  const write = (index: number, value: number): void => {
    if (offsetBytes === 4) bytes.writeInt32LE(value, 4 * index);
    else bytes.writeBigInt64LE(BigInt(value), 8 * index);
  };
  let offset = first;
  write(0, offset);
  cells.forEach((cell, index) => {
    offset += cell.length;
    write(index + 1, offset);
  });
  return bytes;
}

function encodeValidity(cells: OpaqueBatch["cells"]): Buffer {
  const bits = Buffer.alloc(Math.ceil(cells.length / 8));
  cells.forEach((cell, row) => {
    if (cell !== undefined) bits[row >> 3]! |= 1 << (row & 7);
  });
  return bits;
}

/** Puts buffers one behind the other, each at a multiple of 8. */
class BodyBuilder {
  readonly ranges: { offset: number; sizeBytes: number }[] = [];
  readonly #parts: Buffer[] = [];
  #sizeBytes = 0;

  add(buffer: Buffer): void {
    this.ranges.push({ offset: this.#sizeBytes, sizeBytes: buffer.length });
    const padding = Buffer.alloc(Math.ceil(buffer.length / 8) * 8 - buffer.length);
    this.#parts.push(buffer, padding);
    this.#sizeBytes += buffer.length + padding.length;
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
