/**
 * Object files that clients wrote straight into the storage directory.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { encodeRecordBatchMessage, encodeSchemaMessage } from "../../../src/arrow/message-writer.ts";
import type { StoredObject } from "../../../src/object/stored-blocks.ts";
import { isOwnFile, readStoredObject } from "../../../src/object/stored-object.ts";
import { verifyObject } from "../../../src/object/verify-object.ts";
import { ANCESTOR_VALUES, ancestorFile } from "../../support/ancestor-directory.ts";
import { encodeClientFile, encodeClientValue, withMagicOf } from "../../support/client-file.ts";
import { CLIENT_OPAQUE_SCHEMA, encodeOpaqueBatch } from "../../support/opaque-batch.ts";
import { GOLDEN, goldenFile } from "../arrow/golden.ts";
import { MemoryBytes } from "./memory-bytes.ts";
import { readAll, readValue, writeOpaque } from "./sample-objects.ts";

const OBJECT_CORRUPT = expect.objectContaining({ code: "OBJECT_CORRUPT" });
const TABLE_SCHEMA = encodeSchemaMessage({ fields: [] });
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

describe("a file whose magic is padded in another way", () => {
  it.each([8, 9, 16, 64, 128, 1000])("to %i bytes is read as one that is padded to 8", async (magicBytes) => {
    for (const name of Object.keys(GOLDEN.files)) {
      const [usual, other] = [goldenFile(name), withMagicOf(goldenFile(name), magicBytes)];
      const [a, b] = [(await read(usual))!, (await read(other))!];
      expect({ ...b, batches: [], source: [] }).toEqual({ ...a, batches: [], source: [] });
      expect(await readAll(b)).toBe(await readAll(a));
      expect(Array.from(b.batches, ({ block }) => block.position)).toEqual(
        Array.from(a.batches, ({ block }) => block.position + magicBytes - 8),
      );
      expect(await verifyObject(new MemoryBytes(other), "file")).toMatchObject({ rowCount: a.rowCount });
    }
  });

  it("beyond any writer's is damaged", async () => {
    await expect(read(withMagicOf(goldenFile("nested"), 2000))).rejects.toThrow(OBJECT_CORRUPT);
  });

  it("is not whole yet while it is being written", async () => {
    const bytes = withMagicOf(goldenFile("nested"), 64);
    for (const length of [0, 5, 6, 40, 64, 70, 500, bytes.length - 1])
      expect(await read(bytes.subarray(0, length))).toBeUndefined();
  });

  it("is found behind a length that begins with zeros, framed as before Arrow 0.15", async () => {
    const schemaHeader = Buffer.concat([TABLE_SCHEMA, Buffer.alloc(256 - TABLE_SCHEMA.length)]);
    const bytes = encodeClientFile(schemaHeader, []);
    const old = Buffer.concat([bytes.subarray(0, 8), bytes.subarray(12, 16), bytes.subarray(16)]);
    old.writeInt32LE(256, 8);
    expect(await read(old)).toMatchObject({ kind: "table", schemaHeader });
  });
});

describe("a file of the Rust cache", () => {
  it.each(ANCESTOR_VALUES)(
    "%s has the version of its cell and its value as it is stored",
    async (key, rows) => {
      const [version, text, stored] = rows[0]!;
      const found = (await read(readFileSync(ancestorFile(`${key}.arrow`))))!;
      expect(found).toMatchObject({ kind: "opaque", version, isOwn: false, rowCount: 1 });
      expect(found.saysVersion).toBe(key !== "team/jobs/direct");
      expect(await readValue(found)).toBe(stored);
      // A short value gains nothing by ZSTD.
      expect(found.codec).toEqual(
        text.length < 100 ? undefined : { name: "zstd", valueSizeBytes: text.length },
      );
    },
  );

  it("is found to be ours in no state of damage, and a file of ours in each", async () => {
    const bytes = readFileSync(ancestorFile("team/tables/table.arrow"));
    const own = (await writeOpaque([Buffer.alloc(2000, 7)])).file.bytes;
    for (const damage of [(file: Buffer) => file, withoutStart, withoutEnd]) {
      expect(await isOwnFile(new MemoryBytes(damage(bytes)), "file")).toBe(false);
      expect(await isOwnFile(new MemoryBytes(damage(own)), "file")).toBe(true);
    }
  });
});

function withoutStart(file: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(200, "x"), file.subarray(200)]);
}

function withoutEnd(file: Buffer): Buffer {
  return file.subarray(0, -100);
}

describe("a client's file with claims that do not hold", () => {
  const ROWS = { rowCount: Number.MAX_SAFE_INTEGER, nodes: [], buffers: [], bodySizeBytes: 0 };

  it("is damaged when its batches claim more rows than a number holds", async () => {
    const batch = { header: encodeRecordBatchMessage(ROWS), body: Buffer.alloc(0) };
    await expect(read(encodeClientFile(TABLE_SCHEMA, [batch, batch]))).rejects.toThrow(OBJECT_CORRUPT);
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
