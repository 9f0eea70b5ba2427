/**
 * ObjectRef: the small reference that tasks hand to each other instead of the object.
 *
 * On the wire it is a BSON document of exactly three fields in this order: endpoint, key, version (int64).
 * One existing decoder fails on any other field, so none is ever added (PROTOCOL, "ObjectRef").
 */
import { deserialize, serialize } from "bson";
import { CacheError } from "../errors.ts";

export interface ObjectRef {
  /** What a client dials: `grpc://HOST:PORT` or `grpc+tls://HOST:PORT`. */
  readonly endpoint: string;
  /** `application_id/session_id/object_id`. */
  readonly key: string;
  /** 1 or more; 0 means "none" or "any". */
  readonly version: number;
}

/** @returns a fresh buffer, 40 bytes and the two texts. */
export function encodeObjectRef(ref: ObjectRef): Uint8Array {
  // A JavaScript number would be written as int32 or double; int64 needs a BigInt.
  return serialize({ endpoint: ref.endpoint, key: ref.key, version: BigInt(ref.version) });
}

/**
 * Reads a reference. The version may be int32 or int64; a missing one is 0.
 * @throws {CacheError} INVALID_REQUEST when the bytes are no such document.
 */
export function decodeObjectRef(bytes: Uint8Array): ObjectRef {
  let document: Record<string, unknown>;
  try {
    document = deserialize(bytes, { useBigInt64: true });
  } catch (cause) {
    throw new CacheError("INVALID_REQUEST", "an ObjectRef is not a BSON document", { cause });
  }
  const { endpoint, key, version = 0n } = document;
  if (typeof endpoint !== "string" || typeof key !== "string") {
    throw new CacheError("INVALID_REQUEST", "an ObjectRef has two texts: endpoint and key");
  }
  const versionNumber = Number(version);
  const isNumber = typeof version === "bigint" || typeof version === "number";
  if (!isNumber || !Number.isSafeInteger(versionNumber) || versionNumber < 0) {
    throw new CacheError("INVALID_REQUEST", "the version of an ObjectRef is no whole number");
  }
  return { endpoint, key, version: versionNumber };
}
