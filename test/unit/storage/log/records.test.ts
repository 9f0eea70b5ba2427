/**
 * The bytes of the log: what is read is what was written, whatever happened to the rest.
 */
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import { isSameBoot, parseBootId, UNKNOWN_BOOT } from "../../../../src/storage/disk/log/boot-id.ts";
import {
  contentStartOf,
  decodeNumber,
  decodePlace,
  decodeRecord,
  decodeRecords,
  decodeRemoval,
  encodeNumber,
  encodePlace,
  encodeRecord,
  encodeRemoval,
  type FoundRecord,
  type LogRecord,
  recordBytes,
} from "../../../../src/storage/disk/log/log-record.ts";
import {
  decodeSegmentHead,
  encodeSegmentHead,
  newSegmentHead,
} from "../../../../src/storage/disk/log/segment-head.ts";
import { patternBytes } from "../scratch-directory.ts";

const SEGMENT = newSegmentHead(7, Buffer.alloc(16, 1), 41);
const FROM = 64;
const RECORDS: readonly LogRecord[] = [
  { kind: "put", path: "a/s/o.arrow", content: [patternBytes(13), patternBytes(30, 2)] },
  { kind: "gone", path: "a/s/ö.arrows", content: [] },
  { kind: "cancel", path: "a/s/.o.v3/4.arrow", content: [encodePlace(6, 4096)] },
  { kind: "doubt", path: "", content: [encodePlace(6, 0)] },
  { kind: "replaced", path: "a/s/o.arrow", content: [] },
  { kind: "rested", path: "", content: [encodePlace(7, 64)] },
  { kind: "floor", path: "", content: [encodeNumber(LIMITS.versionMax)] },
];

/** A segment with these records, and zeros behind them. */
function segmentOf(records: readonly LogRecord[], name = SEGMENT, sizeBytes = 1024): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  let position = FROM;
  for (const record of records) {
    Buffer.concat(encodeRecord(record, name, position)).copy(bytes, position);
    position += recordBytes(record);
  }
  return bytes;
}

function textOf({ kind, path, content }: LogRecord | FoundRecord): string {
  return `${kind} ${path} ${Buffer.concat([content].flat()).toString("hex")}`;
}

function read(bytes: Buffer, name = SEGMENT): string[] {
  return [...decodeRecords(bytes, FROM, name)].map(textOf);
}

const WRITTEN = RECORDS.map(textOf);

