/**
 * Tables as object files: schema and batches as they came, in the form of a file or of a stream.
 */
import { describe, expect, it } from "vitest";
import { readFramedHeader } from "../../../src/arrow/encapsulated.ts";
import { decodeMessage } from "../../../src/arrow/message.ts";
import { encodeRecordBatchMessage, encodeSchemaMessage } from "../../../src/arrow/message-writer.ts";
import { decodeSchema } from "../../../src/arrow/schema.ts";
import { LIMITS } from "../../../src/limits.ts";
import { readPayloadSchema } from "../../../src/object/object-schema.ts";
import { readBlockHeader } from "../../../src/object/stored-blocks.ts";
import { readStoredObject } from "../../../src/object/stored-object.ts";
import { type IpcBatchMessage, TableWriter } from "../../../src/object/table-writer.ts";
import { verifyObject } from "../../../src/object/verify-object.ts";
import { GOLDEN, type SplitMessage, splitStream } from "../arrow/golden.ts";
import { MemoryBytes } from "./memory-bytes.ts";
import { asFlameTable, goldenTable, messagesOf, type TablePut, writeTable } from "./sample-objects.ts";

const NAMES = Object.keys(GOLDEN.streams);
const REPLACING = "replaced";
const FILES = NAMES.filter((name) => name !== REPLACING);

function sentMessages({ batches }: TablePut, appMetadata: readonly string[] = []) {
  return batches.map(({ header, body }, index) => ({
    header: Buffer.from(header).toString("hex"),
    body: body.toString("hex"),
    appMetadata: appMetadata[index] ?? "",
  }));
}

/** A batch of one column of no buffers' worth, with any body. */
function batchOf(body: Buffer, rowCount = 1): SplitMessage {
  const header = encodeRecordBatchMessage({
    rowCount,
    nodes: [{ length: rowCount, nullCount: 0 }],
    buffers: [{ offset: 0, sizeBytes: body.length }],
    bodySizeBytes: body.length,
  });
  return { header, body, message: decodeMessage(header) };
}

const ONE_COLUMN = encodeSchemaMessage({ fields: [{ name: "x", type: "binary", nullable: true }] });

describe("a table's file", () => {
  it.each(NAMES)("of %s gives every message back to the byte", async (name) => {
    const put = goldenTable(name);
    const { file, form } = await writeTable(put);
    const object = await verifyObject(file, form);
    expect(object.schemaHeader.equals(put.schemaHeader)).toBe(true);
    expect(await messagesOf(object, put.batches)).toEqual(sentMessages(put));
  });

  it.each(FILES)("of %s is an IPC file", async (name) => {
    const { file, form } = await writeTable(goldenTable(name));
    expect(form).toBe("file");
    expect(file.bytes.subarray(0, 8).toString("latin1")).toBe("ARROW1\0\0");
  });

  it("of a stream that replaces a dictionary midway is an IPC stream", async () => {
    const { file, form } = await writeTable(goldenTable(REPLACING));
    expect(form).toBe("stream");
    const kinds = splitStream(file.bytes).map(({ message }) => message.kind);
    expect(kinds).toEqual(["schema", ...goldenTable(REPLACING).batches.map(({ message }) => message.kind)]);
  });

  it.each(NAMES)("of %s counts rows and bytes of bodies", async (name) => {
    const put = goldenTable(name);
    const { file, form } = await writeTable(put);
    const rowCount = GOLDEN.streams[name]!.rows.reduce((sum, rows) => sum + rows, 0);
    const dataBytes = put.batches.reduce((sum, { body }) => sum + body.length, 0);
    expect(await readStoredObject(file, form)).toMatchObject({ kind: "table", rowCount, dataBytes });
  });

  it.each(NAMES)("of %s has every body at a multiple of 64", async (name) => {
    const { file, form } = await writeTable(goldenTable(name));
    const object = (await readStoredObject(file, form))!;
    const bodies = Array.from(object.batches, ({ block }) => block.position + block.metadataSizeBytes);
    expect(bodies.filter((position) => position % 64 !== 0)).toEqual([]);
  });

  it("keeps the app_metadata of each batch", async () => {
    const put = goldenTable("deltas");
    const appMetadata = put.batches.map((_, index) => "x".repeat(index * 7));
    const { file, form } = await writeTable(put, { appMetadata });
    const object = await verifyObject(file, form);
    expect(await messagesOf(object, put.batches)).toEqual(sentMessages(put, appMetadata));
  });

  it("pads a body to 8 bytes and says so only in the footer", async () => {
    const put = {
      schemaHeader: ONE_COLUMN,
      batches: [batchOf(Buffer.from("thirteen long")), batchOf(Buffer.from("x"))],
    };
    const { file, form } = await writeTable(put);
    const object = await verifyObject(file, form);
    expect(Array.from(object.batches, ({ block }) => block.bodySizeBytes)).toEqual([16, 8]);
    expect(await messagesOf(object, put.batches)).toEqual(sentMessages(put));
    const headers = await Promise.all(
      Array.from(object.batches, ({ block }) => readBlockHeader(object.source, block)),
    );
    expect(headers.map((header) => decodeMessage(header).bodySizeBytes)).toEqual([13, 1]);
    expect(object.dataBytes).toBe(14);
  });

  it("takes a body in any pieces", async () => {
    const batch = batchOf(Buffer.from("in pieces of one byte"));
    const whole = await writeTable({ schemaHeader: ONE_COLUMN, batches: [batch] });
    const file = new MemoryBytes();
    const writer = new TableWriter(file, ONE_COLUMN, readPayloadSchema(ONE_COLUMN));
    await writer.beginBatch(batch.header, batch.message as IpcBatchMessage);
    for (const byte of batch.body) await writer.appendBody([Buffer.of(byte)]);
    writer.endBatch(Buffer.alloc(0));
    await writer.finish(1);
    expect(file.bytes.equals(whole.file.bytes)).toBe(true);
  });

  it("without batches is whole", async () => {
    const { file, form } = await writeTable({ schemaHeader: ONE_COLUMN, batches: [] });
    expect(await verifyObject(file, form)).toMatchObject({ rowCount: 0, dataBytes: 0 });
  });
});

