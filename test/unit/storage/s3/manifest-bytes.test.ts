import { crc32 } from "node:zlib";
import {
  type Arbitrary,
  array,
  boolean,
  assert as check,
  constantFrom,
  integer,
  option,
  property,
  record,
  string,
  uint8Array,
} from "fast-check";
import { describe, expect, it } from "vitest";
import { isCacheError } from "../../../../src/errors.ts";
import { LIMITS } from "../../../../src/limits.ts";
import { decodeManifest, encodeManifest } from "../../../../src/storage/s3/encode-manifest.ts";
import { contentOf, type LiveObject, type Manifest, type Span } from "../../../../src/storage/s3/manifest.ts";
import { listOperations, withOperation } from "../../../../src/storage/s3/operation-ring.ts";
import { decodeSegment, encodeSegment } from "../../../../src/storage/s3/patch-segments.ts";
import { Random } from "../../../support/random.ts";

const KEY = { applicationId: "app", sessionId: "s 1", objectId: "é" };
const OP = "0123456789abcdef0123456789abcdef";
const BLOB: Span = { kind: "blob", id: OP, sizeBytes: 10 * 2 ** 30, crc32: 0xfedcba98 };

/** Head; key; version, changes, one operation; facts; base version, one inline span; no patches. */
const GOLDEN = [
  "464f434d01000000e311cf7e",
  "036170700373203102c3a9",
  "0304010123456789abcdef0123456789abcdef0000000000000840",
  "000107",
  "8407",
  "80d095ffbc31",
  "0000",
  "03000000010002",
  "6869",
  "0000",
].join("");

function liveOf(parts: Partial<LiveObject> = {}): LiveObject {
  const base = contentOf([{ kind: "inline", bytes: Buffer.from("head") }, BLOB]);
  const facts = {
    form: "file",
    kind: "table",
    rowCount: 7,
    dataBytes: 900,
    putAtMs: 1_700_000_000_000,
  } as const;
  return { ...facts, baseVersion: 3, base, segments: [], patches: [], ...parts };
}

function manifestOf(live: LiveObject | undefined, version = 3): Manifest {
  const recent = withOperation(undefined, { op: OP, version });
  return { key: KEY, version, changes: 4, recent, ...(live && { live }) };
}

/** Views as buffers, so that they compare by their bytes. */
function plain<Value>(value: Value): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}

function reseal(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(crc32(bytes.subarray(12), crc32(bytes.subarray(0, 8))), 8);
  return bytes;
}

const span: Arbitrary<Span> = option(uint8Array({ maxLength: 50 }), { nil: undefined }).map((bytes) =>
  bytes === undefined ? BLOB : { kind: "inline", bytes },
);
const content = array(span, { maxLength: LIMITS.contentSpansMax }).map(contentOf);
const live = record({
  form: constantFrom("file" as const, "stream" as const),
  kind: constantFrom("opaque" as const, "table" as const),
  rowCount: integer({ min: 0 }),
  dataBytes: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  putAtMs: integer({ min: 0, max: 2 ** 45 }),
  lifetime: option(
    record({
      untilMs: constantFrom(0, 1_800_000_000_123, Number.POSITIVE_INFINITY),
      ttlMs: integer({ min: 0 }),
    }),
    { nil: undefined },
  ),
  putBy: option(string({ unit: "grapheme", maxLength: 20 }), { nil: undefined }),
  base: content,
  patches: array(content, { maxLength: 10 }),
  hasSegment: boolean(),
});

