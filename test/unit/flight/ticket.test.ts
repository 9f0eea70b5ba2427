import { describe, expect, it } from "vitest";
import { formatTicket, parseTicket } from "../../../src/flight/ticket.ts";

const parse = (text: string) => parseTicket(Buffer.from(text));

describe("parseTicket", () => {
  it.each([
    ["app/session/object", "app/session/object", undefined],
    ["app/session/object:0", "app/session/object", 0],
    ["app/session/object:12", "app/session/object", 12],
    ["app/session/object:007", "app/session/object", 7],
    ["a/s/with:colon:5", "a/s/with:colon", 5],
    ["a/s/7:8", "a/s/7", 8],
    ["a/s/o:9007199254740991", "a/s/o", Number.MAX_SAFE_INTEGER],
    ["", "", undefined],
    [":3", "", 3],
  ])("splits %j at the last colon before digits", (text, key, heldVersion) => {
    expect(parse(text)).toEqual({ text, key, heldVersion });
  });

  it.each([
    "a/s/o:",
    "a/s/o:x",
    "a/s/o:1x",
    "a/s/o: 1",
    "a/s/o:+1",
    "a/s/o:-1",
    "a/s/o:1.5",
    "a/s/o:٣",
    "a:1/s/o",
  ])("takes %j as a key when something other than digits follows the colon", (text) => {
    expect(parse(text)).toEqual({ text, key: text, heldVersion: undefined });
  });

  it.each(["9007199254740992", "9".repeat(400)])("reads the version %s as Infinity", (digits) => {
    expect(parse(`a/s/o:${digits}`)).toMatchObject({
      key: "a/s/o",
      heldVersion: Number.POSITIVE_INFINITY,
    });
  });

  it.each(["ff", "c0af", "eda080", "612fe2"])("refuses %s, which is not UTF-8", (hex) => {
    expect(() => parseTicket(Buffer.from(hex, "hex"))).toThrow(/^\[INVALID_REQUEST\]/);
  });

  it("keeps a leading U+FEFF: another key than without it", () => {
    expect(parse("\ufeffa/s/o").key).toBe("\ufeffa/s/o");
  });
});

describe("formatTicket", () => {
  it.each([
    ["a/s/o", undefined, "a/s/o"],
    ["a/s/o", 0, "a/s/o:0"],
    ["a/s/ö", 17, "a/s/ö:17"],
  ])("writes %s and version %s as %s", (key, version, text) => {
    expect(formatTicket(key, version)).toEqual(Buffer.from(text));
  });

  it.each([undefined, 0, 1, Number.MAX_SAFE_INTEGER])(
    "gives back what parseTicket reads, version %s",
    (version) => {
      expect(parseTicket(formatTicket("a/s:s/o", version))).toMatchObject({
        key: "a/s:s/o",
        heldVersion: version,
      });
    },
  );

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("asserts that %s is no version", (version) => {
    expect(() => formatTicket("a/s/o", version)).toThrow(/assertion failed/);
  });
});
