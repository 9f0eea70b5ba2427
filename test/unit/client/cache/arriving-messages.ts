/**
 * Messages of an answer as a client meets them, without a server: bodies come in chunks of any size.
 */
import { encodeRecordBatchMessage, encodeSchemaMessage } from "../../../../src/arrow/message-writer.ts";
import type { IncomingFlightData } from "../../../../src/client/flight/incoming-flight-data.ts";
import { VERSIONED_SCHEMA_HEADER } from "../../../../src/object/object-schema.ts";
import { encodeWireRow, type RowKind } from "../../../../src/object/opaque-row.ts";

export interface PlainMessage {
  readonly header: Uint8Array;
  readonly body: Buffer;
}

export function rowMessage(version: number, kind: RowKind, data: Buffer): PlainMessage {
  const row = encodeWireRow({ version, kind, dataSizeBytes: data.length, codec: undefined });
  return {
    header: row.header,
    body: Buffer.concat([row.bodyFront, data, Buffer.alloc(row.paddingSizeBytes)]),
  };
}

/** The same answer with its columns in another order: data, kind, version. */
export function turnedMessages(version: number, kind: RowKind, data: Buffer): PlainMessage[] {
  const field = { nullable: true } as const;
  const schema = encodeSchemaMessage({
    fields: [
      { ...field, name: "data", type: "binary" },
      { ...field, name: "kind", type: "utf8" },
      { ...field, name: "version", type: "uint64" },
    ],
  });
  const buffers = [offsets(data.length), data, offsets(kind.length), Buffer.from(kind), uint64(version)];
  const ranges: { offset: number; sizeBytes: number }[] = [];
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [index, buffer] of buffers.entries()) {
    // A validity buffer of no bytes stands before each column.
    if (index % 2 === 0) ranges.push({ offset, sizeBytes: 0 });
    ranges.push({ offset, sizeBytes: buffer.length });
    const padded = Buffer.concat([buffer, Buffer.alloc((8 - (buffer.length % 8)) % 8)]);
    parts.push(padded);
    offset += padded.length;
  }
  const node = { length: 1, nullCount: 0 };
  const header = encodeRecordBatchMessage({
    rowCount: 1,
    nodes: [node, node, node],
    buffers: ranges,
    bodySizeBytes: offset,
  });
  return [
    { header: schema, body: Buffer.alloc(0) },
    { header, body: Buffer.concat(parts) },
  ];
}

function offsets(end: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeInt32LE(end, 4);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

export const SCHEMA: PlainMessage = { header: VERSIONED_SCHEMA_HEADER, body: Buffer.alloc(0) };

/** @param chunkBytes how much of a body comes at once */
export async function* arriving(
  messages: readonly PlainMessage[],
  chunkBytes = 16 * 1024,
): AsyncGenerator<IncomingFlightData, void, void> {
  for (const { header, body } of messages) {
    yield {
      descriptor: undefined,
      dataHeader: Buffer.from(header),
      appMetadata: Buffer.alloc(0),
      bodySizeBytes: body.length,
      async *chunks() {
        for (let from = 0; from < body.length; from += chunkBytes)
          yield body.subarray(from, from + chunkBytes);
      },
      collect: async () => body,
    };
  }
}
