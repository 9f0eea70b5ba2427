/**
 * The kind of a put, determined by its schema (docs/protocol.md, "DoPut"), and the schemas of the
 * cache itself.
 *
 * opaque       exactly two fields: version uint64, data binary or large_binary, nullable or not
 * flame table  schema metadata `flame.cache.format` = `arrow-table-v1`
 * plain table  anything else
 */
import type { SchemaMetadata } from "../arrow/key-values.ts";
import { encodeSchemaMessage } from "../arrow/message-writer.ts";
import { decodeFieldsSteps, type FieldsOnly } from "../arrow/schema.ts";
import { findMetadataValue, type MessageWithFront, withSchemaMetadata } from "../arrow/schema-metadata.ts";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { atOnce, inTurns } from "../turns.ts";

export type PayloadKind = "opaque" | "flame-table" | "plain-table";

export const TABLE_FORMAT = "arrow-table-v1";
export const SCHEMA_KEY_FORMAT = "flame.cache.format";
export const SCHEMA_KEY_VERSION = "flame.cache.version";
export const SCHEMA_KEY_INSTANCE = "flame.cache.instance";
export const SCHEMA_KEY_FILE = "flame.cache.file";
export const SCHEMA_KEY_REPLICAS = "flame.cache.replicas";

export interface PayloadSchema {
  readonly kind: PayloadKind;
  readonly schema: FieldsOnly;
  /** Width of the offsets of opaque data: 4 for binary, 8 for large_binary. */
  readonly offsetBytes: 4 | 8;
}

/** Recently decoded schemas, newest first: a worker puts the same schema repeatedly. */
const recent: { readonly header: Buffer; readonly payload: PayloadSchema }[] = [];
const RECENT_MAX = 16;
const RECENT_HEADER_BYTES_MAX = 4096;

/** @throws {CacheError} INVALID_IPC, OBJECT_TOO_LARGE over dataHeaderBytesMax. */
export function readPayloadSchema(header: Uint8Array): PayloadSchema {
  return knownPayload(header) ?? remembered(header, atOnce(decodePayloadSteps(header)));
}

/** The same in steps with other calls in between: a schema may have very many fields. */
export async function readPayloadSchemaInTurns(header: Uint8Array): Promise<PayloadSchema> {
  return knownPayload(header) ?? remembered(header, await inTurns(decodePayloadSteps(header)));
}

/** The cached result for a recently decoded header. */
export function knownPayload(header: Uint8Array): PayloadSchema | undefined {
  for (const known of recent) if (known.header.equals(header)) return known.payload;
  return undefined;
}

function remembered(header: Uint8Array, payload: PayloadSchema): PayloadSchema {
  if (header.length <= RECENT_HEADER_BYTES_MAX) {
    recent.unshift({ header: Buffer.from(header), payload });
    recent.length = Math.min(recent.length, RECENT_MAX);
  }
  return payload;
}

function* decodePayloadSteps(header: Uint8Array): Generator<void, PayloadSchema> {
  if (header.length > LIMITS.dataHeaderBytesMax) {
    throw new CacheError("OBJECT_TOO_LARGE", `a schema is over ${LIMITS.dataHeaderBytesMax} bytes`);
  }
  const schema = yield* decodeFieldsSteps(header);
  const opaque = isOpaque(schema);
  const format = findMetadataValue(header, SCHEMA_KEY_FORMAT);
  const flame = format !== undefined && textIs(header, format, TABLE_FORMAT);
  yield;
  // Checks that an answer to a ticket with a version is possible: every table must be readable in
  // both forms.
  if (!opaque && !flame) withVersion(header, 0);
  return {
    kind: opaque ? "opaque" : flame ? "flame-table" : "plain-table",
    schema,
    offsetBytes: opaque && schema.fields[1]!.type.name === "large_binary" ? 8 : 4,
  };
}

function textIs(bytes: Uint8Array, range: { position: number; sizeBytes: number }, text: string): boolean {
  const { position, sizeBytes } = range;
  return (
    sizeBytes === text.length && Buffer.from(text).equals(bytes.subarray(position, position + sizeBytes))
  );
}

function isOpaque(schema: FieldsOnly): boolean {
  // Offsets are read as little-endian here; a big-endian schema is stored as a table.
  if (schema.fields.length !== 2 || schema.endianness !== "little") return false;
  const [version, data] = schema.fields;
  return (
    version!.name === "version" &&
    version!.type.name === "uint64" &&
    version!.dictionary === undefined &&
    data!.name === "data" &&
    (data!.type.name === "binary" || data!.type.name === "large_binary") &&
    data!.dictionary === undefined
  );
}

const VERSION_FIELD = { name: "version", type: "uint64", nullable: false } as const;
const DATA_FIELD = { name: "data", type: "binary", nullable: false } as const;

/** Schema message of opaque objects on disk and in answers to a ticket without a version. */
export const OPAQUE_SCHEMA_HEADER: Buffer = encodeSchemaMessage({ fields: [VERSION_FIELD, DATA_FIELD] });

/** Schema message of opaque objects, and of "not modified", in answers to a ticket with a version. */
export const VERSIONED_SCHEMA_HEADER: Buffer = versionedSchema([]);

/** The same with metadata. */
export function versionedSchema(metadata: SchemaMetadata): Buffer {
  const fields = [VERSION_FIELD, { name: "kind", type: "utf8", nullable: false }, DATA_FIELD] as const;
  return encodeSchemaMessage({ fields, metadata });
}

/**
 * A schema message as an answer to a ticket with a version carries it.
 * @param more further entries. @throws {CacheError} INVALID_IPC
 */
export function withVersion(
  header: Uint8Array,
  version: number,
  more: SchemaMetadata = [],
): MessageWithFront {
  return withSchemaMetadata(header, [
    [SCHEMA_KEY_FORMAT, TABLE_FORMAT],
    [SCHEMA_KEY_VERSION, formatSchemaVersion(version)],
    ...more,
  ]);
}

/** `flame.cache.version` has a fixed width, so that another number can overwrite it. */
export function formatSchemaVersion(version: number): string {
  return String(version).padStart(20, "0");
}
