/**
 * Damaged header blocks: each is decoded or refused as a connection error, never anything else, and holds no memory.
 *
 * Every bit of real blocks is flipped, every block is cut everywhere, and random bytes are tried on a table that is in use.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { HpackDecoder } from "../../src/http2/hpack-decoder.ts";
import { encodeHeaderBlock } from "../../src/http2/hpack-encoder.ts";
import { Http2Error } from "../../src/http2/http2-error.ts";
import * as hpack from "../support/hpack-blocks.ts";
import { Random } from "../support/random.ts";

const LIST_BYTES_MAX = 16_384;
const MIB = 1024 ** 2;

/** What gRPC clients send: with references, with Huffman code, with additions to the table, with a new size of it. */
const BLOCKS: readonly Buffer[] = [
  encodeHeaderBlock([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", "/arrow.flight.protocol.FlightService/DoGet"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ]),
  Buffer.from("828684418cf1e3c2e5f23a6ba0ab90f4ff408825a849e95ba97d7f8925a849e95bb8e8b4bf", "hex"),
  Buffer.concat([hpack.tableSize(64), hpack.tableSize(4096), hpack.REQUEST_LINE, hpack.added("x-a", "one")]),
  Buffer.concat([
    hpack.REQUEST_LINE,
    hpack.indexed(62),
    hpack.neverIndexed("authorization", "secret".repeat(30)),
  ]),
];

function newDecoder(): HpackDecoder {
  const decoder = new HpackDecoder({ tableBytesMax: 4096, listBytesMax: LIST_BYTES_MAX });
  for (let i = 0; i < 3; i++) decoder.decode(hpack.added(`x-${i}`, "value"), "trailers");
  return decoder;
}

/** `block` is decoded within bounds, or refused. */
function expectBounded(decoder: HpackDecoder, block: Buffer): "decoded" | "refused" {
  try {
    const { fields, sizeBytes } = decoder.decode(block, "request");
    let collectedBytes = 0;
    for (const [name, value] of fields) collectedBytes += name.length + value.length;
    expect(collectedBytes).toBeLessThanOrEqual(Math.min(sizeBytes, LIST_BYTES_MAX));
    return "decoded";
  } catch (error) {
    expect(error).toBeInstanceOf(Http2Error);
    expect(error).toMatchObject({ code: "COMPRESSION_ERROR" });
    return "refused";
  }
}

function count(outcomes: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = { decoded: 0, refused: 0 };
  for (const outcome of outcomes) counts[outcome]!++;
  return counts;
}

/** Bytes of heap that stay once garbage is collected. */
function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

describe("a header block", () => {
  it.each(BLOCKS.map((block, i) => [i, block] as const))("may have any bit flipped: %i", (_, block) => {
    const flipped = Array.from({ length: 8 * block.length }, (_unused, bit) => {
      const damaged = Buffer.from(block);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      return damaged;
    });
    const { decoded, refused } = count(flipped.map((damaged) => expectBounded(newDecoder(), damaged)));
    expect(decoded).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
  });

  it.each(BLOCKS.map((block, i) => [i, block] as const))("may be cut anywhere: %i", (_, block) => {
    for (let end = 0; end < block.length; end++) expectBounded(newDecoder(), block.subarray(0, end));
  });

  it("may be random bytes", () => {
    const random = new Random(7541);
    const blocks = Array.from({ length: 20_000 }, () => random.bytes(random.below(40)));
    const { decoded, refused } = count(blocks.map((block) => expectBounded(newDecoder(), block)));
    expect(decoded).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(100);
  });

  it("may be random fields for as long as the connection lives", () => {
    const random = new Random(7541);
    const decoder = newDecoder();
    const text = (): string => random.bytes(random.below(2) * random.below(200)).toString("latin1");
    const kinds = [hpack.added, hpack.literal, hpack.neverIndexed];
    const parts = (): Buffer[] =>
      Array.from({ length: 1 + random.below(20) }, () => random.pick(kinds)(text(), text()));
    for (let i = 0; i < 5000; i++) {
      const sizes = Array.from({ length: random.below(3) }, () => hpack.tableSize(random.below(4097)));
      expect(expectBounded(decoder, Buffer.concat([...sizes, ...parts()]))).toBe("decoded");
    }
  });
});

describe("two hundred connections", () => {
  it("whose tables were filled and driven out again hold what their tables may hold", () => {
    const large = Buffer.concat(Array.from({ length: 200 }, () => hpack.added("x", "y".repeat(4000))));
    const before = heldBytes();
    const decoders = Array.from({ length: 200 }, newDecoder);
    for (const decoder of decoders) decoder.decode(large, "trailers");
    for (const decoder of decoders) {
      for (let i = 0; i < 8; i++) decoder.decode(hpack.literal("z", `${i}`.repeat(3500)), "trailers");
    }
    const perDecoder = (heldBytes() - before) / decoders.length;
    console.log(`${Math.round(perDecoder)} bytes of heap for each decoder`);
    expect(perDecoder).toBeLessThan(64 * 1024);
    expect(decoders[199]!.decode(hpack.indexed(62), "trailers").sizeBytes).toBe(4033);
  });
});

describe("a block of a mebibyte", () => {
  it.each([
    [
      "of references to a large field",
      Buffer.concat([hpack.added("x", "y".repeat(4000)), Buffer.alloc(MIB, 0x80 | 62)]),
    ],
    ["of empty fields", Buffer.alloc(MIB)],
    ["of fields that go into the table", Buffer.concat(Array(MIB / 8).fill(hpack.added("x", "yyyy")))],
    ["that is one string", hpack.literal("x", "y".repeat(MIB))],
    [
      "of integers that are longer than needed",
      Buffer.concat(Array(MIB / 8).fill(Buffer.from("ff80808000", "hex"))),
    ],
  ])("%s is counted and not kept", (_, block) => {
    const decoder = new HpackDecoder({ tableBytesMax: 4096, listBytesMax: LIST_BYTES_MAX });
    expectBounded(decoder, block);
  });
});
