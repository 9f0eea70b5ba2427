/**
 * What the decoder takes, what it refuses, what it counts, and what it remembers.
 */
import { describe, expect, it } from "vitest";
import { type HeaderBlock, HpackDecoder } from "../../../src/http2/hpack-decoder.ts";
import { encodeHeaderBlock } from "../../../src/http2/hpack-encoder.ts";
import * as hpack from "../../support/hpack-blocks.ts";

const NEWEST = 62;

function decoderOf(limits: Partial<{ tableBytesMax: number; listBytesMax: number }> = {}): HpackDecoder {
  return new HpackDecoder({ tableBytesMax: 4096, listBytesMax: 16_384, ...limits });
}

function decode(...parts: Uint8Array[]): HeaderBlock {
  return decoderOf().decode(Buffer.concat(parts), "request");
}

const COMPRESSION_ERROR = expect.objectContaining({ name: "Http2Error", code: "COMPRESSION_ERROR" });
const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString("latin1");

describe("a block", () => {
  it("gives its fields in lower case, values as latin1, and its size", () => {
    const block = decode(hpack.REQUEST_LINE, hpack.literal("x-name", "gr\u00fc\u00dfe\u00ff"));
    expect([...block.fields]).toEqual([
      [":method", "POST"],
      [":scheme", "http"],
      [":path", "/x"],
      ["x-name", "gr\u00fc\u00dfe\u00ff"],
    ]);
    expect(block.sizeBytes).toBe(11 + 11 + 7 + 12 + 4 * 32);
    expect(block.malformed).toBeUndefined();
  });

  it("joins several values of one name, cookies by semicolons", () => {
    const fields = ["a", "b", "c"].flatMap((value) => [
      hpack.literal("x-name", value),
      hpack.literal("cookie", value),
    ]);
    const block = decode(hpack.REQUEST_LINE, ...fields);
    expect(block.fields.get("x-name")).toBe("a, b, c");
    expect(block.fields.get("cookie")).toBe("a; b; c");
    expect(block.malformed).toBeUndefined();
  });

  it("may hold a field that nobody may put into a table", () => {
    const decoder = decoderOf();
    const block = Buffer.concat([hpack.REQUEST_LINE, hpack.neverIndexed("authorization", "secret")]);
    expect(decoder.decode(block, "request").fields.get("authorization")).toBe("secret");
    expect(() => decoder.decode(hpack.indexed(NEWEST), "request")).toThrow(COMPRESSION_ERROR);
  });

  it("keeps names that are no names of objects in order", () => {
    const block = decode(
      hpack.REQUEST_LINE,
      hpack.literal("__proto__", "x"),
      hpack.literal("constructor", "y"),
    );
    expect(block.fields.get("__proto__")).toBe("x");
    expect(block.fields.get("constructor")).toBe("y");
    expect(block.fields.get("tostring")).toBeUndefined();
  });
});

