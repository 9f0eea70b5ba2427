/**
 * ObjectRef as BSON, to the byte (docs/protocol.md, "ObjectRef").
 */
import { Double, Int32, serialize } from "bson";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isCacheError } from "../../../src/errors.ts";
import { decodeObjectRef, encodeObjectRef, type ObjectRef } from "../../../src/object/object-ref.ts";

const SEED = 20_253;

const SAMPLE: ObjectRef = { endpoint: "grpc://127.0.0.1:9090", key: "a/s/o", version: 1 };
const SAMPLE_HEX = [
  "49000000",
  "02656e64706f696e740016000000677270633a2f2f3132372e302e302e313a3930393000",
  "026b65790006000000612f732f6f00",
  "1276657273696f6e000100000000000000",
  "00",
].join("");

const INVALID_REQUEST = expect.objectContaining({ code: "INVALID_REQUEST" });

function codeOf(decode: () => unknown): string | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    if (isCacheError(error)) return error.code;
    throw error;
  }
}

describe("an ObjectRef", () => {
  it("is written to the byte of the protocol", () => {
    expect(Buffer.from(encodeObjectRef(SAMPLE)).toString("hex")).toBe(SAMPLE_HEX);
  });

  it("of any size but a reference's is refused before it is taken apart", () => {
    const long = encodeObjectRef({ ...SAMPLE, key: "k".repeat(4096) });
    expect(() => decodeObjectRef(long)).toThrow(INVALID_REQUEST);
    expect(decodeObjectRef(encodeObjectRef({ ...SAMPLE, key: "k".repeat(602) })).key).toHaveLength(602);
  });

  it("is read from the bytes of the protocol", () => {
    expect(decodeObjectRef(Buffer.from(SAMPLE_HEX, "hex"))).toEqual(SAMPLE);
  });

  it("is read back as it was written, up to the largest version", () => {
    const ref = fc.record({
      endpoint: fc.string({ unit: "grapheme" }),
      key: fc.string({ unit: "grapheme" }),
      version: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    });
    fc.assert(
      fc.property(ref, (given) => {
        expect(decodeObjectRef(encodeObjectRef(given))).toEqual(given);
      }),
      { seed: SEED },
    );
  });

  it("is read with an int32 version", () => {
    const bytes = serialize({ endpoint: "e", key: "k", version: new Int32(7) });
    expect(decodeObjectRef(bytes).version).toBe(7);
  });

  it("is read with version 0 when it has none", () => {
    expect(decodeObjectRef(serialize({ endpoint: "e", key: "k" })).version).toBe(0);
  });

  it.each([
    ["a broken version", { endpoint: "e", key: "k", version: new Double(1.5) }],
    ["a version beyond 2^53", { endpoint: "e", key: "k", version: 2n ** 60n }],
    ["a negative version", { endpoint: "e", key: "k", version: -1n }],
    ["a version in letters", { endpoint: "e", key: "k", version: "1" }],
    ["no key", { endpoint: "e", version: 1n }],
    ["a number for an endpoint", { endpoint: 7, key: "k", version: 1n }],
  ])("is refused with %s", (_, document) => {
    expect(() => decodeObjectRef(serialize(document))).toThrow(INVALID_REQUEST);
  });

  it("is refused with INVALID_REQUEST when it is cut short anywhere", () => {
    const whole = Buffer.from(SAMPLE_HEX, "hex");
    const cuts = Array.from({ length: whole.length }, (_, length) => whole.subarray(0, length));
    for (const cut of cuts) expect(() => decodeObjectRef(cut)).toThrow(INVALID_REQUEST);
  });

  it("is read, or refused with INVALID_REQUEST, whatever bit is flipped", () => {
    const codes = Array.from({ length: 8 * (SAMPLE_HEX.length / 2) }, (_, bit) => {
      const bytes = Buffer.from(SAMPLE_HEX, "hex");
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      return codeOf(() => decodeObjectRef(bytes));
    });
    expect(new Set(codes)).toEqual(new Set([undefined, "INVALID_REQUEST"]));
  });

  it("is read, or refused with INVALID_REQUEST, of random bytes", () => {
    const property = fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect([undefined, "INVALID_REQUEST"]).toContain(codeOf(() => decodeObjectRef(bytes)));
    });
    fc.assert(property, { seed: SEED, numRuns: 1000 });
  });
});
