/**
 * The value's bytes, taken out of opaque batches as they pass: at any split, of slices, and of hostile offsets.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BatchLayout, decodeMessage } from "../../../src/arrow/message.ts";
import { type BatchCodec, encodeRecordBatchMessage } from "../../../src/arrow/message-writer.ts";
import { LIMITS } from "../../../src/limits.ts";
import { OpaqueBody } from "../../../src/object/opaque-body.ts";
import type { ValueCodec } from "../../../src/object/opaque-row.ts";
import { encodeOpaqueBatch, type IpcParts, type OpaqueBatch } from "../../support/opaque-batch.ts";

const SEED = 20_255;

const INVALID_IPC = expect.objectContaining({ code: "INVALID_IPC" });

function layoutOf(header: Buffer): BatchLayout {
  const message = decodeMessage(header);
  if (message.kind !== "recordBatch") throw new Error("the test made no record batch");
  return message.batch;
}

/** What is taken from a body that comes in these pieces, as text. */
function takeAll({ header }: IpcParts, pieces: readonly Buffer[], offsetBytes: 4 | 8 = 4): string {
  const opaque = new OpaqueBody(layoutOf(header), offsetBytes);
  const data = pieces.flatMap((piece) => opaque.take([piece]));
  opaque.end();
  return Buffer.concat(data).toString();
}

function cells(...texts: (string | undefined)[]): OpaqueBatch["cells"] {
  return texts.map((text) => (text === undefined ? undefined : Buffer.from(text)));
}

/** Overwrites the offsets of a batch, which lie behind the version cells. */
function withOffsets(parts: IpcParts, offsets: readonly number[]): Buffer {
  const body = Buffer.from(parts.body);
  const { offset } = layoutOf(parts.header).buffers()[3]!;
  offsets.forEach((value, index) => {
    body.writeInt32LE(value, offset + 4 * index);
  });
  return body;
}

const SAMPLES: readonly (readonly [string, OpaqueBatch, string])[] = [
  ["one cell", { cells: cells("value") }, "value"],
  ["several cells", { cells: cells("ab", "", "cde", "f") }, "abcdef"],
  ["a slice of a longer array", { cells: cells("mid", "dle"), before: 13, behind: 9 }, "middle"],
  ["large_binary", { cells: cells("large", "er"), before: 3, offsetBytes: 8 }, "largeer"],
  ["an empty cell", { cells: cells("") }, ""],
  ["no rows", { cells: [] }, ""],
  ["null cells", { cells: cells("a", undefined, "b", undefined, "c") }, "abc"],
  [
    "null cells over bytes that are no data",
    { cells: cells("a", undefined, "b"), hidden: Buffer.from("hidden") },
    "ab",
  ],
  ["only null cells", { cells: cells(undefined, undefined), hidden: Buffer.from("hidden") }, ""],
];

describe("an opaque body", () => {
  it.each(SAMPLES)("of %s gives its value", (_, batch, value) => {
    const parts = encodeOpaqueBatch(batch);
    expect(takeAll(parts, [parts.body], batch.offsetBytes)).toBe(value);
  });

  it.each(SAMPLES)("of %s gives the same value at every split", (_, batch, value) => {
    const parts = encodeOpaqueBatch(batch);
    const found = Array.from({ length: parts.body.length + 1 }, (_split, split) =>
      takeAll(parts, [parts.body.subarray(0, split), parts.body.subarray(split)], batch.offsetBytes),
    );
    expect(new Set(found)).toEqual(new Set([value]));
  });

  it.each(SAMPLES)("of %s gives the same value byte by byte", (_, batch, value) => {
    const parts = encodeOpaqueBatch(batch);
    const bytes = Array.from(parts.body, (_byte, index) => parts.body.subarray(index, index + 1));
    expect(takeAll(parts, bytes, batch.offsetBytes)).toBe(value);
  });

  it("gives the cells of any batch, cut anyhow", () => {
    const batch = fc.record({
      cells: fc.array(fc.option(fc.uint8Array({ maxLength: 9 }), { nil: undefined }), { maxLength: 20 }),
      before: fc.nat({ max: 20 }),
      behind: fc.nat({ max: 20 }),
      offsetBytes: fc.constantFrom(4 as const, 8 as const),
      hidden: fc.uint8Array({ maxLength: 5 }),
    });
    const property = fc.property(batch, fc.integer({ min: 1, max: 50 }), (given, pieceBytes) => {
      const parts = encodeOpaqueBatch(given);
      const pieces = Array.from({ length: Math.ceil(parts.body.length / pieceBytes) }, (_, index) =>
        parts.body.subarray(index * pieceBytes, (index + 1) * pieceBytes),
      );
      const value = Buffer.concat(given.cells.map((cell) => cell ?? Buffer.alloc(0)));
      expect(takeAll(parts, pieces, given.offsetBytes)).toBe(value.toString());
    });
    fc.assert(property, { seed: SEED, numRuns: 300 });
  });

  it("gives views of what came, not copies", () => {
    const parts = encodeOpaqueBatch({ cells: cells("a view of the body") });
    const opaque = new OpaqueBody(layoutOf(parts.header), 4);
    const [view] = opaque.take([parts.body]);
    expect(view!.buffer).toBe(parts.body.buffer);
  });
});

