import { describe, expect, it } from "vitest";
import { VarintReader, varintSizeBytes, writeVarint } from "../../../src/flight/varint.ts";

const VALUES: readonly (readonly [number, string])[] = [
  [0, "00"],
  [1, "01"],
  [127, "7f"],
  [128, "8001"],
  [300, "ac02"],
  [8002, "c23e"],
  [2 ** 32, "8080808010"],
  [Number.MAX_SAFE_INTEGER, "ffffffffffffff0f"],
];

function read(hex: string): { values: number[]; midway: boolean } {
  const reader = new VarintReader();
  const ends = Array.from(Buffer.from(hex, "hex"), (byte) => (reader.push(byte) ? [reader.value] : []));
  return { values: ends.flat(), midway: reader.midway };
}

describe("varints", () => {
  it.each(VALUES)("write %d as %s", (value, hex) => {
    const bytes = Buffer.alloc(varintSizeBytes(value));
    expect(writeVarint(bytes, 0, value)).toBe(bytes.length);
    expect(bytes.toString("hex")).toBe(hex);
  });

  it.each(VALUES)("read %d from %s", (value, hex) => {
    expect(read(hex)).toEqual({ values: [value], midway: false });
  });

  it("read one after the other, and know when one has not ended", () => {
    expect(read("ac0205ff")).toEqual({ values: [300, 5], midway: true });
  });

  it("read a small value written long", () => {
    expect(read("81808080808080808000").values).toEqual([1]);
  });

  it("read ten bytes of ones as something no size can be", () => {
    expect(read("ffffffffffffffffff01").values[0]).toBeGreaterThan(2 ** 63);
  });

  it("refuse an eleventh byte", () => {
    expect(() => read("ffffffffffffffffffff")).toThrow(/^\[INVALID_IPC\]/);
  });
});
