import { describe, expect, it } from "vitest";
import { formatCount, formatDuration, formatSize } from "../../../src/command/quantities.ts";

describe("sizes", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.00 KiB"],
    [12_595, "12.3 KiB"],
    [102_348, "99.9 KiB"],
    [102_400, "100 KiB"],
    [1024 ** 2 - 1, "1.00 MiB"],
    [1.5 * 1024 ** 3, "1.50 GiB"],
    [2 ** 53, "8.00 PiB"],
    [5000 * 1024 ** 5, "5000 PiB"],
  ])("have three digits from 1 KiB on: %i is %s", (sizeBytes, text) => {
    expect(formatSize(sizeBytes)).toBe(text);
  });
});

describe("counts", () => {
  it.each([
    [0, "0 objects"],
    [1, "1 object"],
    [1234, "1,234 objects"],
    [1_000_000, "1,000,000 objects"],
  ])("have commas and the right noun: %i is %s", (count, text) => {
    expect(formatCount(count, "object")).toBe(text);
  });
});

describe("times", () => {
  it.each([
    [0, "0s"],
    [1, "1s"],
    [59_000, "59s"],
    [59_001, "1m 00s"],
    [200_000, "3m 20s"],
    [7_500_000, "2h 05m"],
    [400_000_000, "111h"],
  ])("are as short as they can be: %i ms is %s", (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });
});
