/**
 * Hostile FlightData and Flight messages: whatever comes ends in a value or a typed error, however it is cut.
 *
 * What is accepted is compared with a second reader, written on the wire library of protobuf-es and sharing
 * nothing with ours: so nothing is misread either. Seeds are fixed: a failure comes back when it is run again.
 */
import { BinaryReader } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CacheError } from "../../src/errors.ts";
import { decodeDescriptor } from "../../src/flight/descriptor.ts";
import { FlightDataDecoder } from "../../src/flight/flight-data-decoder.ts";
import { decodeListedFlight } from "../../src/flight/flight-info-reader.ts";
import { decodeHealthRequest, decodeHealthResponse } from "../../src/flight/health.ts";
import * as messages from "../../src/flight/messages.ts";
import { parseTicket } from "../../src/flight/ticket.ts";
import { LIMITS } from "../../src/limits.ts";
import {
  cut,
  type DecodedFlightData,
  decodePieces,
  decodeWhole,
  field,
  varint,
} from "../unit/flight/decode-flight-data.ts";
import { GOLDEN } from "../unit/flight/golden-messages.ts";

const SEED = 20_251;
const MIB = 1024 ** 2;

/** The value, or the code of the typed error; anything else that is thrown fails the test. */
function outcome<Value>(decode: () => Value): { value: Value } | { code: string } {
  try {
    return { value: decode() };
  } catch (error) {
    expect(error).toBeInstanceOf(CacheError);
    return { code: (error as CacheError).code };
  }
}

/** Reads a whole message; of each field the last value counts. */
function readWithLibrary(message: Buffer): DecodedFlightData {
  const reader = new BinaryReader(message);
  const found = new Map<number, string>();
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const value = wireType === 2 ? hex(reader.bytes()) : hex(reader.skip(wireType, number));
    found.set(wireType === 2 ? number : -number, value);
  }
  const body = found.get(1000) ?? "";
  return {
    descriptor: found.get(1),
    dataHeader: found.get(2) ?? "",
    appMetadata: found.get(3) ?? "",
    bodySizeBytes: body.length / 2,
    body,
  };
}

function isValue<Value>(result: { value: Value } | { code: string }): result is { value: Value } {
  return "value" in result;
}

