/**
 * Entity tags: which of them name a version and a form, and what conditions make of them.
 */
import { describe, expect, it } from "vitest";
import {
  checkWrite,
  EntityTags,
  isHeld,
  mayRead,
  parseConditions,
} from "../../../../src/service/http/entity-tags.ts";

const FILES = new EntityTags(undefined);
const MEMORY = new EntityTags("4f1c09aa-0000-4000-8000-000000000000");

const match = (header: string) => parseConditions({ "if-match": header });
const noneMatch = (header: string) => parseConditions({ "if-none-match": header });
const failed = expect.objectContaining({ code: "PRECONDITION_FAILED" });

describe("an entity tag", () => {
  it("is the version in quotes, and of another form has its name behind", () => {
    expect(FILES.format(7)).toBe('"7"');
    expect(FILES.format(7, "file")).toBe('"7.file"');
  });

  it("of a cache in memory also names the run of the server", () => {
    expect(MEMORY.format(7, "file")).toBe('"7-4f1c09aa.file"');
    expect(MEMORY.isOfVersion('"7"', 7)).toBe(false);
    expect(FILES.isOfVersion('"7-4f1c09aa"', 7)).toBe(false);
  });

  it.each([
    ['"7"', 7, true],
    ["7", 7, true],
    ['"7.file"', 7, true],
    ['"70"', 7, false],
    ['"7"', 70, false],
    ['W/"7"', 7, false],
    ['"7file"', 7, false],
  ])("%s is of version %i: %s", (tag, version, expected) => {
    expect(FILES.isOfVersion(tag, version)).toBe(expected);
  });
});

describe("a condition", () => {
  it.each(['7"', '"7', "seven", '"7";"8"', '"7",', "", '"a b"', `"7"${', "7"'.repeat(64)}`])(
    "is refused if it is %j",
    (header) => {
      expect(() => match(header)).toThrow(expect.objectContaining({ code: "INVALID_REQUEST" }));
    },
  );

  it.each([
    ["if-match *", match("*"), 7, true],
    ["if-match *", match("*"), undefined, false],
    ["if-match of the version", match('"3", "7.stream"'), 7, true],
    ["if-match of another version", match('"3"'), 7, false],
    ["if-match without an object", match('"3"'), undefined, false],
    ["a weak if-match", match('W/"7"'), 7, false],
    ["if-none-match *", noneMatch("*"), 7, false],
    ["if-none-match *", noneMatch("*"), undefined, true],
    ["if-none-match of the version", noneMatch('"7"'), 7, false],
    ["if-none-match of another version", noneMatch('"6"'), 7, true],
    ["none", parseConditions({}), undefined, true],
  ])("of a write, %s, over version %j holds: %j", (_name, conditions, version, holds) => {
    let failure: unknown;
    try {
      checkWrite(conditions, FILES, version);
    } catch (error) {
      failure = error;
    }
    expect(failure).toEqual(holds ? undefined : failed);
  });

  it("of a read counts the form too, so that a cache keeps each form apart", () => {
    expect(isHeld(noneMatch('"7"'), '"7"')).toBe(true);
    expect(isHeld(noneMatch('W/"7"'), '"7"')).toBe(true);
    expect(isHeld(noneMatch('"7"'), '"7.file"')).toBe(false);
    expect(isHeld(noneMatch("*"), '"7.file"')).toBe(true);
    expect(mayRead(match('"7"'), FILES, 7)).toBe(true);
    expect(mayRead(match('"6"'), FILES, 7)).toBe(false);
  });
});
