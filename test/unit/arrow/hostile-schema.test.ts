/**
 * Schemas and footers no honest writer makes: impossible counts, endless nesting, the same bytes over and over.
 *
 * Each is refused soon and without taking memory in proportion to what it claims.
 */
import { describe, expect, it } from "vitest";
import { FlatbufferWriter, int16, OFFSET, uint8 } from "../../../src/arrow/flatbuffer-writer.ts";
import { decodeFooter, encodeFooter } from "../../../src/arrow/footer.ts";
import { encodeSchemaMessage } from "../../../src/arrow/message-writer.ts";
import { decodeFieldsSteps, decodeSchema } from "../../../src/arrow/schema.ts";
import { findMetadataValue, withSchemaMetadata } from "../../../src/arrow/schema-metadata.ts";
import { TYPE_ID } from "../../../src/arrow/slots.ts";
import { LIMITS } from "../../../src/limits.ts";
import { atOnce } from "../../../src/turns.ts";
import { beginSchema, buildSchema } from "./build-schema.ts";
import { DECODE_MS_MAX, fastestOutcomeOf } from "./damage.ts";

const MIB = 2 ** 20;

/** A chain of structs each of whose children are the same table, `width` times: width ** depth fields. */
function sharedChildren(width: number, depth: number): Buffer {
  const writer = new FlatbufferWriter();
  let from = beginSchema(writer, [int16(0), OFFSET])[1]!;
  for (let level = 0; level < depth; level++) {
    const children = writer.vector(width, 4, 4);
    writer.link(from, children);
    const table = writer.table([undefined, uint8(1), uint8(TYPE_ID.struct), OFFSET, undefined, OFFSET]);
    for (let child = 0; child < width; child++) writer.link(children + 4 + 4 * child, table.position);
    writer.link(table.slots[3]!, writer.table([]).position);
    from = table.slots[5]!;
  }
  writer.link(from, writer.vector(0, 4, 4));
  return writer.finish();
}

/** Metadata whose entries are one table, whose key and value are one string. */
function sharedEntries(count: number, textSizeBytes: number): Buffer {
  const writer = new FlatbufferWriter();
  const slots = beginSchema(writer, [int16(0), undefined, OFFSET]);
  const entries = writer.vector(count, 4, 4);
  writer.link(slots[2]!, entries);
  const table = writer.table([OFFSET, OFFSET]);
  for (let entry = 0; entry < count; entry++) writer.link(entries + 4 + 4 * entry, table.position);
  const text = writer.string("x".repeat(textSizeBytes));
  for (const slot of table.slots) writer.link(slot, text);
  return writer.finish();
}

/** Fields without names, of so many empty entries of metadata each. */
function annotatedFields(count: number, entries: number): Buffer {
  const writer = new FlatbufferWriter(4 * count * (entries + 32));
  const slots = beginSchema(writer, [int16(0), OFFSET]);
  const fields = writer.vector(count, 4, 4);
  writer.link(slots[1]!, fields);
  for (let field = 0; field < count; field++) {
    const table = writer.table([
      undefined,
      undefined,
      uint8(TYPE_ID.null),
      OFFSET,
      undefined,
      undefined,
      OFFSET,
    ]);
    writer.link(fields + 4 + 4 * field, table.position);
    writer.link(table.slots[3]!, writer.table([]).position);
    const vector = writer.vector(entries, 4, 4);
    writer.link(table.slots[6]!, vector);
    for (let index = 0; index < entries; index++) {
      writer.link(vector + 4 + 4 * index, writer.table([]).position);
    }
  }
  return writer.finish();
}