describe("a Flame table's file", () => {
  const put = asFlameTable(goldenTable("nested"));

  it("gives back the schema as the client sent it", async () => {
    const { file, form } = await writeTable(put, { version: 7 });
    const object = await verifyObject(file, form);
    expect(object.schemaHeader.equals(put.schemaHeader)).toBe(true);
    expect(object.version).toBe(7);
  });

  it("tells any Arrow reader its version and logical type", async () => {
    const { file } = await writeTable(put, { version: 7 });
    const { metadata } = decodeSchema(readFramedHeader(file.bytes, 8).header);
    expect(metadata).toEqual(
      expect.arrayContaining([
        ["flame.cache.format", "arrow-table-v1"],
        ["flame.cache.version", "00000000000000000007"],
        ["flame.cache.logical_type", "pyarrow.table"],
      ]),
    );
  });

  it("is of one size whatever its version is", async () => {
    const files = await Promise.all([1, 2 ** 53 - 1].map((version) => writeTable(put, { version })));
    const heads = files.map(({ file }) => readFramedHeader(file.bytes, 8).sizeBytes);
    expect(heads[0]).toBe(heads[1]);
  });

  it("with the largest schema that is taken is whole, the cache's front included", async () => {
    const value = "v".repeat(16_700);
    const metadata = Array.from({ length: 1000 }, (_, index): [string, string] => [`key ${index}`, value]);
    metadata.push(["flame.cache.format", "arrow-table-v1"]);
    const schemaHeader = encodeSchemaMessage({ fields: [], metadata });
    expect(LIMITS.dataHeaderBytesMax - schemaHeader.length).toBeLessThan(200_000);
    const { file, form } = await writeTable({ schemaHeader, batches: [] });
    expect((await verifyObject(file, form)).schemaHeader.equals(schemaHeader)).toBe(true);
  });
});

describe("a put that goes too far", () => {
  function begun(): TableWriter {
    return new TableWriter(new MemoryBytes(), ONE_COLUMN, readPayloadSchema(ONE_COLUMN));
  }

  it("is INVALID_IPC when its batches claim more rows than a number holds", async () => {
    const writer = begun();
    const { header, message } = batchOf(Buffer.alloc(0), Number.MAX_SAFE_INTEGER);
    await writer.beginBatch(header, message as IpcBatchMessage);
    writer.endBatch(Buffer.alloc(0));
    expect(() => writer.beginBatch(header, message as IpcBatchMessage)).toThrow(
      expect.objectContaining({ code: "INVALID_IPC" }),
    );
  });

  it("is OBJECT_TOO_LARGE when its app_metadata is over the limit", async () => {
    const writer = begun();
    const { header, message } = batchOf(Buffer.alloc(0));
    const appMetadata = Buffer.alloc(LIMITS.appMetadataTotalBytesMax);
    await writer.beginBatch(header, message as IpcBatchMessage);
    writer.endBatch(appMetadata);
    await writer.beginBatch(header, message as IpcBatchMessage);
    expect(() => writer.endBatch(Buffer.of(1))).toThrow(
      expect.objectContaining({ code: "OBJECT_TOO_LARGE" }),
    );
  });
});
