/**
 * The messages that the server creates: schemas of flat columns and record batches, metadata
 * version V5, little-endian.
 *
 * Every scalar is written even if it has the default value, so the length of a record batch message
 * depends only on the numbers of nodes and buffers: it can be written with zeros first and
 * overwritten when the values are known.
 * Source: Arrow format, Message.fbs and Schema.fbs. No dictionaries or nested types: the server
 * needs none.
 */
import {
  FlatbufferWriter,
  int16,
  int32,
  int64,
  OFFSET,
  type SlotValue,
  uint8,
  type WrittenTable,
} from "./flatbuffer-writer.ts";
import { type SchemaMetadata, writeKeyValues } from "./key-values.ts";
import type { BufferRange, FieldNode } from "./message.ts";
import {
  BUFFER_SIZE_BYTES,
  FIELD,
  HEADER_TYPE,
  MESSAGE,
  METADATA_V5,
  NODE_SIZE_BYTES,
  RECORD_BATCH,
  SCHEMA,
  TYPE_ID,
} from "./slots.ts";

export interface FlatField {
  readonly name: string;
  readonly type: "uint64" | "utf8" | "binary";
  readonly nullable: boolean;
}

export interface SchemaParts {
  readonly fields: readonly FlatField[];
  readonly metadata?: SchemaMetadata;
}

export interface RecordBatchParts {
  readonly rowCount: number;
  readonly nodes: readonly FieldNode[];
  readonly buffers: readonly BufferRange[];
  readonly bodySizeBytes: number;
  /** Compression of the body's buffers, if any. */
  readonly codec?: BatchCodec | undefined;
}

export type BatchCodec = "lz4_frame" | "zstd";

const TYPES: Record<FlatField["type"], { typeId: number; slots: readonly SlotValue[] }> = {
  uint64: { typeId: TYPE_ID.int, slots: [int32(64), uint8(0)] },
  utf8: { typeId: TYPE_ID.utf8, slots: [] },
  binary: { typeId: TYPE_ID.binary, slots: [] },
};

/** A bare Schema message, a multiple of 8 long. */
export function encodeSchemaMessage(parts: SchemaParts): Buffer {
  const writer = new FlatbufferWriter();
  const message = writeMessage(writer, HEADER_TYPE.schema, 0);
  const schema = writer.table([int16(0), OFFSET, OFFSET]);
  writer.link(message.slots[MESSAGE.header]!, schema.position);
  const fields = writer.vector(parts.fields.length, 4, 4);
  writer.link(schema.slots[SCHEMA.fields]!, fields);
  parts.fields.forEach((field, index) => {
    writer.link(fields + 4 + 4 * index, writeField(writer, field));
  });
  writeKeyValues(writer, schema.slots[SCHEMA.metadata]!, parts.metadata ?? []);
  writer.align(8);
  return writer.finish();
}

function writeField(writer: FlatbufferWriter, field: FlatField): number {
  const { typeId, slots } = TYPES[field.type];
  const table = writer.table([
    OFFSET,
    uint8(field.nullable ? 1 : 0),
    uint8(typeId),
    OFFSET,
    undefined,
    OFFSET,
  ]);
  writer.link(table.slots[FIELD.type]!, writer.table(slots).position);
  writer.link(table.slots[FIELD.children]!, writer.vector(0, 4, 4));
  writer.link(table.slots[FIELD.name]!, writer.string(field.name));
  return table.position;
}

/**
 * A bare Record Batch message, a multiple of 8 long. Its length depends only on the numbers of
 * nodes and buffers and on whether there is a codec.
 */
export function encodeRecordBatchMessage(parts: RecordBatchParts): Buffer {
  const writer = new FlatbufferWriter();
  const message = writeMessage(writer, HEADER_TYPE.recordBatch, parts.bodySizeBytes);
  const slots = [int64(parts.rowCount), OFFSET, OFFSET];
  const batch = writer.table(parts.codec === undefined ? slots : [...slots, OFFSET]);
  writer.link(message.slots[MESSAGE.header]!, batch.position);
  const nodes = writer.vector(parts.nodes.length, NODE_SIZE_BYTES, 8);
  writer.link(batch.slots[RECORD_BATCH.nodes]!, nodes);
  parts.nodes.forEach((node, index) => {
    writer.setInt64(nodes + 4 + NODE_SIZE_BYTES * index, node.length);
    writer.setInt64(nodes + 12 + NODE_SIZE_BYTES * index, node.nullCount);
  });
  const buffers = writer.vector(parts.buffers.length, BUFFER_SIZE_BYTES, 8);
  writer.link(batch.slots[RECORD_BATCH.buffers]!, buffers);
  parts.buffers.forEach((buffer, index) => {
    writer.setInt64(buffers + 4 + BUFFER_SIZE_BYTES * index, buffer.offset);
    writer.setInt64(buffers + 12 + BUFFER_SIZE_BYTES * index, buffer.sizeBytes);
  });
  if (parts.codec !== undefined) {
    const codec = writer.table([uint8(parts.codec === "zstd" ? 1 : 0), uint8(0)]);
    writer.link(batch.slots[RECORD_BATCH.compression]!, codec.position);
  }
  writer.align(8);
  return writer.finish();
}

/** Writes the root of a message: version, header tag and offset, size of the body. */
function writeMessage(writer: FlatbufferWriter, headerType: number, bodySizeBytes: number): WrittenTable {
  const message = writer.table([int16(METADATA_V5), uint8(headerType), OFFSET, int64(bodySizeBytes)]);
  writer.link(0, message.position);
  return message;
}
