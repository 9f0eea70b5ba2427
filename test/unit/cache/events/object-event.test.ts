/**
 * The lines of the event journal, and the search for those of one name.
 */
import { describe, expect, it } from "vitest";
import { findEventSteps } from "../../../../src/cache/events/find-events.ts";
import { decodeEvent, encodeEvent, type ObjectEvent } from "../../../../src/cache/events/object-event.ts";
import { LIMITS } from "../../../../src/limits.ts";
import { atOnce } from "../../../../src/turns.ts";

const EVENT: ObjectEvent = {
  name: "app/s/x",
  atMs: 1_790_000_000_000,
  event: "put",
  version: 5,
  bytes: 1234,
  by: "alice",
  details: { replaced: 4 },
};

const HOSTILE_NAMES = [
  'a/s/quote"]',
  'a/s/["a/s/x",1,"deleted"',
  "a/s/\u2028\u2029",
  "a/s/\u202eemordnilap",
  "a/s/,,,,]]]]",
  "a/s/\u{1f525}é",
  "a/s/ ",
];

function found(text: string, names: readonly string[], countMax = 100): string[] {
  const events = atOnce(findEventSteps(Buffer.from(text), names, countMax));
  return events.map(({ name, version }) => `${name} ${version}`);
}

describe("a line of the event journal", () => {
  it("has golden bytes", () => {
    expect(encodeEvent(EVENT, EVENT.atMs)).toBe(
      '["app/s/x",1790000000000,"put",5,1234,"alice",{"replaced":4}]\n',
    );
    expect(encodeEvent({ name: "a", event: "unpinned" }, 1)).toBe('["a",1,"unpinned",null,null,null]\n');
  });

  it.each(HOSTILE_NAMES)("gives the name %j back, on one line", (name) => {
    const event = { ...EVENT, name, by: `${name}\n["a/s/x",1,"deleted"]\n`, details: { put: name } };
    const text = encodeEvent(event, event.atMs);
    expect(text.indexOf("\n")).toBe(text.length - 1);
    expect(decodeEvent(text)).toEqual(event);
  });

  it("cuts a long reason and a long caller", () => {
    const long = "x".repeat(100_000);
    const text = encodeEvent({ ...EVENT, by: long, details: { reason: long } }, EVENT.atMs);
    expect(text.length).toBeLessThan(LIMITS.eventReasonLengthMax + LIMITS.eventActorLengthMax + 100);
  });

  it.each(["", "{}", "[]", "[1,2,3]", '["a","b","put"]', '["a",1,"unknown"]', '["a",1', "\0\0\0"])(
    "is not an event: %j",
    (line) => expect(decodeEvent(line)).toBeUndefined(),
  );

  it("is an event or nothing after any flipped bit", () => {
    const bytes = Buffer.from(encodeEvent(EVENT, EVENT.atMs));
    for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decodeEvent(flipped.toString())).not.toThrow();
    }
  });
});

describe("the search in the event journal", () => {
  const lines = (names: readonly string[]) =>
    names.map((name, index) => encodeEvent({ name, event: "put", version: index }, 1)).join("");

  it("finds the lines of all names, oldest first, and of no longer or shorter name", () => {
    const text = lines(["a/s/x", "a/s/xy", "a/s", "a/s/x", "a", "b/a/s/x", "a/s/"]);
    expect(found(text, ["a/s/x", "a/s", "a"])).toEqual(["a/s/x 0", "a/s 2", "a/s/x 3", "a 4"]);
  });

  it("finds a name only where a line begins", () => {
    const event = { ...EVENT, name: "a/s/y", details: { put: "a/s/x" } };
    expect(found(encodeEvent(event, event.atMs) + lines(HOSTILE_NAMES), ["a/s/x"])).toEqual([]);
    expect(found(lines(HOSTILE_NAMES), HOSTILE_NAMES)).toHaveLength(HOSTILE_NAMES.length);
  });

  it("finds each line once wherever slices of the search end", () => {
    const filler = encodeEvent({ ...EVENT, name: "other/s/x" }, EVENT.atMs);
    const around = Math.floor(LIMITS.whySliceBytes / filler.length);
    for (let shift = 0; shift < 40; shift += 1) {
      const text = `${"-".repeat(shift)}\n${filler.repeat(around - 1)}${lines(["a/s/x", "a/s/x"])}${filler.repeat(5)}`;
      expect(found(text, ["a/s/x"])).toEqual(["a/s/x 0", "a/s/x 1"]);
    }
  });

  it("keeps the newest of many", () => {
    const text = lines(Array.from({ length: 5000 }, () => "a/s/x"));
    expect(found(text, ["a/s/x"], 2)).toEqual(["a/s/x 4998", "a/s/x 4999"]);
  });
});
