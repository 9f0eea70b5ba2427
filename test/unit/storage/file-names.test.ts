import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import {
  filePath,
  isKeyComponent,
  parseObjectFileName,
  parsePatchDirectoryName,
  parsePatchFileName,
  patchDirectoryPath,
  RELATIVE_PATH_BYTES_MAX,
} from "../../../src/storage/disk/file-names.ts";
import { named, patchOf } from "./scratch-directory.ts";

const HIGHEST = LIMITS.versionMax;
const LONGEST = "n".repeat(LIMITS.keyComponentBytesMax);

describe("the path of a name", () => {
  it("is the one other programs look for", () => {
    expect(filePath(named("app/session/id"))).toBe("app/session/id.arrow");
    expect(filePath(named("app/session/id", { kind: "stream" }))).toBe("app/session/id.arrows");
    expect(filePath(patchOf("app/session/id", 3, 4))).toBe("app/session/.id.v3/4.arrow");
  });

  it("has no part longer than a file system takes, and no more than start() reckons with", () => {
    const longest = filePath(patchOf(`${LONGEST}/${LONGEST}/${LONGEST}`, HIGHEST, HIGHEST));
    expect(Math.max(...longest.split("/").map((part) => Buffer.byteLength(part)))).toBeLessThanOrEqual(255);
    const inQuarantine = `.quarantine/${longest}.${"u".repeat(36)}`;
    expect(Buffer.byteLength(inQuarantine)).toBeLessThanOrEqual(RELATIVE_PATH_BYTES_MAX);
  });
});

describe("a file's name", () => {
  it.each(["id", "x.arrow", "x.arrows", "x.v3", "a b", "é", LONGEST])(
    "leads back to the object %s",
    (objectId) => {
      const fileName = (path: string) => path.split("/")[2]!;
      const key = `a/s/${objectId}`;
      const file = named(key);
      const stream = named(key, { kind: "stream" });
      expect(parseObjectFileName(fileName(filePath(file)))).toEqual({ objectId, part: file.part });
      expect(parseObjectFileName(fileName(filePath(stream)))).toEqual({ objectId, part: stream.part });
      const directory = patchDirectoryPath(file.key, 12).split("/")[2]!;
      expect(parsePatchDirectoryName(directory)).toEqual({ objectId, baseVersion: 12 });
      expect(parseObjectFileName(directory)).toBeUndefined();
    },
  );

  it.each([
    "",
    ".arrow",
    ".arrows",
    "id",
    "id.arrow~",
    "id.ARROW",
    ".id.arrow",
    ".id.v3",
    "a\\b.arrow",
    "*.arrow",
  ])("%j is no object's", (fileName) => {
    expect(parseObjectFileName(fileName)).toBeUndefined();
  });

  it.each([
    ".id",
    ".id.v",
    ".id.v0",
    ".id.v03",
    ".id.vx",
    "id.v3",
    "..id.v3",
    ".id.v3.",
    ".v3",
    ".id.v9999999999999999",
  ])("%j is no patch directory's", (name) => {
    expect(parsePatchDirectoryName(name)).toBeUndefined();
  });

  it.each([
    "4",
    "4.arrows",
    "0.arrow",
    "04.arrow",
    "-1.arrow",
    "x.arrow",
    "9007199254740993.arrow",
    "4.arrow\n",
  ])("%j is no patch's", (fileName) => {
    expect(parsePatchFileName(fileName)).toBeUndefined();
  });

  it("of a patch is its version", () => {
    expect(parsePatchFileName("4.arrow")).toBe(4);
    expect(parsePatchFileName(`${HIGHEST}.arrow`)).toBe(HIGHEST);
  });
});

it.each([".staging", ".", "..", "", "a/b", "*", `${LONGEST}n`])("%j is no directory of ours", (name) => {
  expect(isKeyComponent(name)).toBe(false);
});