describe("a request is malformed", () => {
  const line = hpack.REQUEST_LINE;
  const without = (index: number) =>
    Buffer.concat([3, 6, 4].filter((each) => each !== index).map(hpack.indexed));
  it.each<[string, ...Buffer[]]>([
    ["without :method", without(3)],
    ["without :scheme", without(6)],
    ["without :path", without(4)],
    ["with an empty :path", hpack.literal(":path", ""), without(4)],
    ["with a :path without slash", hpack.literal(":path", "x"), without(4)],
    ["with a space in :path", hpack.literal(":path", "/a b"), without(4)],
    ["with an empty :method", hpack.literal(":method", ""), without(3)],
    ["with :method twice", hpack.indexed(3), line],
    ["with :path twice", line, hpack.indexed(4)],
    ["with :authority twice", line, hpack.literal(":authority", "a"), hpack.literal(":authority", "a")],
    ["with :status", line, hpack.indexed(8)],
    ["with an unknown pseudo-header", line, hpack.literal(":x", "y")],
    ["with a pseudo-header of no name", line, hpack.literal(":", "y")],
    ["with a pseudo-header after other fields", hpack.literal("x", "y"), line],
    ["with upper case in a name", line, hpack.literal("X-name", "y")],
    ["with an empty name", line, hpack.literal("", "y")],
    ["with a colon in a name", line, hpack.literal("x:", "y")],
    ["with space in a name", line, hpack.literal("x ", "y")],
    ["with latin1 in a name", line, hpack.literal("\u00e4", "y")],
    ["with a line feed in a value", line, hpack.literal("x", "a\nb")],
    ["with a carriage return in a value", line, hpack.literal("x", "a\rb")],
    ["with a zero in a value", line, hpack.literal("x", "a\0b")],
    ["with space before a value", line, hpack.literal("x", " y")],
    ["with a tab behind a value", line, hpack.literal("x", "y\t")],
    ["with connection", line, hpack.literal("connection", "close")],
    ["with proxy-connection", line, hpack.literal("proxy-connection", "keep-alive")],
    ["with keep-alive", line, hpack.literal("keep-alive", "1")],
    ["with transfer-encoding", line, hpack.literal("transfer-encoding", "chunked")],
    ["with upgrade", line, hpack.literal("upgrade", "h2c")],
    ["with te other than trailers", line, hpack.literal("te", "gzip")],
    ["with te of more than trailers", line, hpack.literal("te", "trailers, gzip")],
    ["with a content-length that is no number", line, hpack.literal("content-length", "-1")],
    ["with an empty content-length", line, hpack.literal("content-length", "")],
    [
      "with content-length twice",
      line,
      hpack.literal("content-length", "1"),
      hpack.literal("content-length", "1"),
    ],
  ])("%s", (_, ...parts) => {
    expect(decode(...parts).malformed).toEqual(expect.any(String));
  });

  it.each([
    ["an empty value", hpack.literal("x", "")],
    ["space and tabs inside of a value", hpack.literal("x", "a \t b")],
    [
      "every byte that is not a control character",
      hpack.literal("x", ALL_BYTES.replaceAll(/[\0-\x20\x7f]/g, "")),
    ],
    ["te: trailers", hpack.literal("te", "trailers")],
    ["an empty :authority", Buffer.concat([])],
    ["a content-length", hpack.literal("content-length", "18446744073709551616")],
  ])("but not with %s", (_, part) => {
    expect(decode(hpack.REQUEST_LINE, hpack.literal(":authority", ""), part).malformed).toBeUndefined();
  });

  it("also when the flaw comes out of the table", () => {
    const decoder = decoderOf();
    decoder.decode(hpack.added("Upper", "case"), "trailers");
    const block = Buffer.concat([hpack.REQUEST_LINE, hpack.indexed(NEWEST)]);
    expect(decoder.decode(block, "request").malformed).toEqual(expect.any(String));
  });
});

describe("trailers", () => {
  it("need no pseudo-headers", () => {
    const block = decoderOf().decode(hpack.literal("x", "y"), "trailers");
    expect(block).toMatchObject({ sizeBytes: 34, isFull: false, malformed: undefined });
  });

  it.each([":method", ":path", ":status", ":x"])("are malformed with %s", (name) => {
    expect(decoderOf().decode(hpack.literal(name, "/"), "trailers").malformed).toEqual(expect.any(String));
  });

  it("are told from a request of the same bytes", () => {
    const decoder = decoderOf();
    expect(decoder.decode(hpack.REQUEST_LINE, "request").malformed).toBeUndefined();
    expect(decoder.decode(hpack.REQUEST_LINE, "trailers").malformed).toEqual(expect.any(String));
  });
});

