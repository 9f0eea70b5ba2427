/**
 * Call metadata, text and binary.
 *
 * Base64 with and without padding, several values of one name, and what may not be sent.
 */
import { describe, expect, it } from "vitest";
import { HeaderMetadata, setMetadata } from "../../../src/grpc/metadata.ts";

const sent = (name: string, value: string | Buffer) => {
  const headers = {};
  setMetadata(headers, name, value);
  return headers;
};

describe("reading metadata", () => {
  const metadata = new HeaderMetadata({
    "x-one": "1",
    "x-many": ["a", "b"],
    "padded-bin": "AQI=",
    "bare-bin": "AQI",
    "many-bin": "AQI, AwQ=",
    "empty-bin": "",
  });

  it("gives text as it came, several values joined", () => {
    expect(metadata.get("x-one")).toBe("1");
    expect(metadata.get("x-many")).toBe("a, b");
    expect(metadata.get("x-none")).toBeUndefined();
  });

  it.each(["padded-bin", "bare-bin", "many-bin"])(
    "decodes %s, padded or not, the first of several",
    (name) => {
      expect(metadata.getBinary(name)).toEqual(Buffer.from([1, 2]));
    },
  );

  it("tells empty bytes from none", () => {
    expect(metadata.getBinary("empty-bin")).toEqual(Buffer.alloc(0));
    expect(metadata.getBinary("no-bin")).toBeUndefined();
  });

  it("does not read bytes from a name without -bin", () => {
    expect(() => metadata.getBinary("x-one")).toThrow("assertion failed");
  });
});

describe("sending metadata", () => {
  it("writes bytes as base64 without padding and text as it is", () => {
    expect(sent("x-bin", Buffer.from([1, 2]))).toEqual({ "x-bin": "AQI" });
    expect(sent("x-text", "a b~")).toEqual({ "x-text": "a b~" });
  });

  it.each([
    ["Upper", "x"],
    ["grpc-status", "0"],
    [":path", "/"],
    ["", "x"],
    ["x-text", "é"],
    ["x-text", "a\nb"],
    ["x-bin", "text"],
    ["x-text", Buffer.from("bytes")],
  ])("refuses %j: %j", (name, value) => {
    expect(() => sent(name, value)).toThrow("assertion failed");
  });
});
