/**
 * Facts about an object without its bytes, from the FlightInfo of a list or a stat.
 *
 * The client does not trust the answer: reference and schema are checked.
 */
import { readFramedHeader } from "../../arrow/encapsulated.ts";
import type { FlightInfo } from "../../flight/messages.ts";
import { endOf } from "../../flight/replica-list.ts";
import type { ObjectKind } from "../../object/object-metadata.ts";
import type { ObjectRef } from "../../object/object-ref.ts";
import { readPayloadSchema } from "../../object/object-schema.ts";
import { answeredRef } from "./object-target.ts";

export interface ObjectInfo {
  readonly ref: ObjectRef;
  /** `application_id/session_id/object_id` */
  readonly key: string;
  /** The current version. */
  readonly version: number;
  /** Of a value: its bytes with tag and patches. Of a table: its message bodies. */
  readonly sizeBytes: number;
  /** Rows of a table. An opaque value has one, plus one for each patch. */
  readonly rows: number;
  readonly kind: ObjectKind;
  /** When it expires; undefined: never, or the server does not report it. */
  readonly expiresAt: Date | undefined;
}

/**
 * @throws {CacheError} INVALID_REQUEST if the server sent no reference; INVALID_IPC for an invalid
 *   schema.
 */
export function objectInfo(info: FlightInfo): ObjectInfo {
  const { appMetadata, schema, totalBytes, totalRecords } = info;
  const expiresAt = endOf(info.endpoints[0]);
  const ref = answeredRef(appMetadata);
  const { key, version } = ref;
  return { ref, key, version, sizeBytes: totalBytes, rows: totalRecords, kind: kindOf(schema), expiresAt };
}

/** Older servers list tables without a schema. */
function kindOf(schema: Uint8Array): ObjectKind {
  if (schema.length === 0) return "table";
  return readPayloadSchema(readFramedHeader(schema, 0).header).kind === "opaque" ? "opaque" : "table";
}
