/**
 * What is being put, told by its schema.
 */
import { describe, expect, it } from "vitest";
import { int32, uint8 } from "../../../src/arrow/flatbuffer-writer.ts";
import { withSchemaMetadata } from "../../../src/arrow/schema-metadata.ts";
import { TYPE_ID } from "../../../src/arrow/slots.ts";
import { OPAQUE_SCHEMA_HEADER, readPayloadSchema } from "../../../src/object/object-schema.ts";
import { CLIENT_OPAQUE_SCHEMA } from "../../support/opaque-batch.ts";
import { type BuiltField, buildSchema } from "../arrow/build-schema.ts";
import { goldenSchemaHeader } from "../arrow/golden.ts";

const VERSION: BuiltField = { name: "version", typeId: TYPE_ID.int, slots: [int32(64), uint8(0)] };
const DATA: BuiltField = { name: "data", typeId: TYPE_ID.binary };

function kindOf(header: Uint8Array): string {
  return readPayloadSchema(header).kind;
}

describe("a payload", () => {
  it.each([
    ["not null", OPAQUE_SCHEMA_HEADER],
    ["nullable", CLIENT_OPAQUE_SCHEMA],
  ])("of version and data is opaque when they are %s", (_, header) => {
    expect(readPayloadSchema(header)).toMatchObject({ kind: "opaque", offsetBytes: 4 });
  });

  it("of version and large data is opaque, with wider offsets", () => {
    const header = buildSchema([VERSION, { ...DATA, typeId: TYPE_ID.largeBinary }]);
    expect(readPayloadSchema(header)).toMatchObject({ kind: "opaque", offsetBytes: 8 });
  });

  it.each([
    ["a third field", [VERSION, DATA, { ...DATA, name: "more" }]],
    ["one field", [VERSION]],
    ["the fields in another order", [DATA, VERSION]],
    ["another name", [VERSION, { ...DATA, name: "bytes" }]],
    ["a signed version", [{ ...VERSION, slots: [int32(64), uint8(1)] }, DATA]],
    ["a version of 32 bits", [{ ...VERSION, slots: [int32(32), uint8(0)] }, DATA]],
    ["text for data", [VERSION, { ...DATA, typeId: TYPE_ID.utf8 }]],
    ["data views", [VERSION, { ...DATA, typeId: TYPE_ID.binaryView }]],
    ["data by a dictionary", [VERSION, { ...DATA, dictionary: { id: 0n } }]],
  ] as readonly (readonly [string, BuiltField[]])[])("is a plain table with %s", (_, fields) => {
    expect(kindOf(buildSchema(fields))).toBe("plain-table");
  });

  it("of version and data in big-endian is a plain table: its offsets are not ours to read", () => {
    expect(kindOf(buildSchema([VERSION, DATA], 1))).toBe("plain-table");
  });

  it.each([
    ["arrow-table-v1", "flame-table"],
    ["arrow-table-v2", "plain-table"],
  ])("whose metadata says %s is a %s", (format, kind) => {
    const { header } = withSchemaMetadata(goldenSchemaHeader("nested"), [["flame.cache.format", format]]);
    expect(kindOf(header)).toBe(kind);
  });

  it("of version and data is opaque whatever its metadata says", () => {
    const { header } = withSchemaMetadata(CLIENT_OPAQUE_SCHEMA, [["flame.cache.format", "arrow-table-v1"]]);
    expect(kindOf(header)).toBe("opaque");
  });
});

describe("a schema that was seen before", () => {
  it("is not decoded anew, and is told from one that differs in a byte", () => {
    const header = Buffer.from(OPAQUE_SCHEMA_HEADER);
    const known = readPayloadSchema(header);
    expect(readPayloadSchema(Buffer.from(header))).toBe(known);
    const renamed = Buffer.from(header);
    renamed.write("dots", renamed.indexOf("data"));
    expect(readPayloadSchema(renamed).kind).toBe("plain-table");
  });

  it("is kept as a copy: its bytes may be changed afterwards", () => {
    const header = Buffer.from(CLIENT_OPAQUE_SCHEMA);
    const whole = Buffer.from(header);
    readPayloadSchema(header);
    header.fill(0);
    expect(() => readPayloadSchema(header)).toThrow(/^\[INVALID_IPC\]/);
    expect(readPayloadSchema(whole).kind).toBe("opaque");
  });
});
