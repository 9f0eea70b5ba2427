import { describe, expect, it } from "vitest";
import { decodeSchema } from "../../../src/arrow/schema.ts";
import { withSchemaMetadata } from "../../../src/arrow/schema-metadata.ts";
import { TYPE_ID } from "../../../src/arrow/slots.ts";
import { patchMisfitSteps, SCHEMA_KEY_FITS } from "../../../src/object/patch-fit.ts";
import { atOnce } from "../../../src/turns.ts";
import { type BuiltField, buildSchema } from "../arrow/build-schema.ts";
import { goldenSchemaHeader } from "../arrow/golden.ts";

const ANNOTATED = goldenSchemaHeader("annotated");
const misfit = (table: Uint8Array, patch: Uint8Array) => atOnce(patchMisfitSteps(table, patch));
const fitting = (text: string) => withSchemaMetadata(ANNOTATED, [[SCHEMA_KEY_FITS, text]]).header;

describe("a patch", () => {
  it("fits a table of its fields and their metadata, whatever the schema's metadata says", () => {
    const other = withSchemaMetadata(ANNOTATED, [["kept", "changed"]]).header;
    expect(misfit(ANNOTATED, other)).toBeUndefined();
  });

  it("does not fit when one byte of a field's metadata is another, and the field is named", () => {
    const changed = Buffer.from(ANNOTATED);
    changed[changed.indexOf("empty key")]! ^= 1;
    expect(decodeSchema(changed).fields[0]!.metadata).not.toEqual(
      decodeSchema(ANNOTATED).fields[0]!.metadata,
    );
    expect(misfit(ANNOTATED, changed)).toContain('field "id"');
    expect(misfit(changed, ANNOTATED)).toContain('field "id"');
    expect(misfit(changed, changed)).toBeUndefined();
  });

  it("fits with a field's metadata in another order, and not when the bytes of two texts are shared otherwise", () => {
    const withEntries = (metadata: [string, string][]) =>
      buildSchema([{ typeId: TYPE_ID.utf8, name: "a", metadata }]);
    const ours = withEntries([
      ["a", "1"],
      ["é", "2"],
    ]);
    expect(
      misfit(
        ours,
        withEntries([
          ["é", "2"],
          ["a", "1"],
        ]),
      ),
    ).toBeUndefined();
    expect(
      misfit(
        ours,
        withEntries([
          ["a1", ""],
          ["é", "2"],
        ]),
      ),
    ).toContain('field "a"');
    expect(misfit(ours, withEntries([["a", "1"]]))).toContain('field "a"');
  });

  it("does not fit when both say what they fit, and say otherwise", () => {
    expect(misfit(fitting("a"), fitting("b"))).toMatch(/labels, index or dtypes/);
    expect(misfit(fitting("a"), fitting("a"))).toBeUndefined();
    expect(misfit(fitting("a"), ANNOTATED)).toBeUndefined();
    expect(misfit(ANNOTATED, fitting("a"))).toBeUndefined();
  });

  it("does not fit with other fields, or other numbers of dictionaries", () => {
    const encoded = (id: bigint): BuiltField => ({ typeId: TYPE_ID.utf8, name: "a", dictionary: { id } });
    const schemas = [[encoded(1n)], [encoded(2n)], [{ typeId: TYPE_ID.utf8, name: "a" }]].map((fields) =>
      buildSchema(fields),
    );
    expect(misfit(schemas[0]!, schemas[1]!)).toMatch(/dictionary ids/);
    expect(misfit(schemas[0]!, schemas[2]!)).toMatch(/schema/);
    expect(misfit(schemas[0]!, schemas[0]!)).toBeUndefined();
  });
});
