/**
 * Footers: those of pyarrow are read as pyarrow wrote them, ours read back equal, and impossible ones are refused.
 */
import { describe, expect, it } from "vitest";
import type { Block } from "../../../src/arrow/block-list.ts";
import { readFramedHeader } from "../../../src/arrow/encapsulated.ts";
import { decodeFooter, encodeFooter, footerSizeBytes } from "../../../src/arrow/footer.ts";
import { decodeMessage } from "../../../src/arrow/message.ts";
import { encodeSchemaMessage } from "../../../src/arrow/message-writer.ts";
import { decodeSchema } from "../../../src/arrow/schema.ts";
import { withSchemaMetadata } from "../../../src/arrow/schema-metadata.ts";
import { LIMITS } from "../../../src/limits.ts";
import { assembleFile } from "./assemble-file.ts";
import { fieldFacts, GOLDEN, goldenFile, goldenSchemaHeader, goldenStream } from "./golden.ts";

const METADATA: [string, string][] = [
  ["flame.cache.version", "12"],
  ["", ""],
  ["other", "\u00e4".repeat(1000)],
];

function batchRows(file: Buffer, blocks: Iterable<Block>): number[] {
  return [...blocks].map((block) => {
    const { header, sizeBytes } = readFramedHeader(file, block.position);
    const message = decodeMessage(header);
    expect([sizeBytes, message.bodySizeBytes]).toEqual([block.metadataSizeBytes, block.bodySizeBytes]);
    return "batch" in message ? message.batch.rowCount : -1;
  });
}

describe("golden files", () => {
  it.each(Object.keys(GOLDEN.files))("reads the footer of %s as pyarrow describes it", (name) => {
    const file = goldenFile(name);
    const golden = GOLDEN.files[name]!;
    const footer = decodeFooter(file, file.length);
    expect(footer.schema.fields.map(fieldFacts)).toEqual(golden.fields);
    expect(footer.schema.metadata).toEqual(golden.metadata);
    expect(footer.metadata).toEqual(golden.footerMetadata);
    expect(batchRows(file, footer.recordBatches)).toEqual(golden.rows);
    expect(batchRows(file, footer.dictionaries).every((rows) => rows > 0)).toBe(true);
  });
});

describe("encodeFooter", () => {
  const FILES = Object.keys(GOLDEN.streams).filter((name) => name !== "replaced");

  it.each(FILES)("ends a file made of %s and reads back equal", (name) => {
    const { bytes, dictionaries, recordBatches } = assembleFile(goldenStream(name), METADATA);
    const footer = decodeFooter(bytes, bytes.length);
    expect(footer.schema).toEqual(decodeSchema(goldenSchemaHeader(name)));
    expect([...footer.dictionaries]).toEqual(dictionaries);
    expect([...footer.recordBatches]).toEqual(recordBatches);
    expect(footer.metadata).toEqual(METADATA);
    expect(batchRows(bytes, footer.recordBatches)).toEqual(GOLDEN.streams[name]!.rows);
  });

  it("embeds a schema that was given new metadata, unchanged and at a multiple of 8", () => {
    const schemaHeader = withSchemaMetadata(goldenSchemaHeader("nested"), METADATA).header;
    const end = encodeFooter({ schemaHeader, dictionaries: [], recordBatches: [], metadata: [] }, 64);
    // The file's footer begins after the 8 bytes that end the stream.
    expect((end.indexOf(schemaHeader) - 8) % 8).toBe(0);
    expect(end.indexOf(schemaHeader)).toBeGreaterThan(0);
    expect(decodeFooter(end, 64 + end.length).schema).toEqual(decodeSchema(schemaHeader));
  });

  it("begins with the end of the stream and tells the size of the rest in its last ten bytes", () => {
    const { bytes } = assembleFile(goldenStream("nested"), METADATA);
    const sizeBytes = footerSizeBytes(bytes.subarray(-10));
    const start = bytes.length - sizeBytes;
    expect(start % 8).toBe(0);
    expect(bytes.toString("hex", start - 8, start)).toBe("ffffffff00000000");
    expect(decodeFooter(bytes.subarray(start), bytes.length)).toEqual(decodeFooter(bytes, bytes.length));
  });

  it("holds positions beyond 32 bits and a hundred thousand blocks", () => {
    const recordBatches = Array.from({ length: 100_000 }, (_, index) => ({
      position: 2 ** 33 * index + 64,
      metadataSizeBytes: 8 * (index + 1),
      bodySizeBytes: 8 * index,
    }));
    const schemaHeader = encodeSchemaMessage({ fields: [] });
    const position = 2 ** 50;
    const end = encodeFooter({ schemaHeader, dictionaries: [], recordBatches, metadata: [] }, position);
    const footer = decodeFooter(end, position + end.length);
    expect(footer.recordBatches.length).toBe(100_000);
    const some = [0, 1, 4095, 99_999];
    expect(some.map((index) => footer.recordBatches.at(index))).toEqual(
      some.map((index) => recordBatches[index]),
    );
    expect(footer.dictionaries.at(0)).toBeUndefined();
  });
});