describe("a hostile opaque body", () => {
  const HONEST = encodeOpaqueBatch({ cells: cells("abc", "def") });

  it.each([
    ["go below zero", [-1, 3, 6]],
    ["end before they begin", [4, 4, 2]],
    ["lead behind the values", [0, 3, 7]],
    ["lead far behind the values", [0, 3, 0x7fffffff]],
  ])("is INVALID_IPC when its offsets %s", (_, offsets) => {
    expect(() => takeAll(HONEST, [withOffsets(HONEST, offsets)])).toThrow(INVALID_IPC);
  });

  it("is INVALID_IPC when offsets of 64 bits lead beyond any number", () => {
    const parts = encodeOpaqueBatch({ cells: cells("abc"), offsetBytes: 8 });
    const body = Buffer.from(parts.body);
    body.writeBigInt64LE(2n ** 62n, layoutOf(parts.header).buffers()[3]!.offset + 8);
    expect(() => takeAll(parts, [body], 8)).toThrow(INVALID_IPC);
  });

  it("is INVALID_IPC when cells between nulls go backwards", () => {
    const parts = encodeOpaqueBatch({ cells: cells("abc", undefined, "def") });
    expect(() => takeAll(parts, [withOffsets(parts, [3, 6, 0, 3])])).toThrow(INVALID_IPC);
  });

  it.each([
    ["inside its offsets", 20],
    ["before its offsets", 3],
    ["inside its data", 35],
  ])("is INVALID_IPC when it ends %s", (_, length) => {
    expect(() => takeAll(HONEST, [HONEST.body.subarray(0, length)])).toThrow(INVALID_IPC);
  });

  const NODES = [
    { length: 2, nullCount: 0 },
    { length: 2, nullCount: 0 },
  ];
  const BUFFERS = [
    { offset: 0, sizeBytes: 0 },
    { offset: 0, sizeBytes: 16 },
    { offset: 16, sizeBytes: 0 },
    { offset: 16, sizeBytes: 12 },
    { offset: 32, sizeBytes: 6 },
  ];
  const HEADER = { rowCount: 2, nodes: NODES, buffers: BUFFERS, bodySizeBytes: 40 };

  it.each([
    ["a million buffers", { ...HEADER, buffers: Array(2 ** 20).fill(BUFFERS[0]!) }],
    ["six buffers", { ...HEADER, buffers: [...BUFFERS, BUFFERS[0]!] }],
    ["four buffers", { ...HEADER, buffers: BUFFERS.slice(1) }],
    ["three columns", { ...HEADER, nodes: [...NODES, NODES[0]!] }],
    ["one column", { ...HEADER, nodes: NODES.slice(1) }],
    ["fewer offsets than rows", { ...HEADER, rowCount: 3 }],
    ["more rows than there are numbers", { ...HEADER, rowCount: Number.MAX_SAFE_INTEGER }],
    ["values before its offsets", { ...HEADER, buffers: BUFFERS.with(4, { offset: 8, sizeBytes: 6 }) }],
    ["values among its offsets", { ...HEADER, buffers: BUFFERS.with(4, { offset: 24, sizeBytes: 6 }) }],
    ["nulls and no validity", { ...HEADER, nodes: NODES.with(1, { length: 2, nullCount: 1 }) }],
  ])("is INVALID_IPC when its message has %s", (_, parts) => {
    const layout = layoutOf(encodeRecordBatchMessage(parts));
    expect(() => new OpaqueBody(layout, 4)).toThrow(INVALID_IPC);
  });
});

