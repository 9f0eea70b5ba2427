/**
 * The flatbuffer writer's tables are aligned and read back; the reader refuses whatever points outside.
 */
import { describe, expect, it } from "vitest";
import { FlatbufferReader } from "../../../src/arrow/flatbuffer-reader.ts";
import {
  FlatbufferWriter,
  int16,
  int32,
  int64,
  OFFSET,
  type SlotValue,
  uint8,
} from "../../../src/arrow/flatbuffer-writer.ts";

const VALUES: readonly (SlotValue | undefined)[] = [
  uint8(200),
  undefined,
  int64(-5),
  int16(-2),
  int32(7),
  int64(2n ** 62n),
  OFFSET,
];

function writeTable(): { bytes: Buffer; slots: readonly number[] } {
  const writer = new FlatbufferWriter();
  const { position, slots } = writer.table(VALUES);
  writer.link(0, position);
  writer.link(slots[6]!, writer.string("h\u00e9llo"));
  return { bytes: writer.finish(), slots };
}

describe("FlatbufferWriter", () => {
  it("writes tables that read back equal", () => {
    const table = new FlatbufferReader(writeTable().bytes).root();
    expect(table.uint8(0, 0)).toBe(200);
    expect(table.int16(1, 42)).toBe(42);
    expect(table.int64(2, 0)).toBe(-5);
    expect(table.int16(3, 0)).toBe(-2);
    expect(table.int32(4, 0)).toBe(7);
    expect(table.bigint64(5, 0n)).toBe(2n ** 62n);
    expect(table.string(6)).toBe("h\u00e9llo");
    expect(table.int32(7, 43)).toBe(43);
  });

  it.each([1, 2, 3, 4, 5, 6, 7])("aligns each value to its size after %i odd bytes", (odd) => {
    const writer = new FlatbufferWriter();
    writer.reserve(odd);
    const { slots } = writer.table(VALUES);
    const offBy = VALUES.map((value, slot) => (value === undefined ? 0 : slots[slot]! % value.sizeBytes));
    expect(offBy).toEqual(VALUES.map(() => 0));
    expect((writer.vector(3, 16, 8) + 4) % 8).toBe(0);
    expect((writer.vector(3, 4, 4) + 4) % 4).toBe(0);
  });

  it("grows beyond the size it was made for and keeps what was written", () => {
    const writer = new FlatbufferWriter(0);
    const texts = Array.from({ length: 100 }, (_, index) => `text ${index}`);
    const vector = writer.vector(texts.length, 4, 4);
    writer.link(0, vector);
    texts.forEach((text, index) => {
      writer.link(vector + 4 + 4 * index, writer.string(text));
    });
    const reader = new FlatbufferReader(writer.finish());
    const range = reader.vectorAt(0, 4);
    const read = texts.map((_, index) => reader.text(reader.vectorAt(range.position + 4 * index, 1)));
    expect(read).toEqual(texts);
  });

  it("refuses to link backwards", () => {
    expect(() => new FlatbufferWriter().link(2, 2)).toThrow(/forward/);
  });

  it.each([0, 1, -1, 2 ** 32, -(2 ** 32), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])(
    "writes %i as an int64 that reads back equal",
    (value) => {
      const writer = new FlatbufferWriter();
      writer.setInt64(writer.reserve(8), value);
      expect(new FlatbufferReader(writer.finish()).int64(4)).toBe(value);
    },
  );
});

describe("FlatbufferReader", () => {
  /** A root table at 12 behind its vtable at 4: no slots. */
  const minimal = (): Buffer => Buffer.from("0c00000004000400000000000800000000000000", "hex");

  it("reads a table without slots, and views that begin at any byte", () => {
    const shifted = Buffer.concat([Buffer.alloc(3), writeTable().bytes]).subarray(3);
    expect(new FlatbufferReader(minimal()).root().position).toBe(12);
    expect(new FlatbufferReader(shifted).root().string(6)).toBe("h\u00e9llo");
  });

  it.each<[string, number, number]>([
    ["root offset is 0", 0, 0],
    ["root offset is negative", 0, 0x80000000],
    ["root lies outside", 0, 20],
    ["root begins inside and ends outside", 0, 18],
    ["vtable lies before the start", 12, 13],
    ["vtable lies behind the end", 12, 0xfffff000],
    ["vtable is too short", 4, 0x00040003],
    ["vtable reaches outside", 4, 0x0004ffff],
    ["table is too short", 4, 0x00030004],
    ["table reaches outside", 4, 0xffff0004],
  ])("refuses a table when the %s", (_what, position, value) => {
    const bytes = minimal();
    bytes.writeUInt32LE(value, position);
    expect(() => new FlatbufferReader(bytes).root()).toThrow(/INVALID_IPC/);
  });

  it.each([1, 3, 65535, 43])("refuses a slot at place %i of its table", (place) => {
    const { bytes } = writeTable();
    const root = bytes.readUInt32LE(0);
    const vtable = root - bytes.readInt32LE(root);
    bytes.writeUInt16LE(place, vtable + 4 + 2 * 2);
    expect(() => new FlatbufferReader(bytes).root().int64(2, 0)).toThrow(/INVALID_IPC.*outside its table/);
  });

  it.each([2 ** 31, 2 ** 32 - 1, 100])("refuses a string of %i bytes", (length) => {
    const { bytes, slots } = writeTable();
    bytes.writeUInt32LE(length, slots[6]! + bytes.readUInt32LE(slots[6]!));
    expect(() => new FlatbufferReader(bytes).root().string(6)).toThrow(/INVALID_IPC/);
  });

  it.each([0, 2 ** 31, 2 ** 32 - 1])("refuses an offset of %i: it would stand still or go back", (offset) => {
    const writer = new FlatbufferWriter();
    writer.link(0, writer.table([OFFSET]).position);
    const bytes = writer.finish();
    bytes.writeUInt32LE(offset, bytes.length - 4);
    expect(() => new FlatbufferReader(bytes).root().string(0)).toThrow(/INVALID_IPC.*malformed/);
  });

  it("refuses a walk that visits the same bytes again and again", () => {
    const reader = new FlatbufferReader(writeTable().bytes);
    const walk = (): void => {
      for (let turn = 0; turn < 1000; turn++) reader.root();
    };
    expect(walk).toThrow(/INVALID_IPC.*too often/);
  });
});
