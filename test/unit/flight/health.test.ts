import { describe, expect, it } from "vitest";
import {
  decodeHealthRequest,
  decodeHealthResponse,
  encodeHealthRequest,
  encodeHealthResponse,
} from "../../../src/flight/health.ts";

const bytes = (hex: string) => Buffer.from(hex, "hex");

describe("grpc.health.v1 messages", () => {
  it.each([
    ["", ""],
    ["a.B", "0a03612e42"],
  ])("write and read a request for the service %j", (service, hex) => {
    expect(Buffer.from(encodeHealthRequest(service))).toEqual(bytes(hex));
    expect(decodeHealthRequest(bytes(hex))).toBe(service);
  });

  it.each([
    ["unknown", ""],
    ["serving", "0801"],
    ["notServing", "0802"],
    ["serviceUnknown", "0803"],
  ] as const)("write and read the status %s", (status, hex) => {
    expect(Buffer.from(encodeHealthResponse(status))).toEqual(bytes(hex));
    expect(decodeHealthResponse(bytes(hex))).toBe(status);
  });

  it("read a status of a later protocol as unknown", () => {
    expect(decodeHealthResponse(bytes("0809"))).toBe("unknown");
  });

  it("refuse garbage", () => {
    expect(() => decodeHealthRequest(bytes("0a05"))).toThrow(/^\[INVALID_REQUEST\]/);
    expect(() => decodeHealthResponse(bytes("08"))).toThrow(/^\[INVALID_REQUEST\]/);
  });
});
