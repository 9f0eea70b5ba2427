/**
 * Logs that somebody else wrote: damaged, hostile, or of an earlier release.
 */
import fs from "node:fs";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import {
  contentStartOf,
  encodePlace,
  encodeRecord,
  type LogRecord,
  recordBytes,
} from "../../../../src/storage/disk/log/log-record.ts";
import {
  encodeSegmentHead,
  findSegmentHead,
  newSegmentHead,
  RECORDS_START,
} from "../../../../src/storage/disk/log/segment-head.ts";
import { surveyLog } from "../../../../src/storage/disk/log/survey-log.ts";
import { formatSummedLine } from "../../../../src/storage/disk/summed-line.ts";
import { valueFile } from "../recorded-files.ts";
import {
  named,
  publish,
  readWhole,
  scratchDirectory,
  startedDisk,
  tree,
  watchedLog,
} from "../scratch-directory.ts";
import { copyOf, loggingDisk, watchedDisk } from "../watched-disk.ts";

const [BEFORE, AFTER] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
/** Where records of an earlier release begin. */
const EARLIER_START = 64;

function putOf(path: string, content: Uint8Array = Buffer.from("content")): LogRecord {
  return { kind: "put", path, content: [content] };
}

/** A segment with these records. */
function segmentOf(records: readonly LogRecord[], number = 1, start = RECORDS_START): Buffer {
  const head = newSegmentHead(number, BEFORE, 0);
  const bytes = Buffer.alloc(64 * 1024);
  encodeSegmentHead(head).copy(bytes);
  let position = start;
  for (const record of records) {
    Buffer.concat(encodeRecord(record, head, position)).copy(bytes, position);
    position += recordBytes(record);
  }
  return bytes;
}

/** The same of a release that had `.commits`. */
function earlierSegmentOf(records: readonly LogRecord[]): Buffer {
  const bytes = segmentOf(records, 1, EARLIER_START);
  bytes.write("FLAMECL1", "latin1");
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}

function write(directory: string, file: string, bytes: Uint8Array | string): void {
  fs.mkdirSync(`${directory}/${file}/..`.replace(/\/[^/]+\/\.\.$/, ""), { recursive: true });
  fs.writeFileSync(`${directory}/${file}`, bytes);
}

/** The version floor of an earlier release: two slots, of which the higher intact one counts. */
function floorFile(...lines: readonly string[]): Buffer {
  const bytes = Buffer.alloc(1024);
  for (const [slot, line] of lines.entries()) bytes.write(line, slot * 512, "latin1");
  return bytes;
}

