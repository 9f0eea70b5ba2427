/**
 * The target of a put, parsed from its descriptor (docs/protocol.md, "DoPut").
 *
 *     PATH app/session/object         create or replace
 *     PATH app/session                create; the server generates the object id
 *     CMD  PATCH:app/session/object   append to an existing object
 */
import { CacheError } from "../../errors.ts";
import { decodeDescriptor, type TextDescriptor } from "../../flight/descriptor.ts";
import type { ServerCall } from "../../grpc/call.ts";
import { logFor } from "../../log.ts";
import { type ObjectKey, parseObjectKey, parseSessionPrefix } from "../../object/object-key.ts";
import type { PutTarget } from "../incoming-put.ts";

const log = logFor("flight");
const PATCH = "PATCH:";

/** The log fields of a call; see ServerCall. */
type Facts = ServerCall["facts"];

/** @throws {CacheError} INVALID_KEY, INVALID_REQUEST */
export function parsePutTarget(descriptor: TextDescriptor, facts?: Facts): PutTarget {
  if (facts !== undefined) recordDescriptor(facts, descriptor);
  if (descriptor.kind === "command") {
    if (!descriptor.command.startsWith(PATCH)) {
      throw new CacheError("INVALID_REQUEST", "the only command of a put is PATCH:app/session/object");
    }
    return { kind: "patch", key: parseObjectKey(descriptor.command.slice(PATCH.length)) };
  }
  const path = descriptor.path.join("/");
  return path.split("/", 3).length === 2
    ? { kind: "session", prefix: parseSessionPrefix(path) }
    : { kind: "object", key: parseObjectKey(path) };
}

/**
 * The key of a call that names one object by a PATH descriptor.
 * @throws {CacheError} INVALID_KEY, INVALID_REQUEST
 */
export function parseObjectDescriptor(
  bytes: Uint8Array,
  facts?: Facts,
): { key: ObjectKey; descriptor: TextDescriptor } {
  const descriptor = decodeDescriptor(bytes);
  if (facts !== undefined) recordDescriptor(facts, descriptor);
  if (descriptor.kind === "command") throw new CacheError("INVALID_REQUEST", "the descriptor must be a PATH");
  return { key: parseObjectKey(descriptor.path.join("/")), descriptor };
}

/** Called before the check, so that the log also has the key of a refused call. */
function recordDescriptor(facts: Record<string, unknown>, descriptor: TextDescriptor): void {
  const text = descriptor.kind === "command" ? descriptor.command : descriptor.path.join("/");
  const isPatch = descriptor.kind === "command" && text.startsWith(PATCH);
  facts.key = isPatch ? text.slice(PATCH.length) : text;
  if (isPatch) facts.action = "patch";
  log.trace("descriptor parsed", { ...descriptor });
}
