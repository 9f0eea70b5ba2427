import { describe, expect, it } from "vitest";
import { FlightDataDecoder } from "../../../src/flight/flight-data-decoder.ts";
import { LIMITS } from "../../../src/limits.ts";
import {
  APP_METADATA,
  BODY,
  cut,
  DATA_HEADER,
  DESCRIPTOR,
  decodePieces,
  decodeWhole,
  field,
  varint,
} from "./decode-flight-data.ts";
import { GOLDEN } from "./golden-messages.ts";

const hex = (text: string) => Buffer.from(text).toString("hex");
const message = (...fields: readonly Buffer[]) => Buffer.concat(fields);

/** Starts a message that goes on after these fields and feeds them. */
function begun(...fields: readonly Buffer[]): { decoder: FlightDataDecoder; body: Buffer[] } {
  const decoder = new FlightDataDecoder();
  const bytes = message(...fields);
  decoder.begin(2 ** 32 - 1);
  return { decoder, body: decoder.push(bytes) };
}

describe("FlightData of pyarrow", () => {
  it("reads a schema with its descriptor", () => {
    const decoded = decodeWhole(GOLDEN.flightDataOfSchema);
    expect(decoded).toMatchObject({
      descriptor: GOLDEN.pathOfOne.toString("hex"),
      bodySizeBytes: 0,
      body: "",
    });
    expect(decoded.dataHeader).toHaveLength(2 * 168);
  });

  it("reads a batch with its app_metadata", () => {
    const decoded = decodeWhole(GOLDEN.flightDataOfBatch);
    expect(decoded).toMatchObject({ descriptor: undefined, appMetadata: hex("meta"), bodySizeBytes: 24 });
    expect(decoded.body).toBe(`000000000000000000000000050000${"00"}${hex("hello")}000000`);
  });

  it.each([1, 2, 3, 5, 8, 13, 100])("reads the same in pieces of %d bytes", (size) => {
    const pieces = cut(GOLDEN.flightDataOfBatch, size);
    expect(decodePieces(pieces)).toEqual(decodeWhole(GOLDEN.flightDataOfBatch));
  });

  it("reads the same wherever it is cut in two", () => {
    const bytes = GOLDEN.flightDataOfBatch;
    const cuts = Array.from(bytes, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)]);
    expect(cuts.map(decodePieces)).toEqual(cuts.map(() => decodeWhole(bytes)));
  });
});

describe("the body", () => {
  it("is passed on as views while it arrives", () => {
    const { decoder, body } = begun(
      field(DATA_HEADER, "h"),
      varint(BODY * 8 + 2),
      varint(100),
      Buffer.from("ab"),
    );
    const chunk = Buffer.from("cd");
    expect(Buffer.concat(body).toString()).toBe("ab");
    expect(decoder.push(chunk)[0]).toBe(chunk);
  });

  it("has its head as soon as its size is known", () => {
    const { decoder } = begun(field(DATA_HEADER, "h"), field(APP_METADATA, "m"), varint(BODY * 8 + 2));
    expect(decoder.head).toBeUndefined();
    decoder.push(varint(5));
    expect(decoder.head).toEqual({
      descriptor: undefined,
      dataHeader: Buffer.from("h"),
      appMetadata: Buffer.from("m"),
      bodySizeBytes: 5,
    });
  });

  it("is given at the end when it came before its header", () => {
    const { decoder, body } = begun(field(BODY, "body"), field(DATA_HEADER, "h"));
    expect(body).toEqual([]);
    expect(decoder.head).toBeUndefined();
    expect(
      decodeWhole(message(field(BODY, "body"), field(DATA_HEADER, "h"), field(DESCRIPTOR, "d"))),
    ).toEqual({
      descriptor: hex("d"),
      dataHeader: hex("h"),
      appMetadata: "",
      bodySizeBytes: 4,
      body: hex("body"),
    });
  });

  it("may be empty", () => {
    const decoded = decodeWhole(message(field(DATA_HEADER, "h"), field(BODY, "")));
    expect(decoded).toMatchObject({ dataHeader: hex("h"), bodySizeBytes: 0, body: "" });
  });
});