describe("a block that says too much", () => {
  const huffman = (...bytes: number[]) => Buffer.from([0x00, 0x80 | bytes.length, ...bytes, 0]);
  it.each([
    ["index 0", hpack.indexed(0)],
    ["an index beyond the table", hpack.indexed(NEWEST)],
    ["an index far beyond the table", hpack.indexed(2 ** 31 - 1)],
    ["the name at an index beyond the table", Buffer.concat([hpack.integer(NEWEST, 4), hpack.plain("x")])],
    ["an integer of 2 to the 31", Buffer.concat([hpack.integer(2 ** 31, 7, 0x80)])],
    ["an integer of 2 to the 64", Buffer.concat([hpack.integer(2 ** 64, 7, 0x80)])],
    [
      "an integer of zeros without end",
      Buffer.concat([Buffer.from([0xff]), Buffer.alloc(6, 0x80), Buffer.from([0])]),
    ],
    ["an integer that is cut", Buffer.from([0xff, 0x80])],
    ["a string longer than the block", Buffer.from([0x00, 5, 0x61])],
    ["a string that is not there", Buffer.from([0x00, 1, 0x61])],
    ["the end of string inside of a string", huffman(0xff, 0xff, 0xff, 0xff)],
    ["a string padded with zeros", huffman(0x18)],
    ["a string padded with a whole byte", huffman(0x1f, 0xff)],
    ["a table that is larger than was agreed", hpack.tableSize(4097)],
    ["three new sizes of the table", Buffer.concat([0, 1, 2].map(hpack.tableSize))],
    ["a new size of the table behind a field", Buffer.concat([hpack.indexed(3), hpack.tableSize(0)])],
  ])("is a compression error: %s", (_, block) => {
    expect(() => decoderOf().decode(block, "request")).toThrow(COMPRESSION_ERROR);
  });

  it("is a compression error also where its fields are no longer collected", () => {
    const decoder = decoderOf({ listBytesMax: 10 });
    const block = Buffer.concat([hpack.REQUEST_LINE, huffman(0x18)]);
    expect(() => decoder.decode(block, "request")).toThrow(COMPRESSION_ERROR);
  });
});

describe("the table", () => {
  const fieldAt = (decoder: HpackDecoder, index: number) => [
    ...decoder.decode(hpack.indexed(index), "trailers").fields,
  ];

  it("has the newest field first and lets the oldest go", () => {
    const decoder = decoderOf();
    const fields = Array.from({ length: 200 }, (_, i) => hpack.added("x", String(1000 + i)));
    decoder.decode(Buffer.concat(fields), "trailers");
    const kept = Math.floor(4096 / 37);
    expect(fieldAt(decoder, NEWEST)).toEqual([["x", "1199"]]);
    expect(fieldAt(decoder, NEWEST + kept - 1)).toEqual([["x", String(1200 - kept)]]);
    expect(() => fieldAt(decoder, NEWEST + kept)).toThrow(COMPRESSION_ERROR);
  });

  it("is full of the smallest fields at 128", () => {
    const decoder = decoderOf();
    decoder.decode(Buffer.concat(Array.from({ length: 300 }, () => hpack.added("", ""))), "trailers");
    expect(fieldAt(decoder, NEWEST + 127)).toEqual([["", ""]]);
    expect(() => fieldAt(decoder, NEWEST + 128)).toThrow(COMPRESSION_ERROR);
  });

  it("is emptied by a field that is larger than it", () => {
    const decoder = decoderOf();
    decoder.decode(hpack.added("x", "y"), "trailers");
    const large = decoder.decode(hpack.added("x", "y".repeat(4064)), "trailers");
    expect(large.fields.get("x")).toHaveLength(4064);
    expect(() => fieldAt(decoder, NEWEST)).toThrow(COMPRESSION_ERROR);
  });

  it("is emptied by the size 0, and grows again", () => {
    const decoder = decoderOf();
    decoder.decode(hpack.added("x", "y"), "trailers");
    decoder.decode(Buffer.concat([hpack.tableSize(0), hpack.tableSize(4096)]), "trailers");
    expect(() => fieldAt(decoder, NEWEST)).toThrow(COMPRESSION_ERROR);
    decoder.decode(hpack.added("x", "z"), "trailers");
    expect(fieldAt(decoder, NEWEST)).toEqual([["x", "z"]]);
  });

  it("may be larger than the usual one where that was agreed", () => {
    const decoder = decoderOf({ tableBytesMax: 65_536, listBytesMax: 10 ** 6 });
    decoder.decode(hpack.tableSize(65_536), "trailers");
    for (let i = 0; i < 3000; i++) decoder.decode(hpack.added("", ""), "trailers");
    expect(fieldAt(decoder, NEWEST + 2047)).toEqual([["", ""]]);
    expect(() => fieldAt(decoder, NEWEST + 2048)).toThrow(COMPRESSION_ERROR);
  });

  it("gives an added field the name of one that it drives out", () => {
    const decoder = decoderOf();
    decoder.decode(Buffer.concat([hpack.tableSize(40), hpack.added("x-name", "y")]), "trailers");
    const block = Buffer.concat([hpack.integer(NEWEST, 6, 0x40), hpack.plain("z")]);
    expect([...decoder.decode(block, "trailers").fields]).toEqual([["x-name", "z"]]);
    expect(fieldAt(decoder, NEWEST)).toEqual([["x-name", "z"]]);
  });
});

