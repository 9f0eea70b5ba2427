/**
 * Numbers and times as the dashboard writes them for people.
 */
import { describe, expect, it } from "vitest";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatLatency,
  formatPercent,
  formatRate,
  formatRelative,
  formatTime,
} from "../../../dashboard/src/format/quantities.ts";

describe("a quantity", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.00 KiB"],
    [1536, "1.50 KiB"],
    [10 * 1024, "10.0 KiB"],
    [1024 ** 2 - 1, "1.00 MiB"],
    [230 * 1024 ** 2, "230 MiB"],
    [2.5 * 1024 ** 4, "2.50 TiB"],
  ])("of %d bytes is %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0, "0"],
    [9_999, "9,999"],
    [12_400, "12.4k"],
    [999_999, "1.00M"],
    [1_200_000_000, "1.20G"],
  ])("of %d objects is %s", (count, text) => {
    expect(formatCount(count)).toBe(text);
  });

  it.each([
    [0.000085, "85 µs"],
    [0.0032, "3.20 ms"],
    [0.25, "250 ms"],
    [1.4, "1.40 s"],
  ])("of %d seconds of latency is %s", (seconds, text) => {
    expect(formatLatency(seconds)).toBe(text);
  });

  it.each([
    [-5, "0 s"],
    [59.9, "59 s"],
    [240, "4 min"],
    [12_000, "3 h 20 min"],
    [7200, "2 h"],
    [439_200, "5 d 2 h"],
  ])("of %d seconds is %s", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  it("of a ratio is 100 % only if it is nearly all", () => {
    expect([0, 0.5, 0.9949, 0.9999, 1].map(formatPercent)).toEqual([
      "0 %",
      "50.0 %",
      "99.5 %",
      "100 %",
      "100 %",
    ]);
  });

  it("of a slow rate keeps a digit after the point", () => {
    expect([0, 0.44, 12.3, 45_000].map(formatRate)).toEqual(["0/s", "0.4/s", "12/s", "45.0k/s"]);
  });

  it("of time says whether it is past", () => {
    expect(formatRelative(60_000, 0)).toBe("in 1 min");
    expect(formatRelative(0, 12_000)).toBe("12 s ago");
    expect(formatRelative(500, 0)).toBe("just now");
  });

  it("that is not a time stays as it is", () => {
    expect(formatTime("yesterday")).toBe("yesterday");
    expect(formatTime("2026-11-29T18:04:05Z")).toMatch(/^2026-11-\d\d \d\d:04:05$/);
  });
});
