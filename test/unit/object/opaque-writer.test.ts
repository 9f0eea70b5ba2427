/**
 * Opaque values as object files: one row, or several above the limit, whatever pieces the value came in.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readFramedHeader } from "../../../src/arrow/encapsulated.ts";
import { decodeFooter } from "../../../src/arrow/footer.ts";
import { decodeMessage } from "../../../src/arrow/message.ts";
import { CacheError } from "../../../src/errors.ts";
import { OPAQUE_SCHEMA_HEADER } from "../../../src/object/object-schema.ts";
import { OpaqueWriter } from "../../../src/object/opaque-writer.ts";
import { readStoredObject } from "../../../src/object/stored-object.ts";
import { verifyObject } from "../../../src/object/verify-object.ts";
import { MemoryBytes } from "./memory-bytes.ts";
import { readValue, writeOpaque } from "./sample-objects.ts";

const SEED = 20_256;

function bytesOf(sizeBytes: number): Buffer {
  return Buffer.from(Array.from({ length: sizeBytes }, (_, index) => index % 251));
}

/** A sink that refuses everything from some moment on, as a disk does that is full. */
class FullSink extends MemoryBytes {
  isFull = false;

  override append(chunks: readonly Uint8Array[]): undefined {
    if (this.isFull) return Promise.reject(new CacheError("STORAGE_FULL")) as never;
    super.append(chunks);
  }
}

describe("an opaque file", () => {
  it.each([0, 1, 63, 64, 65, 1000])("of %i bytes gives the value back", async (sizeBytes) => {
    const { file } = await writeOpaque([bytesOf(sizeBytes)]);
    const object = (await readStoredObject(file, "file"))!;
    expect(object).toMatchObject({ kind: "opaque", version: 1, rowCount: 1, dataBytes: sizeBytes });
    expect(await readValue(object)).toBe(bytesOf(sizeBytes).toString("hex"));
  });

  it("is the same to the byte whatever pieces the value came in", async () => {
    const whole = await writeOpaque([bytesOf(300)], { rowBytesMax: 128 });
    const property = fc.asyncProperty(fc.array(fc.nat({ max: 300 }), { maxLength: 8 }), async (cuts) => {
      const ends = [...cuts, 300].sort((a, b) => a - b);
      const pieces = ends.map((end, index) => bytesOf(300).subarray(ends[index - 1] ?? 0, end));
      const { file } = await writeOpaque(pieces, { rowBytesMax: 128 });
      expect(file.bytes.equals(whole.file.bytes)).toBe(true);
    });
    await fc.assert(property, { seed: SEED, numRuns: 50 });
  });

  it("has its data at a multiple of 64", async () => {
    const { file } = await writeOpaque([bytesOf(100)]);
    const { dataRanges } = (await readStoredObject(file, "file"))!;
    expect(dataRanges.map(({ position }) => position % 64)).toEqual([0]);
  });

  it("has the cache's schema message at its head", async () => {
    const { file } = await writeOpaque([bytesOf(5)]);
    const object = (await readStoredObject(file, "file"))!;
    expect(object.schemaHeader).toEqual(OPAQUE_SCHEMA_HEADER);
    expect(file.bytes.subarray(0, 8).toString("latin1")).toBe("ARROW1\0\0");
  });

  it("holds the server's version in its version cell", async () => {
    const { file } = await writeOpaque([bytesOf(5)], { version: 2 ** 40 + 3 });
    const { dataRanges, version } = (await readStoredObject(file, "file"))!;
    expect(file.bytes.readBigUInt64LE(dataRanges[0]!.position - 128)).toBe(2n ** 40n + 3n);
    expect(version).toBe(2 ** 40 + 3);
  });

  it.each([
    [128, 1, [128]],
    [129, 2, [128, 1]],
    [256, 2, [128, 128]],
    [300, 3, [128, 128, 44]],
  ])("of %i bytes is %i rows when a row holds 128", async (sizeBytes, rowCount, sizes) => {
    const { file } = await writeOpaque([bytesOf(sizeBytes)], { rowBytesMax: 128, version: 4 });
    const object = await verifyObject(file, "file");
    expect(object).toMatchObject({ rowCount, dataBytes: sizeBytes, version: 4 });
    expect(object.dataRanges.map((range) => range.sizeBytes)).toEqual(sizes);
    expect(await readValue(object)).toBe(bytesOf(sizeBytes).toString("hex"));
  });

  it("gives each of several rows the object's version", async () => {
    const { file } = await writeOpaque([bytesOf(200)], { rowBytesMax: 64, version: 9 });
    const { dataRanges } = (await readStoredObject(file, "file"))!;
    const versions = dataRanges.map(({ position }) => file.bytes.readBigUInt64LE(position - 128));
    expect(versions).toEqual([9n, 9n, 9n, 9n]);
  });

  it("ends with an error, and no unhandled one, when the sink fails between two appends", async () => {
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown): void => void unhandled.push(error);
    process.on("unhandledRejection", onUnhandled);
    const sink = new FullSink();
    const writer = new OpaqueWriter(sink, 64);
    await writer.append([bytesOf(60)]);
    sink.isFull = true;
    await expect(writer.append([bytesOf(200)])).rejects.toThrow("[STORAGE_FULL]");
    await expect(writer.finish(1)).rejects.toThrow("[STORAGE_FULL]");
    // Node tells of unhandled rejections before it turns to the next round of its loop.
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", onUnhandled);
    expect(unhandled).toEqual([]);
  });
});

describe("a compressed opaque value", () => {
  const STORED = Buffer.concat([Buffer.from("0a00000000000000", "hex"), Buffer.from("packed")]);
  const CODEC = { name: "zstd", valueSizeBytes: 10 } as const;

  it("is kept as it came, in a batch that says how it is compressed", async () => {
    const file = new MemoryBytes();
    const writer = new OpaqueWriter(file);
    await writer.append([STORED]);
    writer.endBatch(CODEC);
    await writer.finish(1);
    const object = await verifyObject(file, "file");
    expect(object).toMatchObject({ codec: CODEC, dataBytes: STORED.length });
    expect(await readValue(object)).toBe(STORED.toString("hex"));
    const block = decodeFooter(file.bytes, file.sizeBytes).recordBatches.at(0)!;
    const message = decodeMessage(readFramedHeader(file.bytes, block.position).header);
    expect(message).toMatchObject({ batch: { rowCount: 1, compression: "zstd" } });
  });

  it.each([
    ["a second compressed row", CODEC],
    ["a plain row behind it", undefined],
  ])("is INVALID_REQUEST with %s", async (_, second) => {
    const writer = new OpaqueWriter(new MemoryBytes());
    await writer.append([STORED]);
    writer.endBatch(CODEC);
    await writer.append([STORED]);
    expect(() => writer.endBatch(second)).toThrow(expect.objectContaining({ code: "INVALID_REQUEST" }));
  });

  it("is INVALID_REQUEST behind a plain row", async () => {
    const writer = new OpaqueWriter(new MemoryBytes());
    await writer.append([Buffer.from("plain")]);
    writer.endBatch(undefined);
    await writer.append([STORED]);
    expect(() => writer.endBatch(CODEC)).toThrow(expect.objectContaining({ code: "INVALID_REQUEST" }));
  });

  it("may have empty batches around it", async () => {
    const file = new MemoryBytes();
    const writer = new OpaqueWriter(file);
    writer.endBatch(undefined);
    await writer.append([STORED]);
    writer.endBatch(CODEC);
    writer.endBatch(undefined);
    await writer.finish(1);
    expect((await verifyObject(file, "file")).codec).toEqual(CODEC);
  });
});