describe("records", () => {
  it("are read as they were written, in order", () => {
    expect(read(segmentOf(RECORDS))).toEqual(WRITTEN);
    expect(decodePlace(encodePlace(6, 4096))).toEqual({ number: 6, position: 4096 });
    expect(decodePlace(Buffer.alloc(7))).toBeUndefined();
    expect(decodeNumber(encodeNumber(LIMITS.versionMax))).toBe(LIMITS.versionMax);
  });

  it("of a removal have its version and the floor; those of an earlier release have none", () => {
    const removal = { version: 7, floor: LIMITS.versionMax };
    expect(decodeRemoval(encodeRemoval(removal))).toEqual(removal);
    expect(decodeRemoval(Buffer.alloc(0))).toEqual({ version: 0, floor: 0 });
    expect(decodeRemoval(encodeRemoval(removal).subarray(0, 15))).toEqual({ version: 7, floor: 0 });
  });

  it("have their content where it is said to be", () => {
    const bytes = segmentOf(RECORDS);
    for (const { position, path, content, kind } of decodeRecords(bytes, FROM, SEGMENT)) {
      const start = contentStartOf({ path, kind, content: [] }, position);
      expect(bytes.subarray(start, start + content.length).equals(content)).toBe(true);
    }
  });

  it("of a floor that cannot be are none", () => {
    expect(decodeNumber(encodeNumber(Number.MAX_SAFE_INTEGER))).toBeUndefined();
    expect(decodeNumber(Buffer.alloc(8, 0xff))).toBeUndefined();
    expect(decodeNumber(Buffer.alloc(7))).toBeUndefined();
  });

  it("of an unknown kind are none, though their checksum is right", () => {
    const bytes = segmentOf(RECORDS.slice(0, 1));
    bytes[FROM + 30] = 99;
    const end = FROM + 32 + "a/s/o.arrow".length + 43;
    bytes.writeUInt32LE(crc32(bytes.subarray(FROM + 8, end)), FROM + 4);
    expect(read(bytes)).toEqual([]);
    bytes[FROM + 30] = 1;
    bytes.writeUInt32LE(crc32(bytes.subarray(FROM + 8, end)), FROM + 4);
    expect(read(bytes)).toEqual(WRITTEN.slice(0, 1));
  });

  it("that are cut off anywhere are not there, and those before them are", () => {
    const bytes = segmentOf(RECORDS);
    const ends = [...decodeRecords(bytes, FROM, SEGMENT)].map(
      ({ content }) => content.byteOffset - bytes.byteOffset + content.length,
    );
    for (let length = FROM; length <= bytes.length; length += 1) {
      const whole = ends.filter((end) => end <= length).length;
      expect(read(bytes.subarray(0, length))).toEqual(WRITTEN.slice(0, whole));
    }
  });

  it("with any bit flipped are never read as others", () => {
    const bytes = segmentOf(RECORDS);
    for (let bit = FROM * 8; bit < bytes.length * 8; bit += 1) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(WRITTEN).toEqual(expect.arrayContaining(read(bytes)));
      bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
  });

  it("behind a damaged one are found", () => {
    const bytes = segmentOf(RECORDS);
    bytes[FROM + 40]! ^= 1;
    expect(read(bytes)).toEqual(WRITTEN.slice(1));
  });

  it("of an earlier use of the segment are none, nor those of the same number and another salt", () => {
    const bytes = segmentOf(RECORDS);
    expect(read(bytes, { ...SEGMENT, number: 8 })).toEqual([]);
    expect(read(bytes, newSegmentHead(7, SEGMENT.bootId, 41))).toEqual([]);
  });

  it("of an earlier use behind newer ones are none", () => {
    const bytes = segmentOf(RECORDS);
    const next = newSegmentHead(8, SEGMENT.bootId, 41);
    const record: LogRecord = { kind: "gone", path: "a/s/x.arrow", content: [] };
    Buffer.concat(encodeRecord(record, next, FROM)).copy(bytes, FROM);
    expect(read(bytes, next)).toEqual([textOf(record)]);
  });

  it("that lie in somebody's object are none, though they are copies", () => {
    const copied = Buffer.concat(encodeRecord(RECORDS[0]!, SEGMENT, FROM));
    const bytes = segmentOf([{ kind: "put", path: "a/s/copy.arrow", content: [copied] }]);
    bytes[FROM]! ^= 1;
    expect(read(bytes)).toEqual([]);
  });

  it("that claim to end behind the segment are none", () => {
    const bytes = segmentOf(RECORDS);
    bytes.writeUInt32LE(0xffffffff, FROM + 24);
    expect(decodeRecord(bytes, FROM, SEGMENT)).toBeUndefined();
    expect(decodeRecord(bytes, bytes.length - 8, SEGMENT)).toBeUndefined();
  });
});

describe("a segment's head", () => {
  it("is read as it was written, and with any bit flipped not at all", () => {
    const bytes = encodeSegmentHead(SEGMENT);
    expect(decodeSegmentHead(bytes)).toEqual(SEGMENT);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(decodeSegmentHead(flipped)).toBeUndefined();
    }
    expect(decodeSegmentHead(bytes.subarray(0, 63))).toBeUndefined();
  });

  it("of an earlier release is read, has no floor, and says that it is earlier", () => {
    const bytes = encodeSegmentHead(SEGMENT);
    bytes.write("FLAMECL1", "latin1");
    expect(decodeSegmentHead(bytes)).toBeUndefined();
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
    expect(decodeSegmentHead(bytes)).toEqual({ ...SEGMENT, floor: 0, isEarlier: true });
    bytes.write("FLAMECL3", "latin1");
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
    expect(decodeSegmentHead(bytes)).toBeUndefined();
  });

  it("differs in its salt from all others of the same number", () => {
    expect(newSegmentHead(7, SEGMENT.bootId, 41).salt).not.toEqual(SEGMENT.salt);
  });
});

it("a boot id that is no UUID is unknown", () => {
  expect(parseBootId("00112233-4455-6677-8899-aabbccddeeff\n").toString("hex")).toBe(
    "00112233445566778899aabbccddeeff",
  );
  expect(parseBootId("")).toEqual(UNKNOWN_BOOT);
  expect(parseBootId("g0112233-4455-6677-8899-aabbccddeeff")).toEqual(UNKNOWN_BOOT);
});

it("a boot is the same only if both are known", () => {
  const [one, other] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
  expect(isSameBoot(one, Buffer.from(one))).toBe(true);
  expect(isSameBoot(one, other)).toBe(false);
  expect(isSameBoot(UNKNOWN_BOOT, UNKNOWN_BOOT)).toBe(false);
});
