/**
 * What is known of an object without its bytes: a FlightInfo as a list and a stat give it.
 */
import { readFramedHeader } from "../../arrow/encapsulated.ts";
import type { FlightInfo } from "../../flight/messages.ts";
import type { ObjectKind } from "../../object/object-metadata.ts";
import type { ObjectRef } from "../../object/object-ref.ts";
import { readPayloadSchema } from "../../object/object-schema.ts";
import { answeredRef } from "./object-target.ts";

export interface ObjectInfo {
  readonly ref: ObjectRef;
  /** `application_id/session_id/object_id` */
  readonly key: string;
  /** The current one. */
  readonly version: number;
  /** Of a value with its patches: its bytes, the tag counted; of a table: its bodies. */
  readonly sizeBytes: number;
  /** Of a table; an opaque value has one, and one for each patch. */
  readonly rows: number;
  readonly kind: ObjectKind;
  /** Until when it may be served; undefined: it has no end, as far as the server tells. */
  readonly expiresAt: Date | undefined;
}

/** @throws {CacheError} INVALID_REQUEST when the server sent no reference, INVALID_IPC when its schema is none. */
export function objectInfo(info: FlightInfo): ObjectInfo {
  const { appMetadata, schema, totalBytes, totalRecords } = info;
  const expiresAt = info.endpoints[0]?.expirationTime;
  const ref = answeredRef(appMetadata);
  const { key, version } = ref;
  return { ref, key, version, sizeBytes: totalBytes, rows: totalRecords, kind: kindOf(schema), expiresAt };
}

/** Older servers send no schema of tables in a list. */
function kindOf(schema: Uint8Array): ObjectKind {
  if (schema.length === 0) return "table";
  return readPayloadSchema(readFramedHeader(schema, 0).header).kind === "opaque" ? "opaque" : "table";
}
