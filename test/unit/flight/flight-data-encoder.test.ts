import { describe, expect, it } from "vitest";
import { encodeFlightDataHead, partsSizeBytes } from "../../../src/flight/flight-data-encoder.ts";
import { cut, decodeWhole } from "./decode-flight-data.ts";
import { GOLDEN } from "./golden-messages.ts";

const HEADER = Buffer.from("header");

describe("encodeFlightDataHead", () => {
  it("writes a batch as pyarrow does", () => {
    const { dataHeader, appMetadata, body, bodySizeBytes } = decodeWhole(GOLDEN.flightDataOfBatch);
    const parts = encodeFlightDataHead({
      dataHeader: Buffer.from(dataHeader, "hex"),
      appMetadata: Buffer.from(appMetadata, "hex"),
      bodySizeBytes,
    });
    expect(Buffer.concat([...parts, Buffer.from(body, "hex")])).toEqual(GOLDEN.flightDataOfBatch);
  });

  it("writes a schema with its descriptor as pyarrow does", () => {
    const { dataHeader } = decodeWhole(GOLDEN.flightDataOfSchema);
    const parts = encodeFlightDataHead({
      descriptor: GOLDEN.pathOfOne,
      dataHeader: Buffer.from(dataHeader, "hex"),
      bodySizeBytes: 0,
    });
    expect(Buffer.concat(parts)).toEqual(GOLDEN.flightDataOfSchema);
  });

  it("passes header, metadata and descriptor on without a copy", () => {
    const appMetadata = Buffer.from("m");
    const descriptor = Buffer.from("d");
    const parts = encodeFlightDataHead({ dataHeader: HEADER, appMetadata, descriptor, bodySizeBytes: 1 });
    expect(parts.filter((_, index) => index % 2 === 1)).toEqual([descriptor, HEADER, appMetadata]);
    expect(parts[1]).toBe(descriptor);
    expect(parts[3]).toBe(HEADER);
    expect(parts[5]).toBe(appMetadata);
  });

  it("leaves empty fields out", () => {
    const head = { dataHeader: Buffer.alloc(0), appMetadata: Buffer.alloc(0), descriptor: undefined };
    expect(encodeFlightDataHead({ ...head, bodySizeBytes: 0 })).toEqual([]);
  });

  it.each([
    [1, "c23e01"],
    [128, "c23e8001"],
    [2 ** 31, "c23e8080808008"],
    [2 ** 32 + 5, "c23e8580808010"],
  ])("ends in the tag and size of a body of %d bytes", (bodySizeBytes, prefix) => {
    const bytes = Buffer.concat(encodeFlightDataHead({ dataHeader: HEADER, bodySizeBytes }));
    expect(bytes.toString("hex")).toBe(`1206${HEADER.toString("hex")}${prefix}`);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])("asserts that %s is no size", (bodySizeBytes) => {
    expect(() => encodeFlightDataHead({ dataHeader: HEADER, bodySizeBytes })).toThrow(/assertion failed/);
  });

  it("writes what the decoder reads", () => {
    const body = Buffer.from("body");
    const parts = encodeFlightDataHead({ dataHeader: HEADER, appMetadata: body, bodySizeBytes: body.length });
    expect(decodeWhole(Buffer.concat([...parts, body]))).toEqual({
      descriptor: undefined,
      dataHeader: HEADER.toString("hex"),
      appMetadata: body.toString("hex"),
      bodySizeBytes: body.length,
      body: body.toString("hex"),
    });
  });
});

describe("partsSizeBytes", () => {
  it("adds up the parts", () => {
    expect(partsSizeBytes([])).toBe(0);
    expect(partsSizeBytes(cut(GOLDEN.flightDataOfBatch, 7))).toBe(GOLDEN.flightDataOfBatch.length);
  });
});
