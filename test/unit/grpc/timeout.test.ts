/**
 * Reading and writing `grpc-timeout`.
 *
 * Every unit, the borders of the form, and what cannot be timed.
 */
import { describe, expect, it } from "vitest";
import { formatTimeout, parseTimeout } from "../../../src/grpc/timeout.ts";

describe("parsing grpc-timeout", () => {
  it.each([
    ["2H", 7_200_000],
    ["3M", 180_000],
    ["5S", 5000],
    ["100m", 100],
    ["2500u", 3],
    ["1n", 1],
    ["0m", 0],
    ["99999999n", 100],
    ["00000010S", 10_000],
  ])("reads %s as %d ms, parts rounded up", (text, timeoutMs) => {
    expect(parseTimeout(text)).toBe(timeoutMs);
  });

  it("takes its absence as no deadline", () => {
    expect(parseTimeout(undefined)).toBeUndefined();
  });

  it.each(["99999999H", "597H", "2147484S"])(
    "takes %s, longer than a timer can run, as no deadline",
    (text) => {
      expect(parseTimeout(text)).toBeUndefined();
    },
  );

  it.each(["", "5", "S", "-1S", "1.5S", "123456789S", "5s", "5 S", " 5S", "5S ", "5S, 5S", "0x1S", "٣S"])(
    "refuses %j",
    (text) => {
      expect(() => parseTimeout(text)).toThrow("[INVALID_REQUEST]");
    },
  );
});

describe("formatting grpc-timeout", () => {
  it.each([
    [0, "0m"],
    [-5, "0m"],
    [0.2, "1m"],
    [1500, "1500m"],
    [99_999_999, "99999999m"],
    [100_000_000, "100000S"],
    [2e11, "55556H"],
    [Number.MAX_SAFE_INTEGER, "99999999H"],
  ])("writes %d ms as %s", (timeoutMs, text) => {
    expect(formatTimeout(timeoutMs)).toBe(text);
  });
});