describe("fields", () => {
  it("are all empty in an empty message", () => {
    const empty = { descriptor: undefined, dataHeader: "", appMetadata: "", bodySizeBytes: 0, body: "" };
    expect(decodePieces([])).toEqual(empty);
  });

  it("give the last value when a header or app_metadata is repeated before the body", () => {
    const twice = [DATA_HEADER, APP_METADATA].flatMap((number) => [
      field(number, "old"),
      field(number, "new"),
    ]);
    expect(decodeWhole(message(...twice))).toMatchObject({ dataHeader: hex("new"), appMetadata: hex("new") });
  });

  it("may be written with an empty value that replaces an earlier one", () => {
    const bytes = message(field(APP_METADATA, "old"), field(APP_METADATA, ""));
    expect(decodeWhole(bytes).appMetadata).toBe("");
  });

  it("take app_metadata behind the body too", () => {
    const bytes = message(field(DATA_HEADER, "h"), field(BODY, "b"), field(APP_METADATA, "late"));
    expect(decodeWhole(bytes).appMetadata).toBe(hex("late"));
  });

  it("are views of the chunk when they lie in one", () => {
    const decoder = new FlightDataDecoder();
    decoder.begin(GOLDEN.flightDataOfBatch.length);
    decoder.push(GOLDEN.flightDataOfBatch);
    expect(decoder.head?.dataHeader.buffer).toBe(GOLDEN.flightDataOfBatch.buffer);
    expect(decoder.appMetadata.buffer).toBe(GOLDEN.flightDataOfBatch.buffer);
  });

  it.each([
    ["a varint", Buffer.from("20ffffffffffffffffff01", "hex")],
    ["eight bytes", Buffer.from("210102030405060708", "hex")],
    ["four bytes", Buffer.from("2501020304", "hex")],
    ["bytes", field(999, "unknown")],
    ["empty bytes", field(5, "")],
    ["a known field of another type", Buffer.from("1005", "hex")],
    ["the highest field number", field(2 ** 29 - 1, "x")],
  ])("are skipped when they are not known: %s", (_, unknown) => {
    const known = [field(DATA_HEADER, "h"), field(BODY, "b"), field(APP_METADATA, "m")];
    const bytes = message(unknown, ...known.flatMap((each) => [each, unknown]));
    expect(decodePieces(cut(bytes, 1))).toEqual(decodeWhole(message(...known)));
    expect(decodeWhole(bytes)).toEqual(decodeWhole(message(...known)));
  });

  it.each([
    [
      "a whole message",
      message(field(DESCRIPTOR, "d"), field(APP_METADATA, "m"), field(BODY, "b"), field(DATA_HEADER, "h")),
    ],
    [
      "a message with a streamed body",
      message(field(DESCRIPTOR, "d"), field(DATA_HEADER, "h"), field(BODY, "b")),
    ],
  ])("do not leak from %s into the next", (_, first) => {
    const decoder = new FlightDataDecoder();
    decoder.begin(first.length);
    decoder.push(first);
    decoder.end();
    decoder.begin(0);
    expect(decoder.head).toBeUndefined();
    expect(decoder.end()).toEqual([]);
    const nothing = Buffer.alloc(0);
    expect(decoder.head).toEqual({
      descriptor: undefined,
      dataHeader: nothing,
      appMetadata: nothing,
      bodySizeBytes: 0,
    });
    expect(decoder.appMetadata).toEqual(nothing);
  });

  it("do not leak from a message that broke off into the next", () => {
    const { decoder } = begun(field(DESCRIPTOR, "d"), Buffer.from([0x12, 0x83]));
    decoder.begin(GOLDEN.flightDataOfBatch.length);
    const body = decoder.push(GOLDEN.flightDataOfBatch);
    decoder.end();
    expect(decoder.head?.descriptor).toBeUndefined();
    expect(body[0]).toHaveLength(24);
  });
});