/** One outcome whatever the cut; the same value as the library's when there is one. Returns it. */
function judge(message: Buffer, pieceSizeBytes = 1): { value: DecodedFlightData } | { code: string } {
  const whole = outcome(() => decodeWhole(message));
  expect(outcome(() => decodePieces(cut(message, pieceSizeBytes)))).toEqual(whole);
  const accepted = [whole].filter(isValue);
  expect(accepted).toEqual(accepted.map(() => ({ value: readWithLibrary(message) })));
  return whole;
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((value) => Buffer.from(value));
const anyField = fc.oneof(
  fc.tuple(fc.constantFrom(1, 2, 3, 3, 1000), bytes(40)).map(([number, value]) => field(number, value)),
  fc.tuple(fc.integer({ min: 4, max: 2000 }), bytes(10)).map(([number, value]) => field(number, value)),
  fc.maxSafeNat().map((value) => Buffer.concat([varint(4 * 8), varint(value)])),
  fc.tuple(fc.constantFrom(1, 2, 1000), fc.nat()).map(([n, v]) => Buffer.concat([varint(n * 8), varint(v)])),
  bytes(8).map((value) => Buffer.concat([varint(7 * 8 + 1), value, Buffer.alloc(8 - value.length)])),
  bytes(4).map((value) => Buffer.concat([varint(9 * 8 + 5), value, Buffer.alloc(4 - value.length)])),
);
const anyMessage = fc.array(anyField, { maxLength: 8 }).map((fields) => Buffer.concat(fields));

describe("FlightData", () => {
  it("of fields in any order is read as protobuf says or refused", () => {
    const accepted = { count: 0 };
    const property = fc.property(anyMessage, fc.integer({ min: 1, max: 50 }), (message, pieceSizeBytes) => {
      accepted.count += [judge(message, pieceSizeBytes)].filter(isValue).length;
    });
    fc.assert(property, { seed: SEED, numRuns: 4000 });
    expect(accepted.count).toBeGreaterThan(2000);
  });

  it("of random bytes is read as protobuf says or refused", () => {
    const property = fc.property(bytes(200), (message) => {
      judge(message);
    });
    fc.assert(property, { seed: SEED, numRuns: 4000 });
  });

  it.each([
    ["a schema", GOLDEN.flightDataOfSchema],
    ["a batch", GOLDEN.flightDataOfBatch],
  ])("of pyarrow, %s, is read as protobuf says or refused after any bit flip", (_, golden) => {
    const outcomes = Array.from({ length: golden.length * 8 }, (_bit, bit) => {
      const flipped = Buffer.from(golden);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      return judge(flipped, 3);
    });
    expect(outcomes.length).toBe(golden.length * 8);
    expect(outcomes.filter((each) => !isValue(each)).length).toBeGreaterThan(8);
  });

  it.each([
    ["a schema", GOLDEN.flightDataOfSchema],
    ["a batch", GOLDEN.flightDataOfBatch],
  ])("of pyarrow, %s, is read as protobuf says or refused at any length", (_, golden) => {
    const outcomes = Array.from(golden, (_byte, sizeBytes) => judge(golden.subarray(0, sizeBytes)));
    expect(outcomes.filter((each) => "code" in each && each.code !== "INVALID_IPC")).toEqual([]);
    expect(outcomes.filter(isValue).length).toBeLessThan(10);
  });

  it("is the same in any three pieces", () => {
    const golden = GOLDEN.flightDataOfBatch;
    const whole = decodeWhole(golden);
    const at = fc.nat({ max: golden.length });
    const property = fc.property(at, at, (one, two) => {
      const [first, second] = [Math.min(one, two), Math.max(one, two)];
      const pieces = [golden.subarray(0, first), golden.subarray(first, second), golden.subarray(second)];
      expect(decodePieces(pieces)).toEqual(whole);
    });
    fc.assert(property, { seed: SEED, numRuns: 2000 });
  });
});

describe("the memory of the decoder", () => {
  const chunk = Buffer.alloc(64 * 1024);

  /** Feeds a message that begins so and goes on with that many bytes of nothing; returns what memory grew by. */
  function growth(prefix: Buffer, restSizeBytes: number): number {
    const decoder = new FlightDataDecoder();
    const used = () => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
    const before = used();
    decoder.begin(prefix.length + restSizeBytes);
    decoder.push(prefix);
    for (let left = restSizeBytes; left > 0; left -= chunk.length) {
      decoder.push(left < chunk.length ? chunk.subarray(0, left) : chunk);
    }
    decoder.end();
    return used() - before;
  }

  it("stays flat while 2 GiB of body pass", () => {
    const sizeBytes = 2048 * MIB;
    const prefix = Buffer.concat([field(2, "h"), varint(8002), varint(sizeBytes)]);
    expect(growth(prefix, sizeBytes)).toBeLessThan(32 * MIB);
  });

  it("stays flat while 2 GiB of an unknown field pass", () => {
    const sizeBytes = 2048 * MIB;
    expect(growth(Buffer.concat([varint(82), varint(sizeBytes)]), sizeBytes)).toBeLessThan(32 * MIB);
  });

  it("stays flat while a header is replaced as often as it may be, again and again", () => {
    const times = LIMITS.flightDataFieldsMax;
    const headers = Buffer.concat(Array.from({ length: times }, () => field(2, "header")));
    const decoder = new FlightDataDecoder();
    const before = process.memoryUsage().arrayBuffers;
    for (let round = 0; round < 20_000; round += 1) {
      decoder.begin(headers.length);
      decoder.push(headers);
      decoder.end();
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MIB);
    expect(decoder.head?.dataHeader.toString()).toBe("header");
  });

  it("holds a header that comes in single bytes once, not once per byte", () => {
    const sizeBytes = 4 * MIB;
    const decoder = new FlightDataDecoder();
    const one = Buffer.from("x");
    decoder.begin(sizeBytes + 10);
    decoder.push(Buffer.concat([varint(18), varint(sizeBytes)]));
    const before = process.memoryUsage().arrayBuffers;
    for (let count = 0; count < sizeBytes; count += 1) decoder.push(one);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * sizeBytes);
  });
});

describe("Flight messages", () => {
  const DECODERS: readonly (readonly [string, (bytes: Buffer) => unknown])[] = [
    ["FlightDescriptor", decodeDescriptor],
    ["FlightInfo", messages.decodeFlightInfo],
    ["FlightInfo of a list", decodeListedFlight],
    ["Ticket", messages.decodeTicket],
    ["SchemaResult", messages.decodeSchemaResult],
    ["PutResult", messages.decodePutResult],
    ["Criteria", messages.decodeCriteria],
    ["Action", messages.decodeAction],
    ["Result", messages.decodeResult],
    ["ActionType", messages.decodeActionType],
    ["HealthCheckRequest", decodeHealthRequest],
    ["HealthCheckResponse", decodeHealthResponse],
    ["text of a ticket", parseTicket],
  ];

  it.each(DECODERS)("of random bytes are a %s or refused with INVALID_REQUEST", (_, decode) => {
    const property = fc.property(fc.oneof(bytes(100), anyMessage), (message) => {
      expect([undefined, "INVALID_REQUEST"]).toContain(errorCode(outcome(() => decode(message))));
    });
    fc.assert(property, { seed: SEED, numRuns: 1000 });
  });

  it.each(DECODERS)("of pyarrow are a %s or refused with INVALID_REQUEST after any bit flip", (_, decode) => {
    const flipped = Array.from({ length: GOLDEN.flightInfo.length * 8 }, (_bit, bit) => {
      const message = Buffer.from(GOLDEN.flightInfo);
      message[bit >> 3]! ^= 1 << (bit & 7);
      return errorCode(outcome(() => decode(message)));
    });
    expect(flipped.filter((code) => code !== undefined && code !== "INVALID_REQUEST")).toEqual([]);
  });
});

function errorCode(result: { value: unknown } | { code: string }): string | undefined {
  return "code" in result ? result.code : undefined;
}