describe("fields beyond the limit", () => {
  it("are counted and not collected, and the table stays in step", () => {
    const decoder = decoderOf({ listBytesMax: 200 });
    const block = Buffer.concat([
      hpack.REQUEST_LINE,
      hpack.literal("x-first", "y".repeat(100)),
      hpack.literal("x-second", "y".repeat(1000)),
      hpack.added("x-third", "z"),
    ]);
    const decoded = decoder.decode(block, "request");
    expect([...decoded.fields.keys()]).toEqual([":method", ":scheme", ":path"]);
    expect(decoded.sizeBytes).toBe(125 + 139 + 1040 + 40);
    expect([...decoder.decode(hpack.indexed(NEWEST), "trailers").fields]).toEqual([["x-third", "z"]]);
  });

  it("cannot blow up a small block", () => {
    const decoder = decoderOf();
    const references = Buffer.concat(Array.from({ length: 16_000 }, () => hpack.indexed(NEWEST)));
    const large = hpack.added("x", "y".repeat(4000));
    const decoded = decoder.decode(Buffer.concat([hpack.REQUEST_LINE, large, references]), "request");
    expect(decoded.sizeBytes).toBe(125 + 16_001 * 4033);
    expect(decoded.fields.get("x")!.length).toBeLessThan(16_384);
  });
});

describe("a block that comes again", () => {
  const request = encodeHeaderBlock([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", "/test.Echo/Unary"],
    ["te", "trailers"],
  ]);

  it("is decoded once", () => {
    const decoder = decoderOf();
    const first = decoder.decode(request, "request");
    const other = decoder.decode(hpack.REQUEST_LINE, "request");
    expect(decoder.decode(Buffer.from(request), "request")).toBe(first);
    expect(decoder.decode(hpack.REQUEST_LINE, "request")).toBe(other);
  });

  it("is remembered by bytes of its own", () => {
    const decoder = decoderOf();
    const reused = Buffer.from(request);
    decoder.decode(reused, "request");
    reused.fill(0x82);
    expect(decoder.decode(reused, "request").malformed).toEqual(expect.any(String));
    expect(decoder.decode(request, "request").malformed).toBeUndefined();
  });

  it("is decoded anew when the table has changed", () => {
    const decoder = decoderOf();
    const reference = Buffer.concat([hpack.REQUEST_LINE, hpack.indexed(NEWEST)]);
    decoder.decode(hpack.added("x", "before"), "trailers");
    expect(decoder.decode(reference, "request").fields.get("x")).toBe("before");
    decoder.decode(hpack.added("x", "after"), "trailers");
    expect(decoder.decode(reference, "request").fields.get("x")).toBe("after");
    decoder.decode(hpack.tableSize(0), "trailers");
    expect(() => decoder.decode(reference, "request")).toThrow(COMPRESSION_ERROR);
  });

  it("adds its field again where it adds one", () => {
    const decoder = decoderOf();
    for (let i = 0; i < 3; i++) decoder.decode(hpack.added("x", "y"), "trailers");
    expect(decoder.decode(hpack.indexed(NEWEST + 2), "trailers").fields.get("x")).toBe("y");
  });

  it("does not drive the memory up where there are many", () => {
    const decoder = decoderOf();
    const blocks = Array.from({ length: 10 }, (_, i) => hpack.literal("x", `value ${i}`));
    const first = blocks.map((block) => decoder.decode(block, "trailers"));
    const again = blocks.toReversed().map((block) => decoder.decode(block, "trailers"));
    expect(again.filter((block) => first.includes(block))).toHaveLength(4);
  });

  it("is decoded again each time where it is large", () => {
    const decoder = decoderOf();
    const large = hpack.literal("x", "y".repeat(5000));
    expect(decoder.decode(large, "trailers")).not.toBe(decoder.decode(large, "trailers"));
  });
});
