/**
 * The Huffman code of HPACK: codes that no field of a request may need, and the end of a string.
 *
 * All others are held to their peers in hpack-peers.test.ts.
 */
import { describe, expect, it } from "vitest";
import { decodedBytesMax, decodeHuffman } from "../../../src/http2/huffman.ts";

function decode(source: Buffer): Buffer {
  const target = Buffer.alloc(decodedBytesMax(source.length));
  return target.subarray(0, decodeHuffman(source, 0, source.length, target));
}

/** Bits as text, filled up with ones to whole bytes. */
function bytesOf(bits: string): Buffer {
  const filled = bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");
  return Buffer.from(filled.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? []);
}

/** Rows of RFC 7541, appendix B: byte, code, its length in bits. */
const ROWS: readonly (readonly [byte: number, code: number, bits: number])[] = [
  [0, 0x1ff8, 13],
  [1, 0x7fffd8, 23],
  [2, 0xfffffe2, 28],
  [8, 0xfffffe8, 28],
  [9, 0xffffea, 24],
  [10, 0x3ffffffc, 30],
  [11, 0xfffffe9, 28],
  [12, 0xfffffea, 28],
  [13, 0x3ffffffd, 30],
  [14, 0xfffffeb, 28],
  [21, 0xffffff2, 28],
  [22, 0x3ffffffe, 30],
  [23, 0xffffff3, 28],
  [31, 0xffffffb, 28],
  [48, 0x0, 5],
  [92, 0x7fff0, 19],
  [127, 0xffffffc, 28],
  [199, 0x1ffffec, 25],
  [220, 0xffffffd, 28],
  [249, 0xffffffe, 28],
  [255, 0x3ffffee, 26],
];
const bitsOf = (code: number, bits: number): string => code.toString(2).padStart(bits, "0");

describe("the code", () => {
  it.each(ROWS)("of byte %i is %i in %i bits", (byte, code, bits) => {
    expect([...decode(bytesOf(bitsOf(code, bits)))]).toEqual([byte]);
  });

  it("of many bytes is theirs, one after the other", () => {
    const bits = ROWS.map(([, code, bits]) => bitsOf(code, bits)).join("");
    expect([...decode(bytesOf(bits))]).toEqual(ROWS.map(([byte]) => byte));
  });

  it("of nothing is nothing", () => {
    expect(decode(Buffer.alloc(0))).toHaveLength(0);
  });

  it("of the shortest bytes fills the room that was made for them", () => {
    expect(decode(Buffer.alloc(10))).toEqual(Buffer.alloc(16, "0"));
  });
});

describe("a string", () => {
  const refused = expect.objectContaining({ code: "COMPRESSION_ERROR" });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])("may be padded to a whole byte behind %i codes of five bits", (count) => {
    expect(decode(bytesOf("00000".repeat(count)))).toEqual(Buffer.alloc(count, "0"));
  });

  it.each([
    ["zeros", "00000000"],
    ["eight ones", "11111111"],
    ["a byte of ones behind whole bytes", `${"00000".repeat(8)}11111111`],
    ["ones and a zero", "0000011011111110"],
    ["the end of string", "1".repeat(30)],
    ["the end of string, and a byte", `${"1".repeat(30)}00000`],
  ])("may not be padded with %s", (_, bits) => {
    expect(() => decode(bytesOf(bits))).toThrow(refused);
  });
});
