/**
 * Layouts of tables that were read: kept within a bound, dropped with their base, and never a reason for a wrong answer.
 */
import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { IndexEntry } from "../../../src/cache/index-entry.ts";
import type { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import { LayoutCache } from "../../../src/cache/layout-cache.ts";
import { SchemaPool } from "../../../src/cache/schema-pool.ts";
import { LIMITS } from "../../../src/limits.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { readBlockHeader, type StoredObject } from "../../../src/object/stored-blocks.ts";
import { readStoredObject } from "../../../src/object/stored-object.ts";
import type { StoredFile } from "../../../src/storage/object-storage.ts";
import { goldenTable, writeTable } from "../object/sample-objects.ts";
import { diskCache, ownDirectory, putTable, settled } from "./cache-fixture.ts";

const TABLE = "decimals";

function entry({ isVerified = true } = {}): IndexEntry {
  const facts = { version: 1, rowCount: 3, dataBytes: 24, fileSizeBytes: 900, isVerified };
  return new IndexEntry(parseObjectKey("app/session/table"), { kind: "table", form: "file", ...facts });
}

async function storedTable(): Promise<StoredObject> {
  const { file } = await writeTable(goldenTable(TABLE));
  return (await readStoredObject(file, "file"))!;
}

function fileOf(object: StoredObject): StoredFile {
  return { sizeBytes: object.source.sizeBytes, read: (at, size) => object.source.read(at, size), close() {} };
}

async function headersOf(cache: IndexedCache, key: string): Promise<string[]> {
  const { reading, base } = await cache.open(parseObjectKey(key), () => true);
  try {
    const headers = [base!.schemaHeader.toString("hex")];
    for (const { block } of base!.batches) {
      headers.push(Buffer.from(await readBlockHeader(base!.source, block)).toString("hex"));
    }
    return headers;
  } finally {
    reading.close();
  }
}

describe("the layouts of tables", () => {
  it("are found again for the same entry and a file of the same size, and for nothing else", async () => {
    const layouts = new LayoutCache(new SchemaPool());
    const object = await storedTable();
    const known = entry();
    layouts.remember(known, object);
    const file = fileOf(object);
    expect(layouts.find(known, file)).toMatchObject({
      kind: "table",
      rowCount: object.rowCount,
      source: file,
    });
    expect([...layouts.find(known, file)!.batches]).toEqual([...object.batches]);
    expect(layouts.find(entry(), file)).toBeUndefined();
    expect(layouts.find(known, { ...file, sizeBytes: file.sizeBytes + 8 })).toBeUndefined();
  });

  it("are kept within the bound, the least recently used leaving first", async () => {
    const object = await storedTable();
    const probe = new LayoutCache(new SchemaPool());
    probe.remember(entry(), object);
    const layouts = new LayoutCache(new SchemaPool(), 3 * probe.sizeBytes);
    const [first, second, ...later] = Array.from({ length: 4 }, () => entry()) as [
      IndexEntry,
      IndexEntry,
      ...IndexEntry[],
    ];
    const file = fileOf(object);
    layouts.remember(first, object);
    layouts.remember(second, object);
    layouts.remember(later[0]!, object);
    layouts.find(first, file);
    layouts.remember(later[1]!, object);
    expect(layouts.sizeBytes).toBe(3 * probe.sizeBytes);
    expect(layouts.find(second, file)).toBeUndefined();
    expect(layouts.find(first, file)).toBeDefined();
  });

  it("hold no view of the file that was read", async () => {
    const layouts = new LayoutCache(new SchemaPool());
    const object = await storedTable();
    const known = entry();
    layouts.remember(known, object);
    const before = Buffer.from(object.schemaHeader);
    object.schemaHeader.fill(0);
    expect(layouts.find(known, fileOf(object))!.schemaHeader.equals(before)).toBe(true);
  });

  it("share one copy of a schema, in memory of its own and not of a pool", async () => {
    const layouts = new LayoutCache(new SchemaPool());
    const object = await storedTable();
    const entries = [entry(), entry()];
    for (const each of entries) layouts.remember(each, object);
    const file = fileOf(object);
    const [first, second] = entries.map((each) => layouts.find(each, file)!.schemaHeader);
    expect(second!.buffer).toBe(first!.buffer);
    expect(first!.buffer.byteLength - object.schemaHeader.length).toBeLessThan(16);
  });

  it("are not kept of an object whose checksum was not compared, nor when one is very large", async () => {
    const layouts = new LayoutCache(new SchemaPool());
    const object = await storedTable();
    layouts.remember(entry({ isVerified: false }), object);
    layouts.remember(entry(), { ...object, isOwn: false });
    layouts.remember(entry(), { ...object, schemaHeader: Buffer.alloc(LIMITS.layoutBytesMax) });
    expect(layouts.sizeBytes).toBe(0);
  });
});

describe("a table that is read again", () => {
  it("is read without its footer", async () => {
    const directory = ownDirectory();
    const cache = await diskCache(directory);
    await putTable(cache, "a/s/o", TABLE);
    await settled(cache);
    const before = await headersOf(cache, "a/s/o");
    const file = path.join(directory, "a/s/o.arrow");
    const descriptor = fs.openSync(file, "r+");
    fs.writeSync(descriptor, Buffer.alloc(100), 0, 100, fs.fstatSync(descriptor).size - 100);
    fs.closeSync(descriptor);
    expect(await headersOf(cache, "a/s/o")).toEqual(before);
  });

  it("is the new one after it was replaced", async () => {
    const cache = await diskCache(ownDirectory());
    await putTable(cache, "a/s/o", TABLE);
    const before = await headersOf(cache, "a/s/o");
    await putTable(cache, "a/s/o", "dictionaries");
    expect(await headersOf(cache, "a/s/o")).not.toEqual(before);
  });
});
