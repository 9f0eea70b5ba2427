/**
 * The version that a file gives itself: as it is stored, compressed or not, and nothing that could not be one.
 */
import { describe, expect, it } from "vitest";
import { decodeMessage } from "../../../src/arrow/message.ts";
import { LIMITS } from "../../../src/limits.ts";
import { decodeVersionCell, NO_VERSION, placeOfVersionCell } from "../../../src/object/version-cell.ts";
import { encodeOpaqueBatch } from "../../support/opaque-batch.ts";

function uint64(version: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(version));
  return bytes;
}

function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}

function compressed(frame: string): number {
  return decodeVersionCell(Buffer.concat([int64(8), Buffer.from(frame, "hex")]), "zstd");
}

describe("a version cell", () => {
  it.each([1, 258, 2 ** 33, LIMITS.foundVersionMax])("of %d is read as it is", (version) => {
    expect(decodeVersionCell(uint64(version), "none")).toBe(version);
    expect(decodeVersionCell(Buffer.concat([int64(-1), uint64(version)]), "zstd")).toBe(version);
  });

  it.each([
    ["a raw block, as libzstd writes it", "28b52ffd2008410000" + "0201000000000000", 258],
    ["a raw block and a checksum", "28b52ffd2408410000" + "0300000000000000" + "01020304", 3],
    ["a run of zeros", "28b52ffd200843000000", NO_VERSION],
    ["a window instead of a single segment", "28b52ffd0058410000" + "0500000000000000", 5],
  ])("compressed into %s is read as well", (_, frame, version) => {
    expect(compressed(frame)).toBe(version);
  });

  it.each([
    ["nothing", ""],
    ["another magic", "28b52ffe2008410000" + "0201000000000000"],
    ["a compressed block", "28b52ffd2008450000" + "0201000000000000"],
    ["a block of another size", "28b52ffd2008390000" + "02010000000000"],
    ["a frame that is cut", "28b52ffd2008"],
    ["a block that is cut", "28b52ffd2008410000" + "0201"],
  ])("that holds %s says none", (_, frame) => {
    expect(compressed(frame)).toBe(NO_VERSION);
  });

  it("says none where it is 0, out of range, too short, or compressed in a way that is not read", () => {
    expect(decodeVersionCell(uint64(0), "none")).toBe(NO_VERSION);
    expect(decodeVersionCell(uint64(LIMITS.foundVersionMax + 2), "none")).toBe(NO_VERSION);
    expect(decodeVersionCell(uint64(2n ** 64n - 1n), "none")).toBe(NO_VERSION);
    expect(decodeVersionCell(Buffer.alloc(7, 1), "none")).toBe(NO_VERSION);
    expect(decodeVersionCell(Buffer.alloc(7, 1), "zstd")).toBe(NO_VERSION);
    expect(decodeVersionCell(Buffer.concat([int64(8), uint64(5)]), "lz4_frame")).toBe(NO_VERSION);
    expect(decodeVersionCell(Buffer.concat([int64(16), uint64(5)]), "zstd")).toBe(NO_VERSION);
  });

  it("has its place in the buffers of the first column, where there is a row", () => {
    const message = decodeMessage(encodeOpaqueBatch({ cells: [Buffer.from("x"), Buffer.from("y")] }).header);
    expect("batch" in message && placeOfVersionCell(message.batch)).toEqual({ position: 0, sizeBytes: 8 });
    const empty = decodeMessage(encodeOpaqueBatch({ cells: [] }).header);
    expect("batch" in empty && placeOfVersionCell(empty.batch)).toBeUndefined();
  });
});