describe("decodeFooter", () => {
  const POSITION = 1024;
  const good: Block = { position: 64, metadataSizeBytes: 128, bodySizeBytes: 256 };

  function decodeWith(recordBatches: Block[], dictionaries: Block[] = []): unknown {
    const schemaHeader = encodeSchemaMessage({ fields: [] });
    const end = encodeFooter({ schemaHeader, dictionaries, recordBatches, metadata: [] }, POSITION);
    return decodeFooter(end, POSITION + end.length);
  }

  it("takes a block that ends where the stream ends", () => {
    expect(decodeWith([{ ...good, position: POSITION - 384 }])).toBeDefined();
  });

  it("takes a block wherever the padding of the magic put it", () => {
    expect(decodeWith([{ ...good, position: 73 }])).toBeDefined();
  });

  it.each<[string, Block]>([
    ["lies behind the footer's start", { ...good, position: POSITION - 368 }],
    ["lies outside the file", { ...good, position: 2 ** 50 }],
    ["has a body larger than the file", { ...good, bodySizeBytes: 2 ** 52 }],
    ["is before the file", { ...good, position: -64 }],
    ["has no header", { ...good, metadataSizeBytes: 0 }],
    ["has a negative header", { ...good, metadataSizeBytes: -128 }],
    ["has a negative body", { ...good, bodySizeBytes: -8 }],
    ["has a header that is not aligned", { ...good, metadataSizeBytes: 124 }],
    ["has a body that is not aligned", { ...good, bodySizeBytes: 252 }],
  ])("refuses a block that %s", (_what, block) => {
    expect(() => decodeWith([block])).toThrow(/INVALID_IPC.*block/);
    expect(() => decodeWith([], [block])).toThrow(/INVALID_IPC.*block/);
  });

  it("refuses blocks that are larger than the file together", () => {
    expect(() => decodeWith([good], [good])).not.toThrow();
    expect(() => decodeWith([good, good], [good])).toThrow(/INVALID_IPC.*outside/);
  });

  it("refuses a footer without a schema", () => {
    const end = encodeFooter(
      {
        schemaHeader: encodeSchemaMessage({ fields: [] }),
        dictionaries: [],
        recordBatches: [],
        metadata: [],
      },
      POSITION,
    );
    const root = 8 + end.readUInt32LE(8);
    const vtable = root - end.readInt32LE(root);
    end.writeUInt16LE(0, vtable + 4 + 2);
    expect(() => decodeFooter(end, POSITION + end.length)).toThrow(/INVALID_IPC.*no schema/);
  });

  it("refuses a footer that is longer than the file or the bytes at hand", () => {
    const file = goldenFile("nested");
    expect(() => decodeFooter(file.subarray(-100), file.length)).toThrow(/INVALID_IPC.*shorter/);
    expect(() => decodeFooter(file, footerSizeBytes(file) - 1)).toThrow(/INVALID_IPC.*shorter/);
  });
});

describe("footerSizeBytes", () => {
  const trailer = (sizeBytes: number): Buffer => {
    const bytes = Buffer.from("0000ARROW1".replace("0000", "\0\0\0\0"), "latin1");
    bytes.writeInt32LE(sizeBytes);
    return bytes;
  };

  it("counts the size and the magic behind the footer", () => {
    expect(footerSizeBytes(trailer(100))).toBe(110);
    expect(footerSizeBytes(trailer(LIMITS.footerBytesMax))).toBe(LIMITS.footerBytesMax + 10);
  });

  it.each([0, -1, -(2 ** 31), LIMITS.footerBytesMax + 1, 2 ** 31 - 1])(
    "refuses a footer of %i bytes",
    (size) => {
      expect(() => footerSizeBytes(trailer(size))).toThrow(/INVALID_IPC/);
    },
  );

  it.each(["", "ARROW1", "\0\0\0\0ARROW2", "\x10\0\0\0arrow1"])(
    "refuses an end that is not Arrow's: %j",
    (end) => {
      expect(() => footerSizeBytes(Buffer.from(end, "latin1"))).toThrow(/INVALID_IPC/);
    },
  );
});
