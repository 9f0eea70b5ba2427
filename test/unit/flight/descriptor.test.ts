import { describe, expect, it } from "vitest";
import { decodeDescriptor, encodeDescriptor, type FlightDescriptor } from "../../../src/flight/descriptor.ts";
import { LIMITS } from "../../../src/limits.ts";
import { GOLDEN } from "./golden-messages.ts";

const DESCRIPTORS: readonly (readonly [string, Buffer, FlightDescriptor])[] = [
  ["a path of one part", GOLDEN.pathOfOne, { kind: "path", path: ["a/s/o"] }],
  ["a path of three parts", GOLDEN.pathOfThree, { kind: "path", path: ["a", "s", "o"] }],
  ["a command", GOLDEN.command, { kind: "command", command: "PATCH:a/s/o" }],
];

describe("FlightDescriptor", () => {
  it.each(DESCRIPTORS)("reads %s of pyarrow", (_, bytes, descriptor) => {
    expect(decodeDescriptor(bytes)).toEqual(descriptor);
  });

  it.each(DESCRIPTORS)("writes %s as pyarrow does", (_, bytes, descriptor) => {
    expect(Buffer.from(encodeDescriptor(descriptor))).toEqual(bytes);
  });

  it("reads a path without parts: the service says what that means", () => {
    expect(decodeDescriptor(Buffer.from("0801", "hex"))).toEqual({ kind: "path", path: [] });
  });

  it.each([0, 1, 127, 128, 602])("reads back a path of one part of %d bytes", (sizeBytes) => {
    const descriptor = {
      kind: "path",
      path: [`${"é".repeat(sizeBytes / 2)}${"x".repeat(sizeBytes % 2)}`],
    } as const;
    expect(decodeDescriptor(encodeDescriptor(descriptor))).toEqual(descriptor);
  });

  it("ignores the command of a path", () => {
    expect(decodeDescriptor(Buffer.from("0801120178", "hex"))).toEqual({ kind: "path", path: [] });
  });

  it.each([
    ["without a type", ""],
    ["of type UNKNOWN", "0800"],
    ["of a type that does not exist", "0807"],
    ["with a command that is not UTF-8", "08021201ff"],
    ["with a path that is not UTF-8", "08011a01ff"],
    ["with two paths of which one is not UTF-8", "08011a01611a01ff"],
    ["that is cut short", "08011a05612f"],
    ["of garbage", "ffffffff"],
  ])("refuses a descriptor %s", (_, hex) => {
    expect(() => decodeDescriptor(Buffer.from(hex, "hex"))).toThrow(/^\[INVALID_REQUEST\]/);
  });

  it("refuses a descriptor over descriptorBytesMax before it is decoded", () => {
    const bytes = Buffer.alloc(LIMITS.descriptorBytesMax + 1);
    expect(() => decodeDescriptor(bytes)).toThrow(/^\[OBJECT_TOO_LARGE\].*descriptorBytesMax/);
  });
});
