/**
 * FlightInfos of a list, decoded by hand: in every case what the generated code makes of the bytes.
 */
import { describe, expect, it } from "vitest";
import { decodeListedFlight } from "../../../src/flight/flight-info-reader.ts";
import { decodeFlightInfo, encodeFlightInfo, type FlightInfo } from "../../../src/flight/messages.ts";
import { Random } from "../../support/random.ts";
import { GOLDEN } from "./golden-messages.ts";

const USUAL: FlightInfo = {
  schema: Buffer.from("schema"),
  descriptor: { kind: "path", path: ["app/session/é"] },
  endpoints: [
    {
      ticket: Buffer.from("app/session/é"),
      locations: ["grpc://127.0.0.1:9090", "grpc://b:1"],
      expirationTime: new Date("2200-01-01T00:00:00Z"),
    },
  ],
  totalRecords: 300,
  totalBytes: 2 ** 40,
  appMetadata: Buffer.from([1, 2]),
};
const ENDPOINT = USUAL.endpoints[0]!;
const NOTHING = Buffer.alloc(0);

const encoded = (info: FlightInfo) => Buffer.from(encodeFlightInfo(info));

/** What a decoder makes of bytes: a value, or the code of its error. */
function outcome(decode: (bytes: Buffer) => FlightInfo, bytes: Buffer): unknown {
  try {
    return decode(bytes);
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

const expectSame = (bytes: Buffer) =>
  expect(outcome(decodeListedFlight, bytes)).toEqual(outcome(decodeFlightInfo, bytes));

describe("a listed FlightInfo", () => {
  it.each<[string, FlightInfo]>([
    ["with all fields", USUAL],
    ["without a schema", { ...USUAL, schema: NOTHING }],
    ["without an expiry", { ...USUAL, endpoints: [{ ticket: ENDPOINT.ticket, locations: ["grpc://a:1"] }] }],
    ["without locations", { ...USUAL, endpoints: [{ ticket: ENDPOINT.ticket, locations: [] }] }],
    ["with an empty ticket", { ...USUAL, endpoints: [{ ...ENDPOINT, ticket: NOTHING }] }],
    [
      "with an expiry between seconds",
      { ...USUAL, endpoints: [{ ...ENDPOINT, expirationTime: new Date(7) }] },
    ],
    [
      "with metadata of its endpoint",
      { ...USUAL, endpoints: [{ ...ENDPOINT, appMetadata: Buffer.from("a") }] },
    ],
    ["with two endpoints", { ...USUAL, endpoints: [ENDPOINT, ENDPOINT] }],
    ["without endpoints", { ...USUAL, endpoints: [] }],
    ["without a descriptor", { ...USUAL, descriptor: undefined }],
    ["with a path of two parts", { ...USUAL, descriptor: { kind: "path", path: ["a", "b"] } }],
    ["with a command", { ...USUAL, descriptor: { kind: "command", command: "c" } }],
    ["of nothing", { ...USUAL, totalRecords: 0, totalBytes: 0, appMetadata: NOTHING }],
    ["of unknown size", { ...USUAL, totalRecords: -1, totalBytes: -1 }],
    ["of the largest size", { ...USUAL, totalBytes: Number.MAX_SAFE_INTEGER }],
  ])("%s is what was encoded", (_, info) => {
    expect(decodeListedFlight(encoded(info))).toEqual(info);
  });

  it("of pyarrow is what the generated code makes of it", () => {
    for (const bytes of [GOLDEN.flightInfo, GOLDEN.flightInfoOfUnknownSize]) expectSame(bytes);
  });

  it("is the same as by the generated code after every truncation and bit flip", () => {
    const whole = encoded(USUAL);
    for (let sizeBytes = 0; sizeBytes < whole.length; sizeBytes += 1)
      expectSame(whole.subarray(0, sizeBytes));
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expectSame(flipped);
    }
  });

  it("is the same as by the generated code with some bytes replaced, inserted or removed", () => {
    const random = new Random(15);
    const whole = encoded(USUAL);
    for (let round = 0; round < 5000; round += 1) {
      const at = random.below(whole.length);
      const inserted = random.bytes(random.below(4));
      expectSame(Buffer.concat([whole.subarray(0, at), inserted, whole.subarray(at + random.below(4))]));
    }
  });
});
