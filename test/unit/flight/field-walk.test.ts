/**
 * Requests are counted before they are decoded: what has too many fields, or too deep ones, is refused.
 */
import { describe, expect, it } from "vitest";
import { checkFields } from "../../../src/flight/field-walk.ts";
import { CancelFlightInfoRequestSchema, CriteriaSchema } from "../../../src/flight/generated/flight_pb.ts";
import { decodeCancelRequest, encodeCancelRequest } from "../../../src/flight/lifetime-messages.ts";
import { LIMITS } from "../../../src/limits.ts";

const REFUSED = expect.objectContaining({ code: "INVALID_REQUEST" });
/** Field 12, which nobody knows, with an empty value. */
const UNKNOWN = Buffer.of(0x62, 0);
const repeated = (field: Buffer, count: number): Buffer => Buffer.alloc(count * field.length, field);

function checked(hex: string | Buffer): void {
  checkFields(CriteriaSchema, typeof hex === "string" ? Buffer.from(hex, "hex") : hex);
}

describe("fields", () => {
  it("may be as many as the limit, and no more", () => {
    expect(() => checked(repeated(UNKNOWN, LIMITS.requestFieldsMax))).not.toThrow();
    expect(() => checked(repeated(UNKNOWN, LIMITS.requestFieldsMax + 1))).toThrow(REFUSED);
  });

  it("of messages inside count as well", () => {
    const endpoint = { ticket: Buffer.from("a/s/o"), locations: ["grpc://a:1", "grpc://b:1"] };
    const info = { schema: Buffer.alloc(0), descriptor: undefined, totalRecords: 0, totalBytes: 0 };
    // Endpoint, ticket and its bytes, two locations and their texts; the info around them, and a field more.
    const fitting = Math.floor((LIMITS.requestFieldsMax - 1) / 7);
    const request = (endpoints: number): Uint8Array =>
      encodeCancelRequest({
        ...info,
        endpoints: Array(endpoints).fill(endpoint),
        appMetadata: Buffer.alloc(0),
      });
    expect(decodeCancelRequest(request(fitting)).endpoints).toHaveLength(fitting);
    expect(() => decodeCancelRequest(request(fitting + 1))).toThrow(REFUSED);
  });

  it("are found past values of every size and type", () => {
    expect(() =>
      checked("0a03616263 08ffffffffffffffffff01 0d01020304 110102030405060708 6200".replaceAll(" ", "")),
    ).not.toThrow();
  });

  it.each([
    ["a group", "0b0c"],
    ["the end of a group", "0c"],
    ["a wire type that does not exist", "0f"],
    ["a size beyond the end", "0a0561"],
    ["a number cut short", "08ff"],
    ["a number of eleven bytes", "08ffffffffffffffffffff01"],
    ["four bytes cut short", "0d0102"],
    ["a size beyond 2^53", "0affffffffffffffff7f"],
  ])("with %s are refused", (_, hex) => {
    expect(() => checked(hex)).toThrow(REFUSED);
  });

  it("of a message whose parts reach beyond it are refused", () => {
    // A FlightInfo of two bytes, whose endpoint says that it has three.
    const bytes = Buffer.from("0a021a03616263", "hex");
    expect(() => checkFields(CancelFlightInfoRequestSchema, bytes)).toThrow(REFUSED);
  });
});