describe("the bytes of a manifest", () => {
  it("lead back to the manifest", () => {
    check(
      property(live, integer({ min: 0, max: LIMITS.versionMax - 100 }), (parts, baseVersion) => {
        const { lifetime, putBy, hasSegment, patches, ...facts } = parts;
        const segment = {
          id: OP,
          sizeBytes: 77,
          crc32: 5,
          firstVersion: baseVersion + 1,
          lastVersion: baseVersion + 64,
          hasBlobs: true,
        };
        const first = baseVersion + (hasSegment ? 65 : 1);
        const entries = patches.map((each, index) => ({ version: first + index, content: each }));
        const object: LiveObject = {
          ...facts,
          ...(lifetime && { lifetime }),
          ...(putBy === undefined ? {} : { putBy }),
          baseVersion,
          segments: hasSegment ? [segment] : [],
          patches: entries,
        };
        const manifest = manifestOf(object, first + entries.length - 1);
        expect(plain(decodeManifest(encodeManifest(manifest)))).toEqual(plain(manifest));
      }),
    );
  });

  it("are these", () => {
    const bytes = encodeManifest(
      manifestOf(liveOf({ base: contentOf([{ kind: "inline", bytes: Buffer.from("hi") }]) })),
    );
    expect(bytes.toString("hex")).toBe(GOLDEN);
  });

  it("of a tombstone have one size, which no object has", () => {
    expect(encodeManifest(manifestOf(undefined))).toHaveLength(LIMITS.tombstoneBytes);
    const longest = "n".repeat(LIMITS.keyComponentBytesMax);
    let recent: Buffer = Buffer.alloc(0);
    for (let count = 0; count < 40; count += 1)
      recent = withOperation(recent, { op: OP, version: LIMITS.versionMax });
    const key = { applicationId: longest, sessionId: longest, objectId: longest };
    const tombstone = { key, version: LIMITS.versionMax, changes: Number.MAX_SAFE_INTEGER, recent };
    expect(encodeManifest(tombstone)).toHaveLength(LIMITS.tombstoneBytes);
    expect(plain(decodeManifest(encodeManifest(tombstone)))).toEqual(plain(tombstone));
    const sizes = Array.from({ length: 2000 }, (_, size) => {
      const base = contentOf([{ kind: "inline", bytes: Buffer.alloc(size) }]);
      return encodeManifest(manifestOf(liveOf({ base }))).length;
    });
    expect(sizes).not.toContain(LIMITS.tombstoneBytes);
    expect(sizes).toContain(LIMITS.tombstoneBytes + 1);
  });

  it("are refused with any byte cut off, added or changed", () => {
    const bytes = encodeManifest(manifestOf(liveOf()));
    for (let size = 0; size < bytes.length; size += 1) expectCorrupt(bytes.subarray(0, size));
    expectCorrupt(Buffer.concat([bytes, Buffer.alloc(1)]));
    for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expectCorrupt(flipped);
    }
  });

  it("are refused or understood, and never anything else, when a hostile store seals them", () => {
    const random = new Random(14);
    const segments = [{ id: OP, sizeBytes: 7, crc32: 5, firstVersion: 4, lastVersion: 9, hasBlobs: false }];
    const patches = [{ version: 10, content: contentOf([BLOB]) }];
    const bytes = encodeManifest(manifestOf(liveOf({ segments, patches, putBy: "x" }), 10));
    let understood = 0;
    for (let round = 0; round < 20_000; round += 1) {
      const hostile = Buffer.from(
        bytes.subarray(0, bytes.length - random.below(2) * random.below(bytes.length - 12)),
      );
      for (let count = random.below(4); count >= 0; count -= 1) {
        hostile[12 + random.below(hostile.length - 12)] = random.pick([
          0,
          1,
          127,
          128,
          255,
          random.below(256),
        ]);
      }
      understood += outcomeOf(reseal(hostile)) === "understood" ? 1 : 0;
    }
    expect(understood).toBeGreaterThan(0);
  });

  it("larger than the limit are refused before they are read", () => {
    expectCorrupt(
      reseal(Buffer.concat([encodeManifest(manifestOf(liveOf())), Buffer.alloc(LIMITS.manifestBytesMax)])),
    );
  });
});

describe("the bytes of a segment", () => {
  const entries = [4, 5].map((version) => ({ version, content: contentOf([BLOB]) }));
  const segment = { id: OP, sizeBytes: 0, crc32: 0, firstVersion: 4, lastVersion: 5, hasBlobs: true };

  it("lead back to the patches", () => {
    expect(decodeSegment(Buffer.concat(encodeSegment(entries)), segment)).toEqual(entries);
  });

  it("are refused if they hold other patches than the manifest says", () => {
    const bytes = Buffer.concat(encodeSegment(entries));
    expect(() => decodeSegment(bytes, { ...segment, lastVersion: 6 })).toThrow("OBJECT_CORRUPT");
    expect(() => decodeSegment(bytes, { ...segment, firstVersion: 3 })).toThrow("OBJECT_CORRUPT");
    expect(() => decodeSegment(Buffer.concat([bytes, bytes]), segment)).toThrow("OBJECT_CORRUPT");
  });
});

describe("the operations of a manifest", () => {
  it("are the last 32, oldest first", () => {
    let recent: Buffer | undefined;
    const ops = Array.from({ length: 50 }, (_, version) => ({
      op: version.toString(16).padStart(32, "0"),
      version,
    }));
    for (const operation of ops) recent = withOperation(recent, operation);
    expect(listOperations(recent!)).toEqual(ops.slice(-32));
  });
});

function outcomeOf(bytes: Buffer): "understood" | "refused" {
  try {
    decodeManifest(bytes);
    return "understood";
  } catch (error) {
    expect(isCacheError(error, "OBJECT_CORRUPT")).toBe(true);
    return "refused";
  }
}

function expectCorrupt(bytes: Buffer): void {
  expect(outcomeOf(bytes)).toBe("refused");
}
