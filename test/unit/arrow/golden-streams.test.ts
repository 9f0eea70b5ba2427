/**
 * What pyarrow wrote is read as pyarrow meant it: every type, message by message.
 */
import { describe, expect, it } from "vitest";
import { decodeSchema } from "../../../src/arrow/schema.ts";
import { fieldFacts, GOLDEN, goldenSchemaHeader, goldenStream, splitStream } from "./golden.ts";

const STREAMS = Object.keys(GOLDEN.streams);
const KINDS = { schema: "schema", recordBatch: "record batch", dictionaryBatch: "dictionary" };

function flatten<T extends { children: readonly T[] }>(fields: readonly T[]): T[] {
  return fields.flatMap((field) => [field, ...flatten(field.children)]);
}

describe("golden streams", () => {
  it.each(STREAMS)("reads the schema of %s as pyarrow describes it", (name) => {
    const schema = decodeSchema(goldenSchemaHeader(name));
    expect(schema.endianness).toBe("little");
    expect(schema.fields.map(fieldFacts)).toEqual(GOLDEN.streams[name]!.fields);
    expect(schema.metadata).toEqual(GOLDEN.streams[name]!.metadata);
  });

  it.each(STREAMS)("reads the kinds and body sizes of the messages of %s", (name) => {
    const facts = splitStream(goldenStream(name)).map(({ message }) => ({
      kind: KINDS[message.kind],
      bodySizeBytes: message.bodySizeBytes,
    }));
    expect(facts).toEqual(GOLDEN.streams[name]!.messages);
  });

  it.each(STREAMS)("reads the batches of %s: rows, compression, one node per field", (name) => {
    const golden = GOLDEN.streams[name]!;
    const batches = splitStream(goldenStream(name)).flatMap(({ message }) =>
      message.kind === "recordBatch" ? [message.batch] : [],
    );
    // A dictionary's values are in its own batch, so its children have no nodes here.
    const nodeCount = flatten(golden.fields).length;
    expect(batches.map((batch) => batch.rowCount)).toEqual(golden.rows);
    expect(new Set(batches.map((batch) => batch.compression))).toEqual(
      new Set(golden.rows.map(() => golden.compression)),
    );
    expect(batches.map((batch) => batch.nodes().length)).toEqual(golden.rows.map(() => nodeCount));
  });

  it.each(STREAMS)("finds the buffers of %s inside the bodies, one after the other", (name) => {
    for (const { message } of splitStream(goldenStream(name))) {
      const buffers = "batch" in message ? message.batch.buffers() : [];
      const ends = buffers.map((buffer) => buffer.offset + buffer.sizeBytes);
      expect(buffers.every((buffer, index) => buffer.offset >= (ends[index - 1] ?? 0))).toBe(true);
      expect(Math.max(0, ...ends)).toBeLessThanOrEqual(message.bodySizeBytes);
    }
  });

  it("reads deltas and replacements of dictionaries as such", () => {
    const isDelta = (name: string) =>
      splitStream(goldenStream(name)).flatMap(({ message }) =>
        message.kind === "dictionaryBatch" ? [message.isDelta] : [],
      );
    expect(isDelta("deltas")).toEqual([false, true]);
    expect(isDelta("replaced")).toEqual([false, false]);
  });

  it("reads metadata version 4 and the framing of Arrow before 0.15", () => {
    const versions = (name: string) =>
      splitStream(goldenStream(name)).map(({ message }) => message.metadataVersion);
    expect(versions("version4")).toEqual(["V4", "V4"]);
    expect(versions("legacy")).toEqual(["V5", "V5"]);
    expect(goldenStream("legacy").readInt32LE(0)).toBeGreaterThan(0);
  });

  it("finds the cells of a column where pyarrow put them", () => {
    const batch = splitStream(goldenStream("version4"))[1]!;
    const layout = batch.message.kind === "recordBatch" ? batch.message.batch : undefined;
    const values = layout?.buffers()[1];
    expect(layout?.nodes()).toEqual([{ length: 2, nullCount: 0 }]);
    expect(values?.sizeBytes).toBe(16);
    expect(batch.body.readBigInt64LE(values!.offset)).toBe(1n);
    expect(batch.body.readBigInt64LE(values!.offset + 8)).toBe(2n);
  });
});