describe("what is refused", () => {
  const header = field(DATA_HEADER, "h");
  it.each([
    ["a second body", message(header, field(BODY, "b"), field(BODY, "b"))],
    ["a second body before the header", message(field(BODY, "b"), field(BODY, "b"), header)],
    ["a header behind a streamed body", message(header, field(BODY, "b"), header)],
    ["a descriptor behind a streamed body", message(header, field(BODY, "b"), field(DESCRIPTOR, "d"))],
    ["a second descriptor", message(field(DESCRIPTOR, "d"), field(DESCRIPTOR, "d"))],
  ])("refuses %s with INVALID_REQUEST", (_, bytes) => {
    expect(() => decodeWhole(bytes)).toThrow(/^\[INVALID_REQUEST\]/);
  });

  it.each([
    ["a field without a number", "02"],
    ["a field number over 2^29", "828080801001"],
    ["the start of a group", "0b"],
    ["the end of a group", "0c"],
    ["wire type 6", "0e"],
    ["wire type 7", "0f"],
    ["a size beyond the message", "120201"],
    ["a negative size", "12ffffffffffffffffff01"],
    ["a varint of eleven bytes", "20ffffffffffffffffffff01"],
    ["eight bytes of which seven came", "2101020304050607"],
    ["a tag without a value", "12"],
    ["half a tag", "80"],
    ["half a size", "1280"],
    ["half a skipped varint", "2080"],
  ])("refuses %s with INVALID_IPC", (_, bytes) => {
    expect(() => decodeWhole(Buffer.from(bytes, "hex"))).toThrow(/^\[INVALID_IPC\]/);
    expect(() => decodePieces(cut(Buffer.from(bytes, "hex"), 1))).toThrow(/^\[INVALID_IPC\]/);
  });

  it("refuses every truncation of a message", () => {
    const bytes = message(header, field(BODY, "b"));
    const decoder = new FlightDataDecoder();
    const ends = Array.from(bytes, (_, sizeBytes) => () => {
      decoder.begin(bytes.length);
      decoder.push(bytes.subarray(0, sizeBytes));
      decoder.end();
    });
    expect(ends).toHaveLength(bytes.length);
    for (const end of ends) expect(end).toThrow(/^\[INVALID_IPC\].*cut short/);
  });

  it.each([
    ["a descriptor", "descriptorBytesMax", DESCRIPTOR],
    ["a header", "dataHeaderBytesMax", DATA_HEADER],
    ["app_metadata", "appMetadataBytesMax", APP_METADATA],
    ["a body before its header", "bodyBeforeHeaderBytesMax", BODY],
  ] as const)("refuses %s over %s before a byte of it has come", (_, limit, number) => {
    const prefix = (sizeBytes: number) => message(varint(number * 8 + 2), varint(sizeBytes));
    expect(() => begun(prefix(LIMITS[limit]))).not.toThrow();
    expect(() => begun(prefix(LIMITS[limit] + 1))).toThrow(new RegExp(`^\\[OBJECT_TOO_LARGE\\].*${limit}`));
  });

  it("takes as many fields as flightDataFieldsMax, and refuses one more", () => {
    const fields = (count: number) => decodeWhole(Buffer.alloc(2 * count, Buffer.of(0x08, 0)));
    expect(() => fields(LIMITS.flightDataFieldsMax)).not.toThrow();
    expect(() => fields(LIMITS.flightDataFieldsMax + 1)).toThrow(/^\[INVALID_REQUEST\].*too many fields/);
  });

  it("streams a body of almost 4 GiB", () => {
    const sizeBytes = 2 ** 32 - 1000;
    const { decoder } = begun(header, varint(BODY * 8 + 2), varint(sizeBytes));
    expect(decoder.head?.bodySizeBytes).toBe(sizeBytes);
  });

  it("asserts that no more bytes come than were announced", () => {
    const decoder = new FlightDataDecoder();
    decoder.begin(2);
    expect(() => decoder.push(Buffer.alloc(3))).toThrow(/assertion failed/);
  });
});
