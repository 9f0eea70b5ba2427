import { describe, expect, it } from "vitest";
import { byteSizeOrNoneSchema, byteSizeSchema, formatByteSize } from "../../../src/config/byte-size.ts";

const G = 1024 ** 3;

describe("byte sizes", () => {
  it.each([
    ["8G", 8 * G],
    ["8g", 8 * G],
    ["8GB", 8 * G],
    ["8Gi", 8 * G],
    ["8GiB", 8 * G],
    ["8gib", 8 * G],
    ["8 G", 8 * G],
    ["1.5G", 1.5 * G],
    [".5K", 512],
    ["1K", 1024],
    ["10MiB", 10 * 1024 ** 2],
    ["2T", 2 * 1024 ** 4],
    ["1P", 1024 ** 5],
    ["100", 100],
    ["100B", 100],
    ["100b", 100],
    [1048576, 1048576],
    ["0.3K", 307],
  ])("reads %s as %d bytes", (text, sizeBytes) => {
    expect(byteSizeSchema.parse(text)).toBe(sizeBytes);
  });

  it.each(["", "  ", "G", "-1G", "8Q", "8GBs", "8 G B", "1e9", "1,5G", "1..5G", "0x10", "8iB", "∞", "NaN"])(
    "refuses %j",
    (text) => {
      expect(byteSizeSchema.safeParse(text).success).toBe(false);
    },
  );

  it.each(["0", "0G", "0.0001K"])("refuses %s, which is less than a byte", (text) => {
    expect(byteSizeSchema.safeParse(text).error?.issues[0]?.message).toBe(
      "must be a size of at least one byte",
    );
  });

  it("may be 0 where that means none", () => {
    expect(["0", "0G", "8G"].map((text) => byteSizeOrNoneSchema.parse(text))).toEqual([0, 0, 8 * G]);
    expect(byteSizeOrNoneSchema.safeParse("G").success).toBe(false);
  });

  it.each(["8P", "99999999999P", "9007199254740992"])("refuses %s, which is no safe integer", (text) => {
    expect(byteSizeSchema.safeParse(text).error?.issues[0]?.message).toBe("must be a size below 8P");
  });

  it.each([true, null, [], {}])("refuses %j, which is no text", (value) => {
    expect(byteSizeSchema.safeParse(value).error?.issues[0]?.message).toBe("must be text or a number");
  });

  it.each([
    [1000, "1000"],
    [1024, "1K"],
    [1536, "1536"],
    [8 * G, "8G"],
    [1025 * G, "1025G"],
  ])("writes %d as %s, the shortest exact spelling", (sizeBytes, text) => {
    expect(formatByteSize(sizeBytes)).toBe(text);
    expect(byteSizeSchema.parse(text)).toBe(sizeBytes);
  });
});
