/**
 * The rules for keys (docs/protocol.md, "Keys").
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isCacheError } from "../../../src/errors.ts";
import {
  checkKeyComponent,
  formatObjectKey,
  type ObjectKey,
  parseObjectKey,
  parseSessionPrefix,
} from "../../../src/object/object-key.ts";

const SEED = 20_252;

const INVALID_KEY = expect.objectContaining({ code: "INVALID_KEY" });

const BAD_COMPONENTS: readonly (readonly [string, string])[] = [
  ["nothing", ""],
  ["a dot", "."],
  ["two dots", ".."],
  ["a leading dot", ".hidden"],
  ["a wildcard", "*"],
  ["a slash", "a/b"],
  ["a backslash", "a\\b"],
  ["a NUL", "a\0b"],
  ["a line feed", "a\nb"],
  ["an escape", "a\u001bb"],
  ["a delete", "a\u007fb"],
  ["a C1 control", "a\u0085b"],
  ["201 bytes", "x".repeat(201)],
  ["201 bytes in 101 characters", `x${"é".repeat(100)}`],
  ["half a surrogate pair", "a\ud800b"],
];

const GOOD_COMPONENTS: readonly (readonly [string, string])[] = [
  ["one byte", "a"],
  ["200 bytes", "x".repeat(200)],
  ["200 bytes in 100 characters", "é".repeat(100)],
  ["a colon", "run:7"],
  ["a dot inside", "model.v1"],
  ["a star inside", "a*b"],
  ["spaces", " a b "],
  ["a character beyond the first plane", "\u{1f525}"],
  ["a percent sign and a tilde", "%2e%2e~"],
];

function outcome(parse: () => ObjectKey): ObjectKey | "INVALID_KEY" {
  try {
    return parse();
  } catch (error) {
    if (isCacheError(error, "INVALID_KEY")) return "INVALID_KEY";
    throw error;
  }
}

const component = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
  .filter(
    (text) =>
      !/[\p{Cc}/\\]/u.test(text) && !text.startsWith(".") && text !== "*" && Buffer.byteLength(text) <= 200,
  );

describe("a key component", () => {
  it.each(BAD_COMPONENTS)("is refused with INVALID_KEY when it is or has %s", (_, text) => {
    expect(() => checkKeyComponent(text)).toThrow(INVALID_KEY);
  });

  it.each(GOOD_COMPONENTS)("may be or have %s", (_, text) => {
    expect(checkKeyComponent(text)).toBe(text);
  });

  it("is not repeated in the error, which goes into logs", () => {
    expect(() => checkKeyComponent("secret/part")).toThrow(/^\[INVALID_KEY\] (?!.*secret)/);
  });
});

describe("a key", () => {
  it("has three components", () => {
    expect(parseObjectKey("app/session/object")).toEqual({
      applicationId: "app",
      sessionId: "session",
      objectId: "object",
    });
  });

  it.each([
    "",
    "app",
    "app/session",
    "app/session/object/more",
    "/session/object",
    "app//object",
    "app/session/",
  ])("is refused when it is %j", (text) => {
    expect(() => parseObjectKey(text)).toThrow(INVALID_KEY);
  });

  it("is read back from its text, whatever its components hold", () => {
    const property = fc.property(component, component, component, (applicationId, sessionId, objectId) => {
      const key = { applicationId, sessionId, objectId };
      expect(parseObjectKey(formatObjectKey(key))).toEqual(key);
    });
    fc.assert(property, { seed: SEED });
  });

  it("that was accepted stays inside its directory, and any other text is refused with INVALID_KEY", () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom("a", "/", "\\", ".", "*", ":", "\0", "é", "\ud800"), maxLength: 12 }),
      fc.string({ unit: "binary", maxLength: 20 }),
    );
    const property = fc.property(text, (given) => {
      const found = outcome(() => parseObjectKey(given));
      const parts = found === "INVALID_KEY" ? [] : Object.values<string>({ ...found });
      expect(
        parts.filter((part) => /^\.|[/\\\0]|^\*$|^$/.test(part) || Buffer.byteLength(part) > 200),
      ).toEqual([]);
      expect(found === "INVALID_KEY" ? given : formatObjectKey(found)).toBe(given);
    });
    fc.assert(property, { seed: SEED, numRuns: 500 });
  });
});

describe("a prefix", () => {
  it("has two components", () => {
    expect(parseSessionPrefix("app/session")).toEqual({ applicationId: "app", sessionId: "session" });
  });

  it.each(["", "app", "app/session/object", "app/", "/session", "app/*", "../session"])(
    "is refused when it is %j",
    (text) => {
      expect(() => parseSessionPrefix(text)).toThrow(INVALID_KEY);
    },
  );
});
