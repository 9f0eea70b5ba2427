import { describe, expect, it } from "vitest";
import { BlockPool } from "../../../src/storage/block-pool.ts";
import { StageBuffer } from "../../../src/storage/stage-buffer.ts";
import { patternBytes } from "./scratch-directory.ts";

const backingBytes = (chunks: readonly Uint8Array[]): number =>
  [...new Set(chunks.map((chunk) => chunk.buffer))].reduce((sum, buffer) => sum + buffer.byteLength, 0);

const MIB = 1024 * 1024;

describe("gathered bytes", () => {
  it("are the views that came in", () => {
    const buffer = new StageBuffer(new BlockPool(MIB, 4));
    const chunk = Buffer.alloc(1000);
    buffer.append(chunk);
    expect(buffer.take().chunks[0]).toBe(chunk);
    expect(buffer.sizeBytes).toBe(0);
    expect(buffer.take().chunks).toEqual([]);
  });

  it("do not hold the large buffers that small views lie in", () => {
    const buffer = new StageBuffer(new BlockPool(MIB, 4));
    for (let i = 0; i < 100; i++) buffer.append(Buffer.alloc(64 * 1024, i).subarray(5, 25));
    const chunks = buffer.take().chunks;
    expect(Buffer.concat(chunks).equals(Buffer.concat(chunks.map((_, i) => Buffer.alloc(20, i))))).toBe(true);
    expect(backingBytes(chunks)).toBeLessThan(256 * 1024);
  });

  it("are merged when they come in very many pieces", () => {
    const buffer = new StageBuffer(new BlockPool(MIB, 4));
    const bytes = patternBytes(30_000);
    for (let i = 0; i < bytes.length; i++) buffer.append(bytes.subarray(i, i + 1));
    const chunks = buffer.take().chunks;
    expect(chunks.length).toBeLessThan(10_000);
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  });

  it("keep no empty chunks", () => {
    const buffer = new StageBuffer(new BlockPool(MIB, 4));
    buffer.append(Buffer.alloc(0));
    buffer.append(Buffer.from("a"));
    buffer.append(Buffer.alloc(0));
    expect(buffer.take().chunks).toHaveLength(1);
  });
});

describe("overwriting", () => {
  const spans = [0, 1, 2, 3, 4, 5, 6, 7, 8].flatMap((start) =>
    [1, 2, 3, 4, 5, 6, 7, 8, 9].filter((end) => end > start).map((end) => [start, end] as const),
  );

  it.each(spans)("bytes %i to %i changes just them, across any chunks", (start, end) => {
    const buffer = new StageBuffer(new BlockPool(MIB, 4));
    for (const text of ["abc", "d", "efg", "hi"]) buffer.append(Buffer.from(text));
    buffer.overwrite(start, Buffer.from("ABCDEFGHI").subarray(start, end));
    const expected = `${"abcdefghi".slice(0, start)}${"ABCDEFGHI".slice(start, end)}${"abcdefghi".slice(end)}`;
    expect(buffer.sizeBytes).toBe(9);
    expect(Buffer.concat(buffer.take().chunks).toString()).toBe(expected);
  });

  it("with nothing changes nothing", () => {
    const buffer = new StageBuffer(new BlockPool(MIB, 4));
    buffer.append(Buffer.from("abc"));
    buffer.overwrite(3, Buffer.alloc(0));
    expect(Buffer.concat(buffer.take().chunks).toString()).toBe("abc");
  });

  it("leaves the bytes to the caller and the caller's chunk alone", () => {
    const buffer = new StageBuffer(new BlockPool(MIB, 4));
    const chunk = Buffer.from("abc");
    const bytes = Buffer.from("B");
    buffer.append(chunk);
    buffer.overwrite(1, bytes);
    bytes.fill("x");
    expect(chunk.toString()).toBe("abc");
    expect(Buffer.concat(buffer.take().chunks).toString()).toBe("aBc");
  });

  it("are copied into blocks beyond the first 128 KiB, whatever they were cut into", () => {
    const buffer = new StageBuffer(new BlockPool(100_000, 4));
    const bytes = patternBytes(350_000);
    for (let start = 0; start < bytes.length; start += 16_384)
      buffer.append(bytes.subarray(start, start + 16_384));
    const { chunks } = buffer.take();
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    // Eight views, and 218,928 bytes in three blocks: each a chunk however many pieces it was filled by.
    expect(chunks).toHaveLength(8 + 3);
  });

  it("use a block again only when it was released", () => {
    const pool = new BlockPool(MIB, 4);
    const gather = () => {
      const buffer = new StageBuffer(pool);
      buffer.append(patternBytes(150_000));
      return buffer.take();
    };
    const first = gather();
    const second = gather();
    expect(second.chunks[0]?.buffer).not.toBe(first.chunks[0]?.buffer);
    first.release();
    expect(gather().chunks[0]?.buffer).toBe(first.chunks[0]?.buffer);
  });

  it("can be overwritten in a block, and grow afterwards", () => {
    const buffer = new StageBuffer(new BlockPool(MIB, 4));
    const bytes = patternBytes(200_000);
    buffer.append(bytes.subarray(0, 150_000));
    buffer.overwrite(149_990, Buffer.from("0123456789"));
    buffer.append(bytes.subarray(150_000));
    const expected = Buffer.from(bytes);
    expected.write("0123456789", 149_990);
    expect(Buffer.concat(buffer.take().chunks).equals(expected)).toBe(true);
  });
});
