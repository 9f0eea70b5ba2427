/**
 * Object files that clients wrote straight into the storage directory.
 */
import { describe, expect, it } from "vitest";
import { encodeRecordBatchMessage, encodeSchemaMessage } from "../../../src/arrow/message-writer.ts";
import type { StoredObject } from "../../../src/object/stored-blocks.ts";
import { readStoredObject } from "../../../src/object/stored-object.ts";
import { verifyObject } from "../../../src/object/verify-object.ts";
import { encodeClientFile, encodeClientValue } from "../../support/client-file.ts";
import { CLIENT_OPAQUE_SCHEMA, encodeOpaqueBatch } from "../../support/opaque-batch.ts";
import { GOLDEN, goldenFile } from "../arrow/golden.ts";
import { MemoryBytes } from "./memory-bytes.ts";
import { readAll, readValue } from "./sample-objects.ts";

const OBJECT_CORRUPT = expect.objectContaining({ code: "OBJECT_CORRUPT" });
const NOTHING = { header: encodeOpaqueBatch({ cells: [] }).header, body: Buffer.alloc(0) };

function read(bytes: Buffer): Promise<StoredObject | undefined> {
  return readStoredObject(new MemoryBytes(bytes), "file");
}

function hex(text: string): string {
  return Buffer.from(text).toString("hex");
}

describe("a value that a client wrote", () => {
  const value = Buffer.from("value");

  it("is an opaque object of version 1 when its version cell is 0", async () => {
    const object = (await read(encodeClientValue({ cells: [value] })))!;
    expect(object).toMatchObject({ kind: "opaque", version: 1, rowCount: 1, dataBytes: 5, checksum: [] });
    expect(await readValue(object)).toBe(hex("value"));
  });

  it("keeps the schema message that the client wrote", async () => {
    const object = (await read(encodeClientValue({ cells: [value] })))!;
    expect(object.schemaHeader.subarray(0, CLIENT_OPAQUE_SCHEMA.length)).toEqual(CLIENT_OPAQUE_SCHEMA);
  });

  it("is joined from all rows of all batches", async () => {
    const a = { cells: [Buffer.from("one,"), Buffer.from("two,")], before: 11, behind: 3 };
    const b = { cells: [] };
    const c = { cells: [Buffer.from("three"), undefined], hidden: Buffer.from("hidden") };
    const object = (await read(encodeClientValue(a, b, c)))!;
    expect(await readValue(object)).toBe(hex("one,two,three"));
    expect(object).toMatchObject({ rowCount: 4, dataBytes: 13 });
  });

  it("may be empty, in a file of no batches", async () => {
    const object = (await read(encodeClientValue()))!;
    expect(object).toMatchObject({ kind: "opaque", rowCount: 0, dataBytes: 0 });
    expect(await readValue(object)).toBe("");
  });

  it("is whole for verify, which has no checksum to compare", async () => {
    expect(await verifyObject(new MemoryBytes(encodeClientValue({ cells: [value] })), "file")).toMatchObject({
      dataBytes: 5,
    });
  });
});

describe("a table that a client wrote", () => {
  /** As its schema's metadata says; the others say nothing. */
  const VERSIONS: Record<string, number> = { annotated: 7 };

  it.each(Object.keys(GOLDEN.files))(
    "such as %s is an object of version 1, or of the version its schema says, with its rows counted",
    async (name) => {
      const object = (await read(goldenFile(name)))!;
      const rowCount = GOLDEN.files[name]!.rows.reduce((sum, rows) => sum + rows, 0);
      expect(object).toMatchObject({ kind: "table", version: VERSIONS[name] ?? 1, rowCount });
      expect(await readAll(object)).toBe(object.dataBytes);
    },
  );
});

describe("a client's file with claims that do not hold", () => {
  const ROWS = { rowCount: Number.MAX_SAFE_INTEGER, nodes: [], buffers: [], bodySizeBytes: 0 };
  const TABLE = encodeSchemaMessage({ fields: [] });

  it("is damaged when its batches claim more rows than a number holds", async () => {
    const batch = { header: encodeRecordBatchMessage(ROWS), body: Buffer.alloc(0) };
    await expect(read(encodeClientFile(TABLE, [batch, batch]))).rejects.toThrow(OBJECT_CORRUPT);
  });

  it("is damaged when a block of the footer is shorter than its message says", async () => {
    const batch = encodeOpaqueBatch({ cells: [Buffer.alloc(100)] });
    const bytes = encodeClientFile(CLIENT_OPAQUE_SCHEMA, [batch], (block) => ({
      ...block,
      bodySizeBytes: 8,
    }));
    await expect(read(bytes)).rejects.toThrow(OBJECT_CORRUPT);
  });

  it("is damaged when a block of the footer is the schema", async () => {
    const bytes = encodeClientFile(CLIENT_OPAQUE_SCHEMA, [NOTHING], (block) => ({ ...block, position: 8 }));
    await expect(read(bytes)).rejects.toThrow(OBJECT_CORRUPT);
  });

  it("is damaged when a value has compressed rows that cannot be joined", async () => {
    const body = Buffer.concat([Buffer.alloc(32), Buffer.from("05000000000000007061636b65640000", "hex")]);
    const packed = encodeRecordBatchMessage({
      rowCount: 1,
      nodes: [
        { length: 1, nullCount: 0 },
        { length: 1, nullCount: 0 },
      ],
      buffers: [0, 16, 0, 16, 14].map((sizeBytes, index) => ({
        offset: [0, 0, 16, 16, 32][index]!,
        sizeBytes,
      })),
      bodySizeBytes: body.length,
      codec: "zstd",
    });
    const one = await read(encodeClientFile(CLIENT_OPAQUE_SCHEMA, [{ header: packed, body }]));
    expect(one).toMatchObject({ codec: { name: "zstd", valueSizeBytes: 5 } });
    const two = encodeClientFile(CLIENT_OPAQUE_SCHEMA, [
      { header: packed, body },
      { header: packed, body },
    ]);
    await expect(read(two)).rejects.toThrow(OBJECT_CORRUPT);
  });

  it("is damaged when its value has its offsets behind its data", async () => {
    const header = encodeRecordBatchMessage({
      rowCount: 1,
      nodes: [
        { length: 1, nullCount: 0 },
        { length: 1, nullCount: 0 },
      ],
      buffers: [0, 8, 0, 8, 8].map((sizeBytes, index) => ({ offset: [0, 0, 8, 16, 8][index]!, sizeBytes })),
      bodySizeBytes: 24,
    });
    await expect(
      read(encodeClientFile(CLIENT_OPAQUE_SCHEMA, [{ header, body: Buffer.alloc(24) }])),
    ).rejects.toThrow(OBJECT_CORRUPT);
  });
});
