/**
 * The bytes of the commit log: what is read is what was written, whatever happened to the rest.
 */
import { describe, expect, it } from "vitest";
import { parseBootId, UNKNOWN_BOOT } from "../../../src/storage/disk/commits/boot-id.ts";
import {
  type CommitRecord,
  decodePlace,
  decodeRecord,
  decodeRecords,
  encodePlace,
  encodeRecord,
  type FoundRecord,
  recordBytes,
} from "../../../src/storage/disk/commits/commit-record.ts";
import {
  decodeSegmentHead,
  encodeSegmentHead,
  newSegmentHead,
} from "../../../src/storage/disk/commits/segment-head.ts";
import { patternBytes } from "./scratch-directory.ts";

const SEGMENT = newSegmentHead(7, Buffer.alloc(16, 1));
const FROM = 64;
const RECORDS: readonly CommitRecord[] = [
  { kind: "put", path: "a/s/o.arrow", content: [patternBytes(13), patternBytes(30, 2)] },
  { kind: "gone", path: "a/s/ö.arrows", content: [] },
  { kind: "cancel", path: "a/s/.o.v3/4.arrow", content: [encodePlace(6, 4096)] },
];

/** A segment with these records, and zeros behind them. */
function segmentOf(records: readonly CommitRecord[], name = SEGMENT, sizeBytes = 512): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  let position = FROM;
  for (const record of records) {
    Buffer.concat(encodeRecord(record, name, position)).copy(bytes, position);
    position += recordBytes(record);
  }
  return bytes;
}

function textOf({ kind, path, content }: CommitRecord | FoundRecord): string {
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
    expect(read(bytes, newSegmentHead(7, SEGMENT.bootId))).toEqual([]);
  });

  it("of an earlier use behind newer ones are none", () => {
    const bytes = segmentOf(RECORDS);
    const next = newSegmentHead(8, SEGMENT.bootId);
    const record: CommitRecord = { kind: "gone", path: "a/s/x.arrow", content: [] };
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
});

it("a boot id that is no UUID is unknown", () => {
  expect(parseBootId("00112233-4455-6677-8899-aabbccddeeff\n").toString("hex")).toBe(
    "00112233445566778899aabbccddeeff",
  );
  expect(parseBootId("")).toEqual(UNKNOWN_BOOT);
  expect(parseBootId("g0112233-4455-6677-8899-aabbccddeeff")).toEqual(UNKNOWN_BOOT);
});