describe("an opaque body with nulls", () => {
  it("has neighbouring cells joined: a few nulls cost no view per row", () => {
    const many = Array.from({ length: 1000 }, () => Buffer.from("x"));
    const parts = encodeOpaqueBatch({ cells: [...many, undefined, ...many], hidden: Buffer.from("hidden") });
    const views = new OpaqueBody(layoutOf(parts.header), 4).take([parts.body]);
    expect(views.map((view) => view.length)).toEqual([1000, 1000]);
  });

  it("is OBJECT_TOO_LARGE when its offsets are over the limit, before room is made for them", () => {
    const rowCount = LIMITS.opaqueOffsetsBytesMax / 4;
    const offsetsBytes = 4 * (rowCount + 1);
    const header = encodeRecordBatchMessage({
      rowCount,
      nodes: [
        { length: rowCount, nullCount: 0 },
        { length: rowCount, nullCount: 1 },
      ],
      buffers: [
        { offset: 0, sizeBytes: 0 },
        { offset: 0, sizeBytes: 0 },
        { offset: 0, sizeBytes: rowCount / 8 },
        { offset: rowCount / 8, sizeBytes: offsetsBytes },
        { offset: rowCount / 8 + offsetsBytes, sizeBytes: 0 },
      ],
      bodySizeBytes: rowCount / 8 + offsetsBytes,
    });
    const before = process.memoryUsage().arrayBuffers;
    expect(() => new OpaqueBody(layoutOf(header), 4)).toThrow(
      expect.objectContaining({ code: "OBJECT_TOO_LARGE" }),
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000);
  });
});

describe("a compressed opaque body", () => {
  const PREFIX = Buffer.from("0a00000000000000", "hex");

  /** One row whose buffers have a size in front, as lz4 and zstd ones have. */
  function compressed(codec: BatchCodec, value: Buffer, rowCount = 1): IpcParts {
    const body = Buffer.concat([
      Buffer.alloc(32),
      value,
      Buffer.alloc(Math.ceil(value.length / 8) * 8 - value.length),
    ]);
    const header = encodeRecordBatchMessage({
      rowCount,
      nodes: Array.from({ length: 2 }, () => ({ length: rowCount, nullCount: 0 })),
      buffers: [
        { offset: 0, sizeBytes: 0 },
        { offset: 0, sizeBytes: 16 },
        { offset: 16, sizeBytes: 0 },
        { offset: 16, sizeBytes: 16 },
        { offset: 32, sizeBytes: value.length },
      ],
      bodySizeBytes: body.length,
      codec,
    });
    return { header, body };
  }

  function take(parts: IpcParts, split: number): { value: string; codec: ValueCodec | undefined } {
    const opaque = new OpaqueBody(layoutOf(parts.header), 4);
    const pieces = [parts.body.subarray(0, split), parts.body.subarray(split)];
    const value = Buffer.concat(pieces.flatMap((piece) => opaque.take([piece]))).toString("hex");
    return { value, codec: opaque.end() };
  }

  it.each(["lz4_frame", "zstd"] as const)("of %s gives its buffer and its size, at every split", (name) => {
    const value = Buffer.concat([PREFIX, Buffer.from("compressed bytes")]);
    const parts = compressed(name, value);
    const found = Array.from({ length: parts.body.length + 1 }, (_, split) => take(parts, split));
    const whole = { value: value.toString("hex"), codec: { name, valueSizeBytes: 10 } };
    expect(found).toEqual(found.map(() => whole));
  });

  it("whose buffer says that it is not compressed gives the size of what is there", () => {
    const value = Buffer.concat([Buffer.alloc(8, 0xff), Buffer.from("plain")]);
    expect(take(compressed("zstd", value), 0).codec).toEqual({ name: "zstd", valueSizeBytes: 5 });
  });

  it("with an empty buffer is an empty value", () => {
    expect(take(compressed("zstd", Buffer.alloc(0)), 0)).toEqual({ value: "", codec: undefined });
  });

  it("of several rows is INVALID_REQUEST: they cannot be joined", () => {
    const parts = compressed("zstd", PREFIX, 2);
    expect(() => take(parts, 0)).toThrow(expect.objectContaining({ code: "INVALID_REQUEST" }));
  });

  it.each([
    ["is too short for a size", Buffer.alloc(7)],
    ["says a negative size", Buffer.from("feffffffffffffff", "hex")],
    ["says a size over 2 GiB", Buffer.from("ffffffffffff0000", "hex")],
  ])("is INVALID_IPC when its buffer %s", (_, value) => {
    expect(() => take(compressed("lz4_frame", value), 0)).toThrow(INVALID_IPC);
  });
});
