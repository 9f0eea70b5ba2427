/**
 * The five bytes in front of each message.
 *
 * Golden bytes by hand from grpc/doc/PROTOCOL-HTTP2.md.
 */
import { describe, expect, it } from "vitest";
import { decodePrefix, isCompressed, PREFIX_SIZE_BYTES, writePrefix } from "../../../src/grpc/framing.ts";

const encoded = (sizeBytes: number): Buffer => {
  const prefix = Buffer.alloc(PREFIX_SIZE_BYTES, 0xff);
  writePrefix(prefix, sizeBytes);
  return prefix;
};

describe("the prefix of a message", () => {
  it("is a zero byte and the size, big-endian", () => {
    expect(encoded(0x01020304)).toEqual(Buffer.from([0, 1, 2, 3, 4]));
  });

  it.each([0, 1, 255, 2 ** 31, 2 ** 32 - 1])("comes back as it was written: %d", (sizeBytes) => {
    expect(decodePrefix(encoded(sizeBytes))).toBe(sizeBytes);
  });

  it("cannot say more than 4 GiB - 1", () => {
    expect(() => encoded(2 ** 32)).toThrow("4 GiB");
  });

  it("says whether the message is compressed, and then its size as it comes", () => {
    const compressed = Buffer.from([1, 0, 0, 0, 7]);
    expect([isCompressed(encoded(7)), isCompressed(compressed)]).toEqual([false, true]);
    expect(decodePrefix(compressed)).toBe(7);
  });

  it.each([2, 128, 255])("refuses the flag %d", (flag) => {
    expect(() => decodePrefix(Buffer.from([flag, 0, 0, 0, 0]))).toThrow("[INVALID_REQUEST]");
  });
});