describe("a log that lies", () => {
  it.each([
    "../out.arrow",
    "a/../../out.arrow",
    "/etc/out.arrow",
    "a/s/../o.arrow",
    "a//o.arrow",
    "a/s/o.txt",
    "a/.s/o.arrow",
    ".staging/s/o.arrow",
    ".version-floor",
    "a/s/.o.v1/../o.arrow",
    "a/s/.o.v01/2.arrow",
    "a/s/o.v1/2.arrow",
    "a/s/.o.v1/2.arrow/x",
    "a/s/\ufffd\0.arrow",
    "",
  ])("about %j writes nothing, and what else is in it is used", async (hostile) => {
    const log = watchedLog();
    const root = scratchDirectory();
    const directory = `${root}/storage`;
    write(directory, ".log/1", segmentOf([putOf(hostile), putOf("a/s/whole.arrow")]));
    const storage = await startedDisk({ directory, log: { bootId: AFTER } });
    await storage.settle();
    expect(tree(root).filter((each) => each.endsWith("arrow"))).toEqual(["storage/a/s/whole.arrow"]);
    expect(log().map(({ foreign }) => foreign)).toContain(1);
  });

  it.each([BEFORE, AFTER])("whose record is damaged is used for the others, and says so", async (bootId) => {
    const log = watchedLog();
    const directory = scratchDirectory();
    const bytes = segmentOf([putOf("a/s/one.arrow"), putOf("a/s/two.arrow")]);
    bytes[RECORDS_START + 40]! ^= 1;
    write(directory, ".log/1", bytes);
    const storage = await startedDisk({ directory, log: { bootId } });
    await storage.settle();
    expect(tree(`${directory}/a`)).toEqual(["s/", "s/two.arrow"]);
    expect(log().map(({ damagedBytes }) => damagedBytes)).toContain(56);
  });

  it("that claims that an unknown place has come to rest loses nothing behind it", async () => {
    const directory = scratchDirectory();
    const place = encodePlace(1, RECORDS_START);
    const rested: LogRecord = { kind: "rested", path: "", content: [place] };
    const cut: LogRecord = { kind: "rested", path: "", content: [Buffer.alloc(3)] };
    write(directory, ".log/1", segmentOf([rested, cut, putOf("a/s/o.arrow")]));
    const storage = await startedDisk({ directory, log: { bootId: BEFORE } });
    expect(String(await readWhole(storage, named("a/s/o")))).toBe("content");
  });

  it("which is no file, a link, far too large or unreadable does not end the start", async () => {
    const log = watchedLog();
    const directory = scratchDirectory();
    fs.mkdirSync(`${directory}/.log/1`, { recursive: true });
    fs.symlinkSync("/etc/passwd", `${directory}/.log/2`);
    write(directory, ".log/3", "short");
    write(directory, ".log/4", "");
    fs.truncateSync(`${directory}/.log/4`, 2 ** 40);
    write(directory, ".log/note", "somebody's");
    const { storage } = await watchedDisk({ directory });
    expect(log().filter(({ text }) => text === "a segment of the log cannot be read")).toHaveLength(3);
    await publish(storage, named("a/s/o"), Buffer.from("value"));
    await storage.stop();
    expect(fs.readFileSync(`${directory}/.log/note`, "utf8")).toBe("somebody's");
    expect(fs.readlinkSync(`${directory}/.log/2`)).toBe("/etc/passwd");
    expect(String(await readWhole(await startedDisk({ directory }), named("a/s/o")))).toBe("value");
  });

  it("whose later head is in the second place is read by that one, and surveyed too", async () => {
    const directory = scratchDirectory();
    const bytes = segmentOf([putOf("a/s/late.arrow")], 9);
    bytes.copy(bytes, 512, 0, 64);
    encodeSegmentHead(newSegmentHead(8, BEFORE, 41)).copy(bytes);
    write(directory, ".log/1", bytes);
    const survey = (await surveyLog(directory))!;
    expect(survey.find("a/s/late.arrow")?.read()?.sizeBytes).toBe("content".length);
    await survey.close();
    const storage = await startedDisk({ directory, log: { bootId: BEFORE } });
    expect(String(await readWhole(storage, named("a/s/late")))).toBe("content");
  });

  it("with segments in any order is read by their numbers", async () => {
    const directory = scratchDirectory();
    write(directory, ".log/1", segmentOf([putOf("a/s/o.arrow", Buffer.from("late"))], 9));
    write(directory, ".log/2", segmentOf([putOf("a/s/o.arrow", Buffer.from("early"))], 8));
    const storage = await startedDisk({ directory, log: { bootId: BEFORE } });
    expect(String(await readWhole(storage, named("a/s/o")))).toBe("late");
  });
});