/** Fields that begin 4 bytes after each other, each a string as long as the rest of the message: all overlap. */
function overlappingNames(count: number): Buffer {
  const writer = new FlatbufferWriter();
  const slots = beginSchema(writer, [int16(0), OFFSET]);
  const fields = writer.vector(count, 4, 4);
  writer.link(slots[1]!, fields);
  const tables = Array.from({ length: count }, () => writer.table([OFFSET, undefined, uint8(1), OFFSET]));
  const type = writer.table([]).position;
  const names = writer.reserve(8 * count);
  tables.forEach((table, index) => {
    writer.link(fields + 4 + 4 * index, table.position);
    writer.link(table.slots[3]!, type);
    writer.link(table.slots[0]!, names + 4 * index);
    writer.setInt32(names + 4 * index, 4 * count);
  });
  return writer.finish();
}

/** A schema whose field, metadata or feature count is a lie. */
function vectorLength(slot: 1 | 2 | 3, length: number): Buffer {
  const writer = new FlatbufferWriter();
  const slots = beginSchema(writer, [int16(0), OFFSET, OFFSET, OFFSET]);
  for (const from of slots.slice(1)) writer.link(from, writer.vector(0, 8, 8));
  const header = writer.finish();
  header.writeUInt32LE(length, slots[slot]! + header.readUInt32LE(slots[slot]!));
  return header;
}

const HOSTILE: [string, Buffer][] = [
  ["2^31 fields", vectorLength(1, 2 ** 31)],
  ["2^32 - 1 fields", vectorLength(1, 2 ** 32 - 1)],
  ["2^31 metadata entries", vectorLength(2, 2 ** 31)],
  ["a depth of 10,000", sharedChildren(1, 10_000)],
  ["two children sharing one table, 60 levels deep", sharedChildren(2, 60)],
  ["ten children sharing one table, 60 levels deep", sharedChildren(10, 60)],
  ["a thousand children sharing one table, 3 levels deep", sharedChildren(1000, 3)],
  ["a thousand metadata entries sharing one text of 1 MiB", sharedEntries(1000, MIB)],
  ["100,000 metadata entries sharing one table", sharedEntries(100_000, 100)],
  ["names that overlap", overlappingNames(2000)],
];

function refusal(decode: () => unknown): { refused: boolean; isSoon: boolean; isFlat: boolean } {
  const before = process.memoryUsage();
  const { refused, tookMs } = fastestOutcomeOf(decode);
  const after = process.memoryUsage();
  const takenBytes = after.heapUsed - before.heapUsed + after.external - before.external;
  return { refused, isSoon: tookMs < DECODE_MS_MAX, isFlat: takenBytes < 64 * MIB };
}

const REFUSED = { refused: true, isSoon: true, isFlat: true };

