import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeJson, encodeJson } from "../../../../src/client/values/json-value.ts";

function text(value: unknown): string {
  return encodeJson(value).toString();
}

function decode(json: string): unknown {
  return decodeJson(Buffer.from(json));
}

function refusal(code: string): unknown {
  return expect.objectContaining({ code });
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

const cycle: Record<string, unknown> = { name: "a" };
cycle.self = [cycle];

describe("a JSON-like value", () => {
  it("comes back equal, whatever it is", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        expect(decodeJson(encodeJson(value))).toEqual(value);
      }),
    );
  });

  it("comes back equal with any number and any text in it", () => {
    const anyNumber = fc.double({ noNaN: true, noDefaultInfinity: true });
    const anyText = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(fc.dictionary(anyText, fc.array(fc.oneof(anyNumber, anyText))), (value) => {
        expect(decodeJson(encodeJson(value))).toEqual(value);
      }),
    );
  });

  it.each([
    ["a text that is no valid Unicode", "\ud800 half"],
    ["a key __proto__", JSON.parse('{"__proto__": 1}')],
    ["an object without a prototype", Object.assign(Object.create(null), { a: 1 })],
    ["the same object twice", [cycle.name, [1], [1]]],
    ["nesting at the limit", nested(500)],
  ])("may have %s", (_, value) => {
    expect(decodeJson(encodeJson(value))).toEqual(value);
  });

  it.each([
    [2 ** 53, "9.007199254740992e+15"],
    [-(2 ** 63), "-9.223372036854776e+18"],
    [Number.MAX_SAFE_INTEGER, "9007199254740991"],
    [-0, "-0.0"],
    [1e300, "1e+300"],
    [
      { "a\n": [2 ** 60, "x", null, true] },
      '{"a\\n":[1.152921504606846976e+18,"x",null,true]}'.replace("6976", "7"),
    ],
  ])("writes %j so that every reader has the same number", (value, expected) => {
    expect(text(value)).toBe(expected);
    expect(decode(expected)).toEqual(value);
  });

  it.each([
    ["undefined", undefined, "value is undefined"],
    ["undefined inside", { a: [1, { b: undefined }] }, "value.a[1].b is undefined"],
    ["a hole", Object.assign([1, 2, 3], { length: 4 }), "value[3] is undefined"],
    ["a bigint", { "a b": 1n }, 'value["a b"] is a bigint'],
    ["a function", [() => 1], "value[0] is a function"],
    ["a symbol", [Symbol("a")], "value[0] is a symbol"],
    ["a symbol as a key", { a: { [Symbol("a")]: 1 } }, "value.a has a symbol for a key"],
    ["NaN", { a: Number.NaN }, "value.a is NaN"],
    ["an infinity", [Number.NEGATIVE_INFINITY], "value[0] is -Infinity"],
    ["a Date", { at: new Date(0) }, "value.at is an object of class Date"],
    ["a Map", [new Map()], "value[0] is an object of class Map"],
    ["a typed array inside", { a: new Float64Array(1) }, "value.a is an object of class Float64Array"],
    ["bytes inside", { a: [new Uint8Array(1)] }, "value.a[0] is an object of class Uint8Array"],
    ["itself", cycle, "value.self[0] contains itself"],
    ["too much nesting", nested(501), `value${"[0]".repeat(20)}... is nested deeper than 500`],
  ])("is refused with its place for %s", (_, value, message) => {
    const expected = `[INVALID_VALUE] ${message}, which cannot be stored as JSON`;
    expect(() => encodeJson(value)).toThrow(
      expect.objectContaining({ code: "INVALID_VALUE", message: expected }),
    );
  });
});

describe("reading JSON", () => {
  it.each([
    "9007199254740992",
    "[1, -9007199254740993]",
    '{"a\\\\": 12345678901234567890}',
    '["\\"1", 99999999999999999]',
  ])("refuses a whole number that no JavaScript number holds: %s", (json) => {
    expect(() => decode(json)).toThrow(refusal("UNREADABLE_VALUE"));
  });

  it.each([
    ["9007199254740991", 9007199254740991],
    ["0.12345678901234567890", 0.12345678901234568],
    ["12345678901234567890.5", 12345678901234567000],
    ["12345678901234567890e-3", 12345678901234568],
    ['"12345678901234567890"', "12345678901234567890"],
    ['["\\\\", "a\\"12345678901234567890"]', ["\\", 'a"12345678901234567890']],
  ])("takes other long runs of digits: %s", (json, value) => {
    expect(decode(json)).toEqual(value);
  });

  it.each(["", "{", "NaN", "[1,]"])("refuses what is no JSON: %j", (json) => {
    expect(() => decode(json)).toThrow(refusal("UNREADABLE_VALUE"));
  });

  it("refuses bytes that are no UTF-8", () => {
    expect(() => decodeJson(Buffer.from("22ff22", "hex"))).toThrow(refusal("UNREADABLE_VALUE"));
  });
});
