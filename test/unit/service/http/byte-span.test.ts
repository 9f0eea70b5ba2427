/**
 * The header `Range` over a body of ten bytes.
 */
import { expect, it } from "vitest";
import { parseRange } from "../../../../src/service/http/byte-span.ts";

it.each([
  ["bytes=0-3", { from: 0, to: 4 }],
  ["bytes=4-", { from: 4, to: 10 }],
  ["bytes=-3", { from: 7, to: 10 }],
  ["bytes=-30", { from: 0, to: 10 }],
  ["bytes=9-9", { from: 9, to: 10 }],
  ["bytes=5-500", { from: 5, to: 10 }],
  ["Bytes = 0 - 3", { from: 0, to: 4 }],
  ["bytes=10-", "outside"],
  ["bytes=10-12", "outside"],
  ["bytes=-0", "outside"],
  ["bytes=5-4", undefined],
  ["bytes=0-1,3-4", undefined],
  ["bytes=-", undefined],
  ["bytes=a-b", undefined],
  ["bytes=1e1-", undefined],
  ["rows=0-3", undefined],
  [`bytes=${"9".repeat(40)}-`, undefined],
  [undefined, undefined],
])("%j is %j", (header, expected) => {
  expect(parseRange(header, 10)).toEqual(expected);
});

it("of an empty body is always outside", () => {
  expect(parseRange("bytes=0-", 0)).toBe("outside");
  expect(parseRange("bytes=-5", 0)).toBe("outside");
});