describe("a hostile schema", () => {
  it.each(HOSTILE)("with %s is refused soon and in flat memory", (_what, header) => {
    expect(refusal(() => decodeSchema(header))).toEqual(REFUSED);
  });

  it.each([
    ["2^31 features", vectorLength(3, 2 ** 31)],
    ["2^31 metadata entries", vectorLength(2, 2 ** 31)],
    ["a thousand metadata entries sharing one text of 1 MiB", sharedEntries(1000, MIB)],
  ])("with %s is refused when its metadata is to be set", (_what, header) => {
    expect(refusal(() => withSchemaMetadata(header, [["k", "v"]]))).toEqual(REFUSED);
  });

  it("that shares entries is refused when a value is looked for", () => {
    expect(refusal(() => findMetadataValue(sharedEntries(1000, MIB), "k"))).toEqual(REFUSED);
  });

  it.each<[string, 1 | 2, number, RegExp]>([
    ["fields", 1, LIMITS.schemaFieldsMax + 1, /INVALID_IPC.*too many fields/],
    ["metadata entries", 2, LIMITS.metadataEntriesMax + 1, /INVALID_IPC.*too many metadata/],
  ])("with more %s than the limit is refused before the first is read", (_what, slot, count, refused) => {
    const writer = new FlatbufferWriter(4 * count + 256);
    const slots = beginSchema(writer, [int16(0), OFFSET, OFFSET]);
    writer.link(slots[1]!, writer.vector(0, 4, 4));
    writer.link(slots[2]!, writer.vector(0, 4, 4));
    writer.link(slots[slot]!, writer.vector(count, 4, 4));
    expect(() => decodeSchema(writer.finish())).toThrow(refused);
  });

  it("with more metadata entries in all its fields than the limit is refused, also where they are only counted", () => {
    const fields = Math.ceil(LIMITS.schemaMetadataEntriesMax / LIMITS.metadataEntriesMax) + 1;
    const header = annotatedFields(fields, LIMITS.metadataEntriesMax);
    expect(() => decodeSchema(header)).toThrow(/INVALID_IPC.*too much metadata/);
    expect(() => atOnce(decodeFieldsSteps(header))).toThrow(/INVALID_IPC.*too much metadata/);
  });

  it.each([
    ["a name", { typeId: TYPE_ID.null, name: "n".repeat(LIMITS.schemaTextBytesMax + 1) }],
    [
      "a time zone",
      {
        typeId: TYPE_ID.timestamp,
        slots: [int16(0), OFFSET],
        tail: "z".repeat(LIMITS.schemaTextBytesMax + 1),
      },
    ],
  ])("with %s beyond the limit is refused", (_what, field) => {
    expect(() => decodeSchema(buildSchema([field]))).toThrow(/INVALID_IPC.*too long/);
  });

  it("with a union of more type ids or children than there can be is refused", () => {
    const slots = [int16(0), OFFSET];
    const ids = Array.from({ length: LIMITS.unionChildrenMax + 1 }, (_, id) => id);
    const children = ids.map(() => ({ typeId: TYPE_ID.null }));
    const union = { typeId: TYPE_ID.union, children };
    expect(() => decodeSchema(buildSchema([{ typeId: TYPE_ID.union, slots, tail: ids }]))).toThrow(
      /INVALID_IPC.*union/,
    );
    expect(() => decodeSchema(buildSchema([union]))).toThrow(/INVALID_IPC.*union/);
  });

  it("that shares a little is read", () => {
    expect(decodeSchema(sharedChildren(2, 3)).fields).toHaveLength(2);
    expect(decodeSchema(sharedEntries(2, 100)).metadata).toHaveLength(2);
  });
});

describe("a hostile footer", () => {
  const end = (): Buffer =>
    encodeFooter(
      {
        schemaHeader: encodeSchemaMessage({ fields: [] }),
        dictionaries: [],
        recordBatches: [],
        metadata: [],
      },
      64,
    );

  /** The footer with a lie about the length of the vector in a slot of its root table. */
  function withVectorLength(slot: number, length: number): Buffer {
    const bytes = end();
    const root = 8 + bytes.readUInt32LE(8);
    const from = root + bytes.readUInt16LE(root - bytes.readInt32LE(root) + 4 + 2 * slot);
    bytes.writeUInt32LE(length, from + bytes.readUInt32LE(from));
    return bytes;
  }

  it("with more blocks than the limit is refused before the first is read", () => {
    const writer = new FlatbufferWriter(24 * LIMITS.batchesPerFileMax + 1024);
    const footer = writer.table([int16(4), OFFSET, undefined, OFFSET]);
    writer.link(0, footer.position);
    writer.link(footer.slots[1]!, writer.table([]).position);
    writer.link(footer.slots[3]!, writer.vector(LIMITS.batchesPerFileMax + 1, 24, 8));
    writer.setInt32(writer.reserve(4), writer.sizeBytes - 4);
    writer.bytes(Buffer.from("ARROW1"));
    expect(() => decodeFooter(writer.finish(), 2 ** 40)).toThrow(/INVALID_IPC.*too many batches/);
  });

  it.each([2, 3, 4])("with 2^31 elements in slot %i is refused soon and in flat memory", (slot) => {
    const bytes = withVectorLength(slot, 2 ** 31);
    expect(refusal(() => decodeFooter(bytes, 64 + bytes.length))).toEqual(REFUSED);
  });
});
