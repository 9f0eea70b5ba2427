/**
 * Messages the server writes read back equal, and messages with impossible numbers are refused.
 */
import { describe, expect, it } from "vitest";
import { FlatbufferWriter, int16, int64, OFFSET, uint8 } from "../../../src/arrow/flatbuffer-writer.ts";
import { decodeBodySize, decodeMessage, type IpcMessage } from "../../../src/arrow/message.ts";
import {
  encodeRecordBatchMessage,
  encodeSchemaMessage,
  type RecordBatchParts,
} from "../../../src/arrow/message-writer.ts";
import { decodeSchema } from "../../../src/arrow/schema.ts";
import { isCacheError } from "../../../src/errors.ts";

const ROW: RecordBatchParts = {
  rowCount: 1,
  nodes: [
    { length: 1, nullCount: 0 },
    { length: 1, nullCount: 0 },
  ],
  buffers: [
    { offset: 0, sizeBytes: 0 },
    { offset: 0, sizeBytes: 8 },
    { offset: 64, sizeBytes: 2 ** 33 },
  ],
  bodySizeBytes: 2 ** 40,
};

function batchOf(message: IpcMessage) {
  return "batch" in message ? message.batch : undefined;
}

function compressionOrCode(header: Buffer): string | undefined {
  try {
    return batchOf(decodeMessage(header))?.compression;
  } catch (error) {
    return isCacheError(error) ? error.code : String(error);
  }
}

/** A message with one table as header, its slots given. */
function buildMessage(headerType: number, version = 4, bodySizeBytes: number | bigint = 0): FlatbufferWriter {
  const writer = new FlatbufferWriter();
  const message = writer.table([int16(version), uint8(headerType), OFFSET, int64(bodySizeBytes)]);
  writer.link(0, message.position);
  writer.link(message.slots[2]!, writer.table([]).position);
  return writer;
}

describe("encodeRecordBatchMessage", () => {
  it("reads back equal", () => {
    const message = decodeMessage(encodeRecordBatchMessage(ROW));
    expect(message).toMatchObject({ kind: "recordBatch", metadataVersion: "V5", bodySizeBytes: 2 ** 40 });
    expect(batchOf(message)).toMatchObject({ rowCount: 1, compression: "none" });
    expect(batchOf(message)?.nodes()).toEqual(ROW.nodes);
    expect(batchOf(message)?.buffers()).toEqual(ROW.buffers);
  });

  it("tells the size of its body without the rest", () => {
    expect(decodeBodySize(encodeRecordBatchMessage(ROW))).toBe(2 ** 40);
    const negative = buildMessage(3, 4, -1).finish();
    expect(() => decodeBodySize(negative)).toThrow(/^\[INVALID_IPC\]/);
  });

  it("has one length for one number of nodes and buffers, a multiple of 8", () => {
    const zero = {
      rowCount: 0,
      nodes: ROW.nodes.map(() => ({ length: 0, nullCount: 0 })),
      buffers: ROW.buffers.map(() => ({ offset: 0, sizeBytes: 0 })),
      bodySizeBytes: 0,
    };
    const sizeBytes = encodeRecordBatchMessage(zero).length;
    expect(encodeRecordBatchMessage(ROW).length).toBe(sizeBytes);
    expect(sizeBytes % 8).toBe(0);
  });

  it.each([0, 1, 2, 3, 4, 5])("reads back equal with %i nodes and buffers", (count) => {
    const nodes = Array.from({ length: count }, (_, index) => ({ length: index, nullCount: index }));
    const buffers = nodes.map((_, index) => ({ offset: 8 * index, sizeBytes: 8 }));
    const message = decodeMessage(
      encodeRecordBatchMessage({ rowCount: 5, nodes, buffers, bodySizeBytes: 64 }),
    );
    expect(batchOf(message)?.nodes()).toEqual(nodes);
    expect(batchOf(message)?.buffers()).toEqual(buffers);
  });
});

