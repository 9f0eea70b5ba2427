/**
 * What a put is aimed at, by its descriptor (docs/protocol.md, "DoPut").
 *
 *     PATH app/session/object         create or replace
 *     PATH app/session                create, the server makes the object id
 *     CMD  PATCH:app/session/object   append to an existing object
 */
import { CacheError } from "../errors.ts";
import { decodeDescriptor, type TextDescriptor } from "../flight/descriptor.ts";
import {
  type ObjectKey,
  parseObjectKey,
  parseSessionPrefix,
  type SessionPrefix,
} from "../object/object-key.ts";

export type PutTarget =
  | { readonly kind: "object"; readonly key: ObjectKey }
  | { readonly kind: "session"; readonly prefix: SessionPrefix }
  | { readonly kind: "patch"; readonly key: ObjectKey };

const PATCH = "PATCH:";

/** @throws {CacheError} INVALID_KEY, INVALID_REQUEST */
export function parsePutTarget(descriptor: TextDescriptor): PutTarget {
  if (descriptor.kind === "command") {
    if (!descriptor.command.startsWith(PATCH)) {
      throw new CacheError("INVALID_REQUEST", "the only command a put takes is PATCH:app/session/object");
    }
    return { kind: "patch", key: parseObjectKey(descriptor.command.slice(PATCH.length)) };
  }
  const path = descriptor.path.join("/");
  return path.split("/", 3).length === 2
    ? { kind: "session", prefix: parseSessionPrefix(path) }
    : { kind: "object", key: parseObjectKey(path) };
}

/** The key of a call that names one object by a PATH descriptor. @throws {CacheError} INVALID_KEY, INVALID_REQUEST */
export function parseObjectDescriptor(bytes: Uint8Array): { key: ObjectKey; descriptor: TextDescriptor } {
  const descriptor = decodeDescriptor(bytes);
  if (descriptor.kind === "command") throw new CacheError("INVALID_REQUEST", "the descriptor must be a PATH");
  return { key: parseObjectKey(descriptor.path.join("/")), descriptor };
}
