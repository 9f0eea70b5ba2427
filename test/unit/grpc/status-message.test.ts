/**
 * Percent-encoding of `grpc-message`.
 *
 * Round trips of any text, the bytes that must be escaped, and the cut of long texts.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeStatusMessage, encodeStatusMessage } from "../../../src/grpc/status-message.ts";
import { LIMITS } from "../../../src/limits.ts";

describe("encoding a status message", () => {
  it.each([
    ["plain text ~", "plain text ~"],
    ["100%", "100%25"],
    ["a\r\nb\0", "a%0D%0Ab%00"],
    ["ключ", "%D0%BA%D0%BB%D1%8E%D1%87"],
    ["😀\x7f", "%F0%9F%98%80%7F"],
    ["lone \ud800", "lone %EF%BF%BD"],
  ])("writes %j as %s", (text, encoded) => {
    expect(encodeStatusMessage(text)).toBe(encoded);
  });

  it("comes back as it was, for any text within the limit", () => {
    const codePoints = fc.oneof(
      fc.integer({ min: 0, max: 0xd7ff }),
      fc.integer({ min: 0xe000, max: 0x10ffff }),
    );
    const texts = fc.array(codePoints, { maxLength: 300 }).map((points) => String.fromCodePoint(...points));
    fc.assert(
      fc.property(texts, (text) => {
        expect(decodeStatusMessage(encodeStatusMessage(text))).toBe(text);
      }),
    );
  });

  it.each(["x", "é", "😀"])("cuts a text of %s at the limit, between characters", (character) => {
    const encoded = encodeStatusMessage(character.repeat(100_000));
    expect(encoded.length).toBeLessThanOrEqual(LIMITS.statusMessageBytesMax);
    expect(encoded.length).toBeGreaterThan(LIMITS.statusMessageBytesMax - 12);
    expect(decodeStatusMessage(encoded)).toMatch(new RegExp(`^${character}+$`, "u"));
  });
});

describe("decoding a status message", () => {
  it.each([
    ["a%20b%2F%2f", "a b//"],
    ["50%", "50%"],
    ["%zz%4", "%zz%4"],
    ["%%41", "%A"],
    ["%ff", "\ufffd"],
    ["%C3", "\ufffd"],
  ])("reads %j as %j and never fails", (encoded, text) => {
    expect(decodeStatusMessage(encoded)).toBe(text);
  });
});