describe("encodeSchemaMessage", () => {
  it("reads back equal", () => {
    const header = encodeSchemaMessage({
      fields: [
        { name: "version", type: "uint64", nullable: false },
        { name: "kind", type: "utf8", nullable: true },
        { name: "d\u00e4ta", type: "binary", nullable: false },
      ],
      metadata: [
        ["k", "v"],
        ["", ""],
        ["k", "\u{1f525}"],
      ],
    });
    const schema = decodeSchema(header);
    expect(decodeMessage(header)).toEqual({ kind: "schema", metadataVersion: "V5", bodySizeBytes: 0 });
    expect(schema.fields.map(({ name, type, nullable }) => [name, type.name, nullable])).toEqual([
      ["version", "uint64", false],
      ["kind", "utf8", true],
      ["d\u00e4ta", "binary", false],
    ]);
    expect(schema.metadata).toEqual([
      ["k", "v"],
      ["", ""],
      ["k", "\u{1f525}"],
    ]);
    expect(header.length % 8).toBe(0);
  });

  it("writes a schema without fields or metadata", () => {
    expect(decodeSchema(encodeSchemaMessage({ fields: [] }))).toEqual({
      endianness: "little",
      fields: [],
      metadata: [],
    });
  });
});

describe("decodeMessage", () => {
  it.each([0, 4, 5, 6, 255])("refuses header type %i: tensors and what is unknown", (headerType) => {
    expect(() => decodeMessage(buildMessage(headerType).finish())).toThrow(/INVALID_IPC/);
  });

  it.each([0, 1, 2, 5, -1])("refuses metadata version %i", (version) => {
    expect(() => decodeMessage(buildMessage(3, version).finish())).toThrow(/INVALID_IPC.*version/);
  });

  it.each([
    { codec: 0, method: 0, outcome: "lz4_frame" },
    { codec: 1, method: 0, outcome: "zstd" },
    { codec: 2, method: 0, outcome: "INVALID_IPC" },
    { codec: 255, method: 0, outcome: "INVALID_IPC" },
    { codec: 0, method: 1, outcome: "INVALID_IPC" },
  ])("answers compression $codec by method $method with $outcome", ({ codec, method, outcome }) => {
    const writer = new FlatbufferWriter();
    const message = writer.table([int16(4), uint8(3), OFFSET]);
    writer.link(0, message.position);
    const batch = writer.table([undefined, undefined, undefined, OFFSET]);
    writer.link(message.slots[2]!, batch.position);
    writer.link(batch.slots[3]!, writer.table([uint8(codec), uint8(method)]).position);
    const header = writer.finish();
    expect(compressionOrCode(header)).toBe(outcome);
  });

  it("refuses a dictionary batch without data", () => {
    expect(() => decodeMessage(buildMessage(2).finish())).toThrow(/INVALID_IPC/);
  });

  it("reads a batch without nodes and buffers as an empty one", () => {
    const batch = batchOf(decodeMessage(buildMessage(3).finish()));
    expect(batch).toMatchObject({ rowCount: 0, compression: "none" });
    expect([batch?.nodes(), batch?.buffers()]).toEqual([[], []]);
  });

  it.each([-1n, -(2n ** 63n), 2n ** 53n, 2n ** 63n - 1n])("refuses a body of %i bytes", (bodySizeBytes) => {
    expect(() => decodeMessage(buildMessage(3, 4, bodySizeBytes).finish())).toThrow(/INVALID_IPC/);
  });

  it.each([
    { offset: 1, sizeBytes: 64 },
    { offset: 65, sizeBytes: 0 },
    { offset: -8, sizeBytes: 8 },
    { offset: 8, sizeBytes: -8 },
    { offset: Number.MAX_SAFE_INTEGER, sizeBytes: Number.MAX_SAFE_INTEGER },
  ])("refuses a buffer outside the body: %o", (buffer) => {
    const header = encodeRecordBatchMessage({ rowCount: 0, nodes: [], buffers: [buffer], bodySizeBytes: 64 });
    expect(() => batchOf(decodeMessage(header))?.buffers()).toThrow(/INVALID_IPC/);
  });

  it("refuses nodes of negative length", () => {
    const nodes = [{ length: -1, nullCount: 0 }];
    const header = encodeRecordBatchMessage({ rowCount: 0, nodes, buffers: [], bodySizeBytes: 0 });
    expect(() => batchOf(decodeMessage(header))?.nodes()).toThrow(/INVALID_IPC/);
  });
});
