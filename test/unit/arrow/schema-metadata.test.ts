/**
 * New metadata in front of a schema message that is otherwise not touched.
 */
import { describe, expect, it } from "vitest";
import { FlatbufferReader } from "../../../src/arrow/flatbuffer-reader.ts";
import { FlatbufferWriter, int16, int64, OFFSET, uint8 } from "../../../src/arrow/flatbuffer-writer.ts";
import { decodeKeyValues, writeKeyValues } from "../../../src/arrow/key-values.ts";
import { decodeMessage } from "../../../src/arrow/message.ts";
import { decodeSchema, schemaTable } from "../../../src/arrow/schema.ts";
import { findMetadataValue, withSchemaMetadata } from "../../../src/arrow/schema-metadata.ts";
import { MESSAGE, SCHEMA } from "../../../src/arrow/slots.ts";
import { beginSchema, buildSchema } from "./build-schema.ts";
import { GOLDEN, goldenSchemaHeader } from "./golden.ts";

const VERSION: readonly [string, string] = ["flame.cache.version", "0000000000000012"];

describe("withSchemaMetadata", () => {
  it.each(Object.keys(GOLDEN.streams))("gives %s new metadata and leaves its fields as they were", (name) => {
    const old = goldenSchemaHeader(name);
    const { header, frontSizeBytes } = withSchemaMetadata(old, [VERSION]);
    const before = decodeSchema(old);
    const after = decodeSchema(header);
    expect(after.fields).toEqual(before.fields);
    expect(after.metadata).toEqual([VERSION, ...before.metadata.filter(([key]) => key !== VERSION[0])]);
    expect(header.subarray(frontSizeBytes).equals(old)).toBe(true);
    expect(frontSizeBytes % 8).toBe(0);
    expect(decodeMessage(header)).toEqual(decodeMessage(old));
  });

  it("replaces entries of equal keys and keeps the others in their order", () => {
    const set = [
      ["kept", "new"],
      ["added", "\u00e4"],
    ] as const;
    const { metadata } = decodeSchema(withSchemaMetadata(goldenSchemaHeader("annotated"), set).header);
    expect(metadata).toEqual([
      ...set,
      ["flame.cache.format", "arrow-table-v1"],
      ["empty", ""],
      ["flame.cache.version", "7"],
    ]);
  });

  it("can be used on its own result", () => {
    const once = withSchemaMetadata(goldenSchemaHeader("nested"), [VERSION]).header;
    const twice = withSchemaMetadata(once, [[VERSION[0], "13"]]).header;
    expect(decodeSchema(twice).metadata).toEqual([[VERSION[0], "13"]]);
    expect(decodeSchema(twice).fields).toEqual(decodeSchema(goldenSchemaHeader("nested")).fields);
  });

  it("keeps byte order and features", () => {
    const writer = new FlatbufferWriter();
    const slots = beginSchema(writer, [int16(1), undefined, undefined, OFFSET]);
    const features = writer.vector(2, 8, 8);
    writer.link(slots[3]!, features);
    writer.setInt64(features + 4, 1);
    writer.setInt64(features + 12, 2);
    const { header } = withSchemaMetadata(writer.finish(), [VERSION]);
    const reader = new FlatbufferReader(header);
    const kept = schemaTable(reader.root()).vector(SCHEMA.features, 8)!;
    expect([0, 8].map((at) => reader.int64(kept.position + at))).toEqual([1, 2]);
    expect(kept.position % 8).toBe(0);
    expect(decodeSchema(header)).toEqual({ endianness: "big", fields: [], metadata: [VERSION] });
  });

  it("keeps the metadata of the message itself", () => {
    const writer = new FlatbufferWriter();
    const message = writer.table([int16(4), uint8(1), OFFSET, int64(0), OFFSET]);
    writer.link(0, message.position);
    writer.link(message.slots[2]!, writer.table([]).position);
    writeKeyValues(writer, message.slots[4]!, [["about", "the message"]]);
    const { header } = withSchemaMetadata(writer.finish(), [VERSION]);
    const kept = decodeKeyValues(new FlatbufferReader(header).root(), MESSAGE.metadata);
    expect(kept).toEqual([["about", "the message"]]);
  });

  it("drops the entries that are to be removed", () => {
    const { header } = withSchemaMetadata(goldenSchemaHeader("annotated"), [["added", "1"]]);
    const removed = withSchemaMetadata(header, [], ["added"]).header;
    expect(decodeSchema(removed)).toEqual(decodeSchema(goldenSchemaHeader("annotated")));
  });

  it("refuses what is no schema message", () => {
    expect(() => withSchemaMetadata(Buffer.alloc(64), [VERSION])).toThrow(/INVALID_IPC/);
  });
});

describe("findMetadataValue", () => {
  it("finds a value so that it can be written over in place", () => {
    const { header } = withSchemaMetadata(goldenSchemaHeader("annotated"), [VERSION]);
    const found = findMetadataValue(header, VERSION[0])!;
    expect(found.sizeBytes).toBe(VERSION[1].length);
    header.write("0000000000000013", found.position);
    expect(decodeSchema(header).metadata[0]).toEqual([VERSION[0], "0000000000000013"]);
  });

  it("finds empty values and no value for a key that is not there", () => {
    expect(findMetadataValue(goldenSchemaHeader("annotated"), "empty")?.sizeBytes).toBe(0);
    expect(findMetadataValue(goldenSchemaHeader("annotated"), "empt")).toBeUndefined();
    expect(findMetadataValue(buildSchema([]), "empty")).toBeUndefined();
  });
});
