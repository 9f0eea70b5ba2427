import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { OpaqueWriter } from "../../../src/object/opaque-writer.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { scratchDirectory } from "../storage/scratch-directory.ts";

const key = parseObjectKey("a/s/o");
const value = Buffer.from("the value and nothing else");

async function putOne(directory: string): Promise<IndexedCache> {
  const storage = new DiskStorage({ directory });
  const cache = new IndexedCache(storage);
  await cache.start();
  const draft = cache.draftPut(key, "opaque");
  const writer = new OpaqueWriter(draft.sink);
  await writer.append([value]);
  await draft.commit(writer);
  await storage.settle();
  return cache;
}

async function read(cache: IndexedCache): Promise<string> {
  const { reading, base } = await cache.open(key, () => true);
  try {
    const [range] = base!.dataRanges;
    return String(await base!.source.read(range!.position, range!.sizeBytes));
  } finally {
    reading.close();
  }
}

describe("an opaque object whose place in its file is known", () => {
  it("is read without its footer", async () => {
    const directory = scratchDirectory();
    const cache = await putOne(directory);
    const file = path.join(directory, "a/s/o.arrow");
    const { size } = fs.statSync(file);
    const descriptor = fs.openSync(file, "r+");
    fs.writeSync(descriptor, Buffer.alloc(200), 0, 200, size - 200);
    fs.closeSync(descriptor);
    expect(await read(cache)).toBe(String(value));
    await cache.stop();
  });

  it("is read anew when its file has another size, and is damaged when that is no object", async () => {
    const directory = scratchDirectory();
    const cache = await putOne(directory);
    const file = path.join(directory, "a/s/o.arrow");
    fs.truncateSync(file, fs.statSync(file).size - 1);
    await expect(read(cache)).rejects.toThrow(/^\[OBJECT_CORRUPT\]/);
    await cache.stop();
  });

  it("is found again by the next process, and compared with its checksum first", async () => {
    const directory = scratchDirectory();
    await (await putOne(directory)).stop();
    const cache = new IndexedCache(new DiskStorage({ directory }));
    await cache.start();
    expect(await read(cache)).toBe(String(value));
    expect((await cache.stat(key)).value?.sizeBytes).toBe(value.length);
    await cache.stop();
  });
});
