/**
 * Text as a JSON string, in any chunking.
 */
import { expect, it } from "vitest";
import { JsonTextEncoder } from "../../../../src/service/http/json-text.ts";

const TEXT = '\ufeffGr\u00fc\u00dfe, "quoted" \\ \u0000 \n \u{1f600} \u2028';

function encoded(bytes: Buffer, chunkBytes: number): string {
  const encoder = new JsonTextEncoder();
  const parts = [encoder.begin()];
  for (let at = 0; at < bytes.length; at += chunkBytes)
    parts.push(encoder.push(bytes.subarray(at, at + chunkBytes)));
  return Buffer.concat([...parts, encoder.end()]).toString();
}

it.each([1, 2, 3, 5, 100])("is the same text when it comes in chunks of %i", (chunkBytes) => {
  expect(JSON.parse(encoded(Buffer.from(TEXT), chunkBytes))).toBe(TEXT);
});

it.each([[[0xff]], [[0x61, 0xc3]], [[0xed, 0xa0, 0x80]]])(
  "of bytes %j that are not UTF-8 is refused",
  (bytes) => {
    expect(() => encoded(Buffer.from(bytes), 1)).toThrow(expect.objectContaining({ code: "INVALID_VALUE" }));
  },
);
