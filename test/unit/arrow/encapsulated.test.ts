/**
 * Framing: where a body begins, and what is not a frame.
 */
import { describe, expect, it } from "vitest";
import {
  END_OF_STREAM,
  frameHeader,
  readFramedHeader,
  ZERO_PADDING,
} from "../../../src/arrow/encapsulated.ts";

describe("frameHeader", () => {
  const sizes = Array.from({ length: 80 }, (_, index) => index + 1);
  const places = ([8, 64] as const).flatMap((alignment) =>
    [0, 8, 56, 64, 2 ** 40].map((position) => ({ alignment, position })),
  );

  it.each(places)("aligns the body to $alignment after position $position", ({ alignment, position }) => {
    for (const size of sizes) {
      const { prefix, paddingSizeBytes } = frameHeader(Buffer.alloc(size), position, alignment);
      expect((position + prefix.length + size + paddingSizeBytes) % alignment).toBe(0);
      expect(paddingSizeBytes).toBeLessThan(alignment);
      expect(prefix.readInt32LE(4)).toBe(size + paddingSizeBytes);
    }
  });

  it("reads back with its padding, as a view", () => {
    const header = Buffer.from("a header");
    const framed = frameHeader(header, 8, 64);
    const padding = ZERO_PADDING.subarray(0, framed.paddingSizeBytes);
    const bytes = Buffer.concat([Buffer.alloc(8), framed.prefix, framed.header, padding]);
    const read = readFramedHeader(bytes, 8);
    expect(read.sizeBytes).toBe(56);
    expect(Buffer.from(read.header).equals(Buffer.concat([header, padding]))).toBe(true);
    expect(read.header.buffer).toBe(bytes.buffer);
  });

  it("gives away the header without a copy", () => {
    const header = Buffer.from("a header");
    expect(frameHeader(header, 0, 8).header).toBe(header);
  });
});

describe("readFramedHeader", () => {
  it("reads the end of a stream as an empty header, in both framings", () => {
    expect(readFramedHeader(END_OF_STREAM, 0)).toEqual({ header: Buffer.alloc(0), sizeBytes: 8 });
    expect(readFramedHeader(Buffer.alloc(4), 0)).toEqual({ header: Buffer.alloc(0), sizeBytes: 4 });
  });

  it("reads framing without a continuation", () => {
    const bytes = Buffer.from("0800000061626364616263640000", "hex");
    const { header, sizeBytes } = readFramedHeader(bytes, 0);
    expect([Buffer.from(header).toString(), sizeBytes]).toEqual(["abcdabcd", 12]);
  });

  it.each([
    "",
    "ff",
    "ffffffff",
    "ffffffff0800",
    "ffffffff080000000000",
    "ffffffffffffffff",
    "00000080",
    "080000",
  ])("refuses a frame that is cut short or of impossible length: %s", (hex) => {
    expect(() => readFramedHeader(Buffer.from(hex, "hex"), 0)).toThrow(/INVALID_IPC/);
  });

  it.each([-1, 9, 2 ** 40])("refuses position %i outside the bytes", (position) => {
    expect(() => readFramedHeader(END_OF_STREAM, position)).toThrow(/INVALID_IPC/);
  });
});
