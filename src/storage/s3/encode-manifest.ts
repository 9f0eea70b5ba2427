/**
 * The bytes of a manifest.
 *
 *     0   4  "FOCM"
 *     4   1  format version: 1
 *     5   1  1: a tombstone, 0: an object
 *     6   2  0
 *     8   4  CRC-32 of all other bytes, little-endian
 *    12      fields (byte-fields.ts): the three components of the key, version, changes; number of
 *            operations, and these (operation-ring.ts); for an object, the fields of LiveObject
 *
 * A tombstone is filled with zeros to LIMITS.tombstoneBytes, and an object of that size gets one
 * zero more. So the sizes in a LIST show which objects are deleted. Bytes of
 * an object are in the manifest as they are: base64 in JSON would add a third.
 */
import { crc32 } from "node:zlib";
import { LIMITS } from "../../limits.ts";
import { FieldReader, FieldWriter } from "./byte-fields.ts";
import { CRC32_MAX, readContent, readEntries, writeContent, writeEntries } from "./content-fields.ts";
import type { LiveObject, Manifest, PatchSegment, PatchTotals } from "./manifest.ts";
import { checkOperations, OPERATION_BYTES } from "./operation-ring.ts";

const MAGIC = Buffer.from("FOCM");
const FORMAT_VERSION = 1;
const HEAD_BYTES = 12;
const CRC_POSITION = 8;
const FORMS = ["file", "stream"] as const;
const KINDS = ["opaque", "table"] as const;
const NO_PATCHES: PatchTotals = { rowCount: 0, dataBytes: 0, storedBytes: 0 };
const SAFE = Number.MAX_SAFE_INTEGER;
/** No expiry of its own; never; a time. */
const LIFETIMES = { none: 0, never: 1, until: 2 } as const;

/** Bytes of their own: one copy of what the manifest holds. */
export function encodeManifest(manifest: Manifest): Buffer {
  const fields = new FieldWriter();
  const { key, recent, live } = manifest;
  fields.text(key.applicationId).text(key.sessionId).text(key.objectId);
  fields
    .number(manifest.version)
    .number(manifest.changes)
    .number(recent.length / OPERATION_BYTES)
    .raw(recent);
  if (live !== undefined) writeLive(fields, live);
  const sizeBytes = HEAD_BYTES + fields.sizeBytes;
  if (live === undefined) fields.raw(Buffer.alloc(LIMITS.tombstoneBytes - sizeBytes));
  else if (sizeBytes === LIMITS.tombstoneBytes) fields.number(0);
  const chunks = fields.finish();
  return concatenated([encodeHead(chunks, live === undefined), ...chunks]);
}

/** Not in the pool of small buffers, of which one remembered manifest would keep 8 KiB. */
function concatenated(chunks: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.allocUnsafeSlow(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let position = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, position);
    position += chunk.length;
  }
  return bytes;
}

function encodeHead(chunks: readonly Uint8Array[], isTombstone: boolean): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  MAGIC.copy(head);
  head[4] = FORMAT_VERSION;
  head[5] = isTombstone ? 1 : 0;
  let sum = crc32(head.subarray(0, CRC_POSITION));
  for (const chunk of chunks) sum = crc32(chunk, sum);
  head.writeUInt32LE(sum, CRC_POSITION);
  return head;
}

function writeLive(fields: FieldWriter, live: LiveObject): void {
  fields.number(FORMS.indexOf(live.form)).number(KINDS.indexOf(live.kind));
  fields.number(live.rowCount).number(live.dataBytes).number(live.putAtMs);
  const { lifetime, putBy } = live;
  if (lifetime === undefined) fields.number(LIFETIMES.none);
  else if (Number.isFinite(lifetime.untilMs)) fields.number(LIFETIMES.until).number(lifetime.untilMs);
  else fields.number(LIFETIMES.never);
  if (lifetime !== undefined) fields.number(lifetime.ttlMs);
  fields.number(putBy === undefined ? 0 : 1);
  if (putBy !== undefined) fields.text(putBy);
  fields.number(live.baseVersion);
  const { rowCount, dataBytes, storedBytes } = live.patched ?? NO_PATCHES;
  fields.number(rowCount).number(dataBytes).number(storedBytes);
  writeContent(fields, live.base);
  fields.number(live.segments.length);
  for (const segment of live.segments) {
    fields.id(segment.id).number(segment.sizeBytes).number(segment.crc32);
    fields
      .number(segment.firstVersion)
      .number(segment.lastVersion)
      .number(segment.hasBlobs ? 1 : 0);
  }
  writeEntries(fields, live.patches);
}

/**
 * Bytes in the result are views of `bytes`.
 * @throws {CacheError} OBJECT_CORRUPT
 */
