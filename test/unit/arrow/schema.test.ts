/**
 * Schemas: types pyarrow does not make, defaults of what is left out, comparison, limits.
 */
import { describe, expect, it } from "vitest";
import { FlatbufferWriter, int16, int32, OFFSET, uint8 } from "../../../src/arrow/flatbuffer-writer.ts";
import { encodeRecordBatchMessage } from "../../../src/arrow/message-writer.ts";
import { decodeSchema, sameFields } from "../../../src/arrow/schema.ts";
import { withSchemaMetadata } from "../../../src/arrow/schema-metadata.ts";
import { TYPE_ID } from "../../../src/arrow/slots.ts";
import { LIMITS } from "../../../src/limits.ts";
import { type BuiltField, type BuiltType, beginSchema, buildSchema, nestedField } from "./build-schema.ts";
import { goldenSchemaHeader } from "./golden.ts";

const NULL: BuiltField = { typeId: TYPE_ID.null };

function typeName(type: BuiltType, children: readonly BuiltField[] = []): string {
  return decodeSchema(buildSchema([{ ...type, children }])).fields[0]!.type.name;
}

describe("decodeSchema", () => {
  it.each<[string, BuiltType]>([
    ["interval[year_month]", { typeId: TYPE_ID.interval }],
    ["interval[day_time]", { typeId: TYPE_ID.interval, slots: [int16(1)] }],
    ["interval[#9]", { typeId: TYPE_ID.interval, slots: [int16(9)] }],
    ["int24", { typeId: TYPE_ID.int, slots: [int32(24), uint8(1)] }],
    ["uint0", { typeId: TYPE_ID.int }],
    ["float16", { typeId: TYPE_ID.floatingPoint }],
    ["float#7", { typeId: TYPE_ID.floatingPoint, slots: [int16(7)] }],
    ["decimal128(5,0)", { typeId: TYPE_ID.decimal, slots: [int32(5)] }],
    ["date64", { typeId: TYPE_ID.date }],
    ["time32[ms]", { typeId: TYPE_ID.time }],
    ["timestamp[s]", { typeId: TYPE_ID.timestamp }],
    ["timestamp[ns]", { typeId: TYPE_ID.timestamp, slots: [int16(3), OFFSET], tail: "" }],
    ["timestamp[s, a, b]", { typeId: TYPE_ID.timestamp, slots: [undefined, OFFSET], tail: "a, b" }],
    ["duration[ms]", { typeId: TYPE_ID.duration }],
    ["sparse_union[4,-1]", { typeId: TYPE_ID.union, slots: [int16(0), OFFSET], tail: [4, -1] }],
  ])("names %s by its parameters and their defaults", (name, type) => {
    expect(typeName(type)).toBe(name);
  });

  it("counts the children of a union that names no type ids", () => {
    expect(typeName({ typeId: TYPE_ID.union, slots: [int16(1)] }, [NULL, NULL])).toBe("dense_union[0,1]");
  });

  it("keeps types it does not know apart by their raw slots", () => {
    const names = [
      typeName({ typeId: 99, slots: [int32(1)] }),
      typeName({ typeId: 99, slots: [int32(2)] }),
      typeName({ typeId: 99, slots: [int16(1), int16(0)] }),
      typeName({ typeId: 98, slots: [int32(1)] }),
      typeName({ typeId: 0 }),
    ];
    expect(new Set(names).size).toBe(names.length);
    expect(names.every((name) => /^type#\d+\(/.test(name))).toBe(true);
  });

  it("reads a dictionary without an index type as one of int32, and ids as 64 bits", () => {
    const id = -(2n ** 63n);
    const schema = decodeSchema(buildSchema([{ ...NULL, dictionary: { id, isOrdered: true } }]));
    expect(schema.fields[0]!.dictionary).toEqual({ id, indexType: { name: "int32" }, isOrdered: true });
  });

  it("reads big-endian schemas and refuses other byte orders", () => {
    expect(decodeSchema(buildSchema([NULL], 1)).endianness).toBe("big");
    expect(() => decodeSchema(buildSchema([NULL], 2))).toThrow(/INVALID_IPC/);
  });

  it("takes nesting up to the limit and refuses one level more", () => {
    expect(() => decodeSchema(buildSchema([nestedField(LIMITS.schemaDepthMax)]))).not.toThrow();
    expect(() => decodeSchema(buildSchema([nestedField(LIMITS.schemaDepthMax + 1)]))).toThrow(
      /INVALID_IPC.*deep/,
    );
  });

  it("refuses a message that is no schema", () => {
    const batch = encodeRecordBatchMessage({ rowCount: 0, nodes: [], buffers: [], bodySizeBytes: 0 });
    expect(() => decodeSchema(batch)).toThrow(/INVALID_IPC.*not a schema/);
    expect(() => decodeSchema(new Uint8Array(0))).toThrow(/INVALID_IPC/);
  });

  it("refuses a field without a type", () => {
    const writer = new FlatbufferWriter();
    const slots = beginSchema(writer, [int16(0), OFFSET]);
    const fields = writer.vector(1, 4, 4);
    writer.link(slots[1]!, fields);
    writer.link(fields + 4, writer.table([]).position);
    expect(() => decodeSchema(writer.finish())).toThrow(/INVALID_IPC.*no type/);
  });
});

describe("sameFields", () => {
  const same = (a: readonly BuiltField[], b: readonly BuiltField[]): boolean =>
    sameFields(decodeSchema(buildSchema(a)), decodeSchema(buildSchema(b)));

  it("does not compare metadata", () => {
    const header = goldenSchemaHeader("annotated");
    const other = withSchemaMetadata(header, [["kept", "changed"]]).header;
    expect(sameFields(decodeSchema(header), decodeSchema(other))).toBe(true);
  });

  it("does not compare dictionary ids, but the order and the presence of dictionaries", () => {
    const encoded = (id: bigint, isOrdered = false): BuiltField => ({
      ...NULL,
      dictionary: { id, isOrdered },
    });
    expect(same([encoded(1n)], [encoded(2n)])).toBe(true);
    expect(same([encoded(1n)], [encoded(1n, true)])).toBe(false);
    expect(same([encoded(1n)], [NULL])).toBe(false);
  });

  it.each<[string, readonly BuiltField[]]>([
    ["names", [{ typeId: TYPE_ID.list, name: "b", children: [NULL] }]],
    ["types", [{ typeId: TYPE_ID.largeList, name: "a", children: [NULL] }]],
    ["types of children", [{ typeId: TYPE_ID.list, name: "a", children: [{ typeId: TYPE_ID.bool }] }]],
    ["numbers of children", [{ typeId: TYPE_ID.list, name: "a", children: [NULL, NULL] }]],
    ["numbers of fields", [{ typeId: TYPE_ID.list, name: "a", children: [NULL] }, NULL]],
  ])("tells %s apart", (_what, others) => {
    expect(same([{ typeId: TYPE_ID.list, name: "a", children: [NULL] }], others)).toBe(false);
  });

  it("tells the index types of dictionaries apart", () => {
    const [plain, ordered, wide] = decodeSchema(goldenSchemaHeader("dictionaries")).fields;
    const schema = decodeSchema(buildSchema([]));
    const withIndex = {
      ...plain!,
      dictionary: { ...plain!.dictionary!, indexType: wide!.dictionary!.indexType },
    };
    expect(ordered!.dictionary!.isOrdered).toBe(true);
    expect(sameFields({ ...schema, fields: [plain!] }, { ...schema, fields: [withIndex] })).toBe(false);
    expect(sameFields({ ...schema, fields: [plain!] }, { ...schema, fields: [{ ...plain! }] })).toBe(true);
  });

  it("tells byte orders and nullability apart", () => {
    const little = decodeSchema(buildSchema([NULL]));
    expect(sameFields(little, decodeSchema(buildSchema([NULL], 1)))).toBe(false);
    const required = { ...little, fields: little.fields.map((field) => ({ ...field, nullable: false })) };
    expect(sameFields(little, required)).toBe(false);
  });
});
