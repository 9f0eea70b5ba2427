import { describe, expect, it } from "vitest";
import * as messages from "../../../src/flight/messages.ts";
import { GOLDEN } from "./golden-messages.ts";

const INFO: messages.FlightInfo = {
  schema: GOLDEN.encapsulatedSchema,
  descriptor: { kind: "path", path: ["a/s/o"] },
  endpoints: [{ ticket: Buffer.from("a/s/o"), locations: ["grpc://127.0.0.1:9090"] }],
  totalRecords: 3,
  totalBytes: 24,
  appMetadata: Buffer.from([1, 2]),
};
const UNKNOWN_SIZE = { ...INFO, totalRecords: -1, totalBytes: -1, appMetadata: Buffer.alloc(0) };

/** name, message as pyarrow writes it, written by us, read by us, value */
const CASES: readonly (readonly [string, Buffer, () => Uint8Array, (bytes: Buffer) => unknown, unknown])[] = [
  ["FlightInfo", GOLDEN.flightInfo, () => messages.encodeFlightInfo(INFO), messages.decodeFlightInfo, INFO],
  [
    "FlightInfo of unknown size",
    GOLDEN.flightInfoOfUnknownSize,
    () => messages.encodeFlightInfo(UNKNOWN_SIZE),
    messages.decodeFlightInfo,
    UNKNOWN_SIZE,
  ],
  [
    "Ticket",
    GOLDEN.ticket,
    () => messages.encodeTicket(Buffer.from("a/s/o:3")),
    messages.decodeTicket,
    Buffer.from("a/s/o:3"),
  ],
  [
    "SchemaResult",
    GOLDEN.schemaResult,
    () => messages.encodeSchemaResult(GOLDEN.encapsulatedSchema),
    messages.decodeSchemaResult,
    GOLDEN.encapsulatedSchema,
  ],
  [
    "Action",
    GOLDEN.action,
    () => messages.encodeAction({ type: "PUT", body: Buffer.from("a/s:AAEC") }),
    messages.decodeAction,
    { type: "PUT", body: Buffer.from("a/s:AAEC") },
  ],
  [
    "Result",
    GOLDEN.result,
    () => messages.encodeResult(Buffer.from("OK")),
    messages.decodeResult,
    Buffer.from("OK"),
  ],
];

describe("messages that pyarrow writes too", () => {
  it.each(CASES)("reads %s", (_name, golden, _encode, decode, value) => {
    expect(decode(golden)).toEqual(value);
  });

  it.each(CASES)("writes %s to the byte", (_name, golden, encode) => {
    expect(Buffer.from(encode())).toEqual(golden);
  });

  it.each(CASES)("refuses %s cut short by a byte", (_name, golden, _encode, decode) => {
    expect(() => decode(golden.subarray(0, -1))).toThrow(/^\[INVALID_REQUEST\]/);
  });

  it.each(CASES)("reads %s past fields it does not know", (_name, golden, _encode, decode, value) => {
    const unknown = Buffer.from("fa3f0378797a803801", "hex");
    expect(decode(Buffer.concat([golden, unknown]))).toEqual(value);
  });
});

describe("the other messages", () => {
  it("reads back a PutResult", () => {
    const bytes = messages.encodePutResult(Buffer.from([0, 255]));
    expect(Buffer.from(bytes).toString("hex")).toBe("0a0200ff");
    expect(messages.decodePutResult(Buffer.from(bytes))).toEqual(Buffer.from([0, 255]));
  });

  it("reads back an ActionType", () => {
    const action = { type: "PUT", description: "stores a new object" };
    expect(messages.decodeActionType(messages.encodeActionType(action))).toEqual(action);
  });

  it.each(["", "app", "app/*", "äpp/s"])("reads back the criteria %j", (expression) => {
    expect(messages.decodeCriteria(messages.encodeCriteria(expression))).toBe(expression);
  });

  it.each([1, 126, 127, 128, 129, 16_400])("reads back a ticket of %i bytes", (sizeBytes) => {
    const ticket = Buffer.alloc(sizeBytes, "k");
    expect(messages.decodeTicket(messages.encodeTicket(ticket))).toEqual(ticket);
  });

  it.each([
    ["more fields behind it, of which the last ticket counts", "0a01610a0162", "b"],
    ["an unknown field behind it", "0a016110ff01", "a"],
    ["an unknown field before it", "1001" + "0a0161", "a"],
    ["a size in more bytes than it needs", "0a810061", "a"],
  ])("reads a ticket with %s", (_, hex, ticket) => {
    expect(messages.decodeTicket(Buffer.from(hex, "hex")).toString()).toBe(ticket);
  });

  it("reads empty bytes as a message of defaults, as protobuf says", () => {
    expect(messages.decodeCriteria(Buffer.alloc(0))).toBe("");
    expect(messages.decodeTicket(Buffer.alloc(0))).toEqual(Buffer.alloc(0));
    expect(messages.decodeAction(Buffer.alloc(0))).toEqual({ type: "", body: Buffer.alloc(0) });
  });

  it("reads back a FlightInfo without descriptor, endpoints and schema", () => {
    const info = { ...INFO, schema: Buffer.alloc(0), descriptor: undefined, endpoints: [] };
    expect(messages.decodeFlightInfo(messages.encodeFlightInfo(info))).toEqual(info);
  });

  it("reads back a FlightInfo of a command with two endpoints", () => {
    const endpoint = { ticket: Buffer.from("t"), locations: ["grpc://a:1", "grpc+tls://b:2"] };
    const info: messages.FlightInfo = {
      ...INFO,
      descriptor: { kind: "command", command: "x" },
      endpoints: [endpoint, { ...endpoint, locations: [] }],
    };
    expect(messages.decodeFlightInfo(messages.encodeFlightInfo(info))).toEqual(info);
  });
});

describe("what is refused", () => {
  it.each([
    ["an action whose type is not UTF-8", () => messages.decodeAction(Buffer.from("0a01ff", "hex"))],
    ["criteria that are not UTF-8", () => messages.decodeCriteria(Buffer.from("0a01ff", "hex"))],
    ["a total beyond 2^53", () => messages.decodeFlightInfo(Buffer.from("20ffffffffffffffff7f", "hex"))],
    [
      "an endpoint that reaches beyond its message",
      () => messages.decodeFlightInfo(Buffer.from("1a050a03", "hex")),
    ],
    ["a ticket that reaches beyond its message", () => messages.decodeTicket(Buffer.from("0a0361", "hex"))],
    ["a ticket that ends before its message", () => messages.decodeTicket(Buffer.from("0a016100", "hex"))],
    ["groups nested 200 deep", () => messages.decodeTicket(Buffer.alloc(200, 0x7b))],
  ])("refuses %s with INVALID_REQUEST", (_, decode) => {
    expect(decode).toThrow(/^\[INVALID_REQUEST\]/);
  });

  it.each([Number.NaN, 2 ** 53, 0.5])("asserts that a total of %s is not sent", (totalBytes) => {
    expect(() => messages.encodeFlightInfo({ ...INFO, totalBytes })).toThrow(/assertion failed/);
  });
});

describe("decoded bytes", () => {
  it("are views of the message", () => {
    expect(messages.decodeTicket(GOLDEN.ticket).buffer).toBe(GOLDEN.ticket.buffer);
    expect(messages.decodeAction(GOLDEN.action).body.buffer).toBe(GOLDEN.action.buffer);
  });
});