describe("the log of an earlier release", () => {
  it.each([BEFORE, AFTER])("is compared with the directory, in the same boot too", async (bootId) => {
    watchedLog();
    const directory = scratchDirectory();
    const [lost, stored, newer] = await Promise.all([
      valueFile("lost", 3),
      valueFile("stored", 3),
      valueFile("newer", 4),
    ]);
    const cancel: LogRecord = {
      kind: "cancel",
      path: "a/s/cancelled.arrow",
      content: [encodePlace(1, EARLIER_START)],
    };
    const records = [
      putOf("a/s/cancelled.arrow", lost),
      cancel,
      putOf("a/s/lost.arrow", lost),
      putOf("a/s/stored.arrow", stored),
      putOf("a/s/newer.arrow", stored),
      putOf("a/s/gone.arrow", stored),
      { kind: "gone", path: "a/s/gone.arrow", content: [] } satisfies LogRecord,
    ];
    write(directory, ".commits/1", earlierSegmentOf(records));
    write(directory, "a/s/stored.arrow", stored);
    write(directory, "a/s/newer.arrow", newer);
    write(directory, "a/s/gone.arrow", stored);
    const storage = await startedDisk({ directory, log: { bootId } });
    await storage.settle();
    expect(tree(`${directory}/a/s`)).toEqual(["lost.arrow", "newer.arrow", "stored.arrow"]);
    expect(fs.readFileSync(`${directory}/a/s/lost.arrow`)).toEqual(lost);
    expect(fs.readFileSync(`${directory}/a/s/newer.arrow`)).toEqual(newer);
    expect(fs.existsSync(`${directory}/.commits`)).toBe(false);
  });

  it("is read by its only head, whatever the content of its records looks like", async () => {
    watchedLog();
    const directory = scratchDirectory();
    const content = Buffer.alloc(2000);
    const start = contentStartOf(putOf("a/s/o.arrow", content), EARLIER_START);
    encodeSegmentHead(newSegmentHead(99, BEFORE, 41)).copy(content, 512 - start);
    const bytes = earlierSegmentOf([putOf("a/s/o.arrow", content)]);
    expect(findSegmentHead(bytes.subarray(512))?.head.number).toBe(99);
    write(directory, ".commits/1", bytes);
    const { storage } = await watchedDisk({ directory });
    expect(storage.versionFloor).toBe(0);
    expect(await readWhole(storage, named("a/s/o"))).toEqual(content);
  });

  it("is taken over once: what was put since is not undone by the next start", async () => {
    watchedLog();
    const directory = scratchDirectory();
    write(directory, ".commits/1", earlierSegmentOf([putOf("a/s/o.arrow", await valueFile("old", 3))]));
    const { storage } = await watchedDisk({ directory });
    const later = await valueFile("later", 4);
    await publish(storage, named("a/s/o"), later);
    const next = await startedDisk({ directory: copyOf(directory) });
    expect(await readWhole(next, named("a/s/o"))).toEqual(later);
  });
});

describe("the version floor of an earlier release", () => {
  it.each<[string, Buffer | string, number]>([
    ["with a line feed", "41\n", 41],
    ["without one", "41", 41],
    ["in the first slot", floorFile(formatSummedLine("41"), formatSummedLine("40")), 41],
    ["in the second slot", floorFile(formatSummedLine("40"), formatSummedLine("41")), 41],
    ["beside a torn first slot", floorFile("torn", formatSummedLine("41")), 41],
    ["beside a torn second slot", floorFile(formatSummedLine("41"), "torn"), 41],
    ["of the highest version", floorFile(formatSummedLine(String(LIMITS.versionMax))), LIMITS.versionMax],
  ])("(%s) is taken over, and is durable before its file is removed", async (_, bytes, version) => {
    const directory = scratchDirectory();
    write(directory, ".version-floor", bytes);
    const { storage, steps } = await watchedDisk({ directory });
    expect(storage.versionFloor).toBe(version);
    expect(steps).toContain("syncLog");
    expect(fs.existsSync(`${directory}/.version-floor`)).toBe(false);
    expect((await startedDisk({ directory: copyOf(directory) })).versionFloor).toBe(version);
    await storage.stop();
    expect((await startedDisk({ directory })).versionFloor).toBe(version);
  });

  it("stays in its file as long as the log cannot have it, and holds", async () => {
    watchedLog();
    const directory = scratchDirectory();
    write(directory, ".version-floor", "41\n");
    const failing = new Map([["syncLog", "EIO"]] as const);
    const { storage } = await watchedDisk({ directory }, failing);
    expect(storage.versionFloor).toBe(41);
    expect(fs.readFileSync(`${directory}/.version-floor`, "utf8")).toBe("41\n");
  });

  it.each<[string, Buffer]>([
    ["torn twice", floorFile("torn", "torn")],
    ["empty", floorFile()],
    ["above all versions", Buffer.from(`${Number.MAX_SAFE_INTEGER}\n`)],
    ["one above all versions", floorFile(formatSummedLine(String(LIMITS.versionMax + 1)))],
  ])("(%s) is refused: guessing would give a version out twice", async (_, bytes) => {
    const directory = scratchDirectory();
    write(directory, ".version-floor", bytes);
    await expect(startedDisk({ directory })).rejects.toMatchObject({
      code: "INVALID_CONFIG",
      facts: { path: ".version-floor" },
    });
    expect(fs.readFileSync(`${directory}/.version-floor`)).toEqual(bytes);
  });

  it("never lowers that of the log", async () => {
    const { storage, directory } = await loggingDisk();
    await storage.raiseVersionFloor(50);
    await storage.stop();
    write(directory, ".version-floor", "41\n");
    expect((await startedDisk({ directory })).versionFloor).toBe(50);
  });
});
