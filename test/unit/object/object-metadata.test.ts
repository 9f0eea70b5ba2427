/**
 * The entries `flame.cache.*` of a footer: what is written is read back, and what is malformed is refused.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import { type ByteList, ByteListWriter } from "../../../src/object/byte-list.ts";
import {
  decodeObjectMetadata,
  encodeObjectMetadata,
  type ObjectMetadata,
} from "../../../src/object/object-metadata.ts";

const SEED = 20_254;

/** undefined when all items are empty. */
function byteList(items: readonly Buffer[]): ByteList | undefined {
  const writer = new ByteListWriter();
  for (const item of items) writer.append(item);
  return writer.finish();
}

const SAMPLE: ObjectMetadata = {
  version: 3,
  kind: "table",
  rowCount: 12,
  dataBytes: 3456,
  codec: undefined,
  schemaStart: 128,
  schemaEnd: 512,
  appMetadata: byteList([Buffer.from("one"), Buffer.alloc(0)]),
  checksum: [
    { sizeBytes: 640, crc32: 0xdeadbeef },
    { sizeBytes: 64, crc32: 0 },
  ],
};

const OBJECT_CORRUPT = expect.objectContaining({ code: "OBJECT_CORRUPT" });

/** The sample's entries with one of them changed or left out. */
function entriesWith(key: string, value: string | undefined): [string, string][] {
  const others = encodeObjectMetadata(SAMPLE).filter(([name]) => name !== `flame.cache.${key}`);
  return value === undefined ? others : [...others, [`flame.cache.${key}`, value]];
}

const size = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const bytes = fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array));

const metadata: fc.Arbitrary<ObjectMetadata> = fc.record({
  version: fc.nat({ max: LIMITS.versionMax }),
  kind: fc.constantFrom("opaque", "table"),
  rowCount: size,
  dataBytes: size,
  codec: fc.option(fc.record({ name: fc.constantFrom("lz4_frame", "zstd"), valueSizeBytes: size }), {
    nil: undefined,
  }),
  schemaStart: size,
  schemaEnd: size,
  appMetadata: fc.array(bytes, { maxLength: 5 }).map(byteList),
  checksum: fc.array(fc.record({ sizeBytes: size, crc32: fc.nat({ max: 2 ** 32 - 1 }) }), { maxLength: 4 }),
});

describe("an object's metadata", () => {
  it("is read back as it was written", () => {
    fc.assert(
      fc.property(metadata, (given) => {
        expect(decodeObjectMetadata(encodeObjectMetadata(given))).toEqual(given);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  it("is told from entries of others around it", () => {
    const entries: [string, string][] = [["pandas", "{}"], ...encodeObjectMetadata(SAMPLE), ["version", "9"]];
    expect(decodeObjectMetadata(entries)).toEqual(SAMPLE);
  });

  it("is undefined in a file of a client", () => {
    expect(decodeObjectMetadata([["ARROW:schema", "x"]])).toBeUndefined();
  });

  it("carries only keys that belong to the cache", () => {
    const keys = encodeObjectMetadata(SAMPLE).map(([key]) => key);
    expect(keys.filter((key) => !key.startsWith("flame.cache."))).toEqual([]);
  });

  it.each([
    ["a newer format", "format_version", "2"],
    ["an unknown kind", "kind", "blob"],
    ["no kind", "kind", undefined],
    ["no version", "version", undefined],
    ["a version with letters in it", "version", "1f"],
    ["a negative version", "version", "-1"],
    ["a version beyond 2^53", "version", "9007199254740993"],
    ["no rows", "rows", ""],
    ["a broken number of bytes", "data_bytes", "1.5"],
    ["no place of the schema", "schema", undefined],
    ["half a place of the schema", "schema", "128"],
    ["three numbers for the schema's place", "schema", "1:2:3"],
    ["a checksum without a sum", "checksum", "640"],
    ["a checksum that is not hexadecimal", "checksum", "640:xyz"],
    ["a checksum with a size in hexadecimal", "checksum", "6a:ff"],
    ["an unknown codec", "codec", "brotli:5"],
    ["a codec without a size", "codec", "zstd"],
    ["app_metadata cut inside a length", "app_metadata", Buffer.from("0100", "hex").toString("base64")],
    ["app_metadata cut inside an item", "app_metadata", Buffer.from("0200000041", "hex").toString("base64")],
  ])("is OBJECT_CORRUPT with %s", (_, key, value) => {
    expect(() => decodeObjectMetadata(entriesWith(key, value))).toThrow(OBJECT_CORRUPT);
  });
});