export function decodeManifest(bytes: Buffer): Manifest {
  const fields = new FieldReader(bytes, HEAD_BYTES, "a manifest in the bucket");
  const isTombstone = checkHead(bytes, fields);
  const component = (): string => fields.text(LIMITS.keyComponentBytesMax);
  const key = { applicationId: component(), sessionId: component(), objectId: component() };
  const version = fields.number(LIMITS.versionMax);
  const changes = fields.number(SAFE);
  const recent = readOperations(fields);
  if (isTombstone) {
    if (bytes.length !== LIMITS.tombstoneBytes) throw fields.corrupt("is a tombstone of a wrong size");
    return { key, version, changes, recent };
  }
  const live = readLive(fields, version);
  if (fields.left > 1) throw fields.corrupt("has bytes behind its end");
  return { key, version, changes, recent, live };
}

/** @returns true for a tombstone. */
function checkHead(bytes: Buffer, fields: FieldReader): boolean {
  if (bytes.length > LIMITS.manifestBytesMax) throw fields.corrupt("is too large");
  if (bytes.length < HEAD_BYTES || bytes.compare(MAGIC, 0, 4, 0, 4) !== 0)
    throw fields.corrupt("has another magic");
  if (bytes[4] !== FORMAT_VERSION) throw fields.corrupt(`has the unknown format version ${bytes[4]}`);
  const sum = crc32(bytes.subarray(HEAD_BYTES), crc32(bytes.subarray(0, CRC_POSITION)));
  if (sum !== bytes.readUInt32LE(CRC_POSITION)) throw fields.corrupt("does not match its checksum");
  if (bytes[5]! > 1 || bytes.readUInt16LE(6) !== 0) throw fields.corrupt("has unknown flags");
  return bytes[5] === 1;
}

/** A view. */
function readOperations(fields: FieldReader): Buffer {
  const recent = fields.raw(OPERATION_BYTES * fields.number(LIMITS.operationsKeptMax));
  if (!checkOperations(recent)) throw fields.corrupt("has no list of operations");
  return recent;
}

function readLive(fields: FieldReader, version: number): LiveObject {
  const form = FORMS[fields.number(FORMS.length - 1)]!;
  const kind = KINDS[fields.number(KINDS.length - 1)]!;
  const [rowCount, dataBytes, putAtMs] = [fields.number(SAFE), fields.number(SAFE), fields.number(SAFE)];
  const terms = readTerms(fields);
  const baseVersion = fields.number(version);
  const patched = readTotals(fields);
  const base = readContent(fields);
  const segments = readSegments(fields, baseVersion);
  const patches = readEntries(fields, (segments.at(-1)?.lastVersion ?? baseVersion) + 1);
  const last = patches.at(-1)?.version ?? segments.at(-1)?.lastVersion ?? baseVersion;
  if (last !== version) throw fields.corrupt("lists other patches than its version says");
  const facts = { form, kind, rowCount, dataBytes, putAtMs, ...terms };
  return { ...facts, baseVersion, base, ...patched, segments, patches };
}

function readTotals(fields: FieldReader): Pick<LiveObject, "patched"> {
  const patched = {
    rowCount: fields.number(SAFE),
    dataBytes: fields.number(SAFE),
    storedBytes: fields.number(SAFE),
  };
  return patched.storedBytes === 0 ? {} : { patched };
}

function readTerms(fields: FieldReader): Pick<LiveObject, "lifetime" | "putBy"> {
  const lifetimeKind = fields.number(LIFETIMES.until);
  const untilMs = lifetimeKind === LIFETIMES.until ? fields.number(SAFE) : Number.POSITIVE_INFINITY;
  const lifetime =
    lifetimeKind === LIFETIMES.none ? {} : { lifetime: { untilMs, ttlMs: fields.number(SAFE) } };
  const hasPutBy = fields.number(1) === 1;
  return { ...lifetime, ...(hasPutBy ? { putBy: fields.text(LIMITS.manifestPutByBytesMax) } : {}) };
}

function readSegments(fields: FieldReader, baseVersion: number): PatchSegment[] {
  const count = fields.number(LIMITS.patchSegmentsMax);
  const segments: PatchSegment[] = [];
  let before = baseVersion;
  for (let index = 0; index < count; index += 1) {
    const id = fields.id();
    const sizeBytes = fields.number(LIMITS.patchSegmentBytesMax);
    const crc = fields.number(CRC32_MAX);
    const firstVersion = fields.number(LIMITS.versionMax);
    const lastVersion = fields.number(LIMITS.versionMax);
    if (firstVersion !== before + 1 || lastVersion < firstVersion)
      throw fields.corrupt("has a gap between segments");
    segments.push({ id, sizeBytes, crc32: crc, firstVersion, lastVersion, hasBlobs: fields.number(1) === 1 });
    before = lastVersion;
  }
  return segments;
}
