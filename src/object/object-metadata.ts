/**
 * The facts of an object beyond its Arrow bytes: entries `flame.cache.*` in the custom metadata of
 * the file's footer (docs/storage-format.md).
 *
 * Values are text, as Arrow requires; binary values are base64. A file without
 * `flame.cache.version` was written by a client and counts as version 1. The footer's own checksum
 * is in sealed-footer.ts.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { ByteList } from "./byte-list.ts";
import type { ValueCodec } from "./opaque-row.ts";

export type MetadataEntries = readonly (readonly [string, string])[];

export type ObjectKind = "opaque" | "table";

/**
 * A range of the file and the CRC-32 (zlib) of its bytes; together they cover everything before the
 * footer.
 */
export interface ChecksumSegment {
  readonly sizeBytes: number;
  readonly crc32: number;
}

/** The time until which an object may be served. */
export interface Lifetime {
  /** ms since 1970; Infinity: unlimited. */
  readonly untilMs: number;
  /** The time to live, ms, which a renewal restores. 0 if unlimited. */
  readonly ttlMs: number;
}

export interface ObjectMetadata {
  readonly version: number;
  readonly kind: ObjectKind;
  readonly rowCount: number;
  /** Opaque: bytes of the value as stored. Table: bytes of all bodies. */
  readonly dataBytes: number;
  /** Opaque, if it was put compressed. */
  readonly codec?: ValueCodec | undefined;
  /** Position of the client's message inside the file's schema message, bytes. */
  readonly schemaStart: number;
  readonly schemaEnd: number;
  /** Of a table's schema message, if any. */
  readonly schemaAppMetadata?: Uint8Array | undefined;
  /** One per batch in file order; absent if all are empty. */
  readonly appMetadata: ByteList | undefined;
  readonly checksum: readonly ChecksumSegment[];
  /** Absent if the put set none: a rule may apply then. */
  readonly lifetime?: Lifetime | undefined;
  /** Name of the identity that put the object; absent if callers are not identified. */
  readonly putBy?: string | undefined;
}

const PREFIX = "flame.cache.";
const FORMAT_VERSION = "1";
/** In place of a time: the object has no expiry, even under a session's rule. */
export const NEVER = "never";

export function encodeObjectMetadata(metadata: ObjectMetadata): [string, string][] {
  const entries: [string, string][] = [
    [`${PREFIX}format_version`, FORMAT_VERSION],
    [`${PREFIX}version`, String(metadata.version)],
    [`${PREFIX}kind`, metadata.kind],
    [`${PREFIX}rows`, String(metadata.rowCount)],
    [`${PREFIX}data_bytes`, String(metadata.dataBytes)],
    [`${PREFIX}schema`, `${metadata.schemaStart}:${metadata.schemaEnd}`],
    [`${PREFIX}checksum`, metadata.checksum.map((s) => `${s.sizeBytes}:${s.crc32.toString(16)}`).join(",")],
  ];
  const { codec, lifetime } = metadata;
  if (codec !== undefined) entries.push([`${PREFIX}codec`, `${codec.name}:${codec.valueSizeBytes}`]);
  if (lifetime !== undefined) {
    const until = Number.isFinite(lifetime.untilMs) ? String(lifetime.untilMs) : NEVER;
    entries.push([`${PREFIX}expires_at_ms`, until], [`${PREFIX}ttl_ms`, String(lifetime.ttlMs)]);
  }
  const { schemaAppMetadata, putBy } = metadata;
  if (putBy !== undefined) entries.push([`${PREFIX}put_by`, putBy]);
  if (schemaAppMetadata !== undefined) {
    entries.push([`${PREFIX}schema_app_metadata`, Buffer.from(schemaAppMetadata).toString("base64")]);
  }
  if (metadata.appMetadata !== undefined) {
    entries.push([`${PREFIX}app_metadata`, metadata.appMetadata.bytes.toString("base64")]);
  }
  return entries;
}

/**
 * @returns undefined if the file has none: a client wrote it.
 * @throws {CacheError} OBJECT_CORRUPT if an entry is malformed or of a newer format.
 */
export function decodeObjectMetadata(entries: MetadataEntries): ObjectMetadata | undefined {
  const found = new Map<string, string>();
  for (const [key, value] of entries) if (key.startsWith(PREFIX)) found.set(key.slice(PREFIX.length), value);
  const format = found.get("format_version");
  if (format === undefined) return undefined;
  if (format !== FORMAT_VERSION) throw corrupt("has an unknown format version");
  const kind = found.get("kind");
  if (kind !== "opaque" && kind !== "table") throw corrupt("has an unknown kind");
  const [schemaStart, schemaEnd] = splitPair(found.get("schema"), 10);
  const appMetadata = found.get("app_metadata");
  const schemaAppMetadata = found.get("schema_app_metadata");
  return {
    version: checkedVersion(wholeNumber(found.get("version"), 10)),
    kind,
    rowCount: wholeNumber(found.get("rows"), 10),
    dataBytes: wholeNumber(found.get("data_bytes"), 10),
    codec: decodeCodec(found.get("codec")),
    schemaStart,
    schemaEnd,
    schemaAppMetadata: schemaAppMetadata === undefined ? undefined : Buffer.from(schemaAppMetadata, "base64"),
    appMetadata: appMetadata === undefined ? undefined : new ByteList(Buffer.from(appMetadata, "base64")),
    checksum: decodeChecksum(found.get("checksum")),
    lifetime: decodeLifetime(found.get("expires_at_ms"), found.get("ttl_ms")),
    putBy: found.get("put_by"),
  };
}

function decodeCodec(text: string | undefined): ValueCodec | undefined {
  if (text === undefined) return undefined;
  const [name, size] = text.split(":");
  if (name !== "lz4_frame" && name !== "zstd") throw corrupt("has an unknown codec");
  return { name, valueSizeBytes: wholeNumber(size, 10) };
}

function decodeLifetime(until: string | undefined, ttl: string | undefined): Lifetime | undefined {
  if (until === undefined) return undefined;
  const untilMs = until === NEVER ? Number.POSITIVE_INFINITY : wholeNumber(until, 10);
  return { untilMs, ttlMs: wholeNumber(ttl, 10) };
}

function decodeChecksum(text: string | undefined): ChecksumSegment[] {
  if (text === undefined || text === "") return [];
  return text.split(",").map((part) => {
    const [sizeBytes, crc32] = splitPair(part, 16);
    return { sizeBytes, crc32 };
  });
}

function splitPair(text: string | undefined, secondRadix: 10 | 16): [number, number] {
  const parts = (text ?? "").split(":");
  if (parts.length !== 2) throw corrupt("has a malformed pair");
  return [wholeNumber(parts[0], 10), wholeNumber(parts[1], secondRadix)];
}

function wholeNumber(text: string | undefined, radix: 10 | 16): number {
  const digits = radix === 10 ? /^[0-9]+$/ : /^[0-9a-f]+$/;
  const value = text !== undefined && digits.test(text) ? Number.parseInt(text, radix) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw corrupt("has a malformed number");
  return value;
}

function checkedVersion(version: number): number {
  if (version > LIMITS.versionMax) throw corrupt(`claims a version above ${LIMITS.versionMax}`);
  return version;
}

function corrupt(what: string): CacheError {
  return new CacheError("OBJECT_CORRUPT", `the footer's cache metadata ${what}`);
}
