/**
 * What a caller names an object or a prefix by, as the key and the endpoint that the calls need.
 *
 * | given                                     | dialled                |
 * |-------------------------------------------|------------------------|
 * | an ObjectRef, or its encoded bytes        | the endpoint it names  |
 * | `app/session/object`, `app/session`       | the cache's own        |
 *
 * Names are checked here, so that a wrong one costs no call.
 */
import { CacheError } from "../../errors.ts";
import { checkKeyComponent, parseObjectKey } from "../../object/object-key.ts";
import { decodeObjectRef, type ObjectRef } from "../../object/object-ref.ts";

/** A reference, the bytes of one (encodeObjectRef), or the key of an object in the cache that is connected to. */
export type RefLike = ObjectRef | Uint8Array | string;

export interface ObjectTarget {
  readonly endpoint: string;
  readonly key: string;
}

/** @throws {CacheError} INVALID_REQUEST when it is no reference, INVALID_KEY when its key is none. */
export function objectTarget(ref: RefLike, ownEndpoint: string): ObjectTarget {
  const target = readRef(ref, ownEndpoint);
  parseObjectKey(target.key);
  return target;
}

function readRef(ref: RefLike, ownEndpoint: string): ObjectTarget {
  if (typeof ref === "string") return { endpoint: ownEndpoint, key: ref };
  if (ref instanceof Uint8Array) return decodeObjectRef(ref);
  if (typeof ref?.endpoint === "string" && typeof ref.key === "string") return ref;
  throw new CacheError("INVALID_REQUEST", "an object is named by an ObjectRef, its bytes, or its key");
}

/**
 * The reference that a server answers with. Its key keeps the rules for names, so that it may become part of a path.
 * @throws {CacheError} INVALID_REQUEST
 */
export function answeredRef(bytes: Uint8Array): ObjectRef {
  const ref = decodeObjectRef(bytes);
  try {
    parseObjectKey(ref.key);
  } catch (cause) {
    throw new CacheError("INVALID_REQUEST", "the server's reference names no object", { cause });
  }
  return ref;
}

/**
 * A name to put under: `app/session`, where the server makes the object's id, or a whole key, which is created or replaced.
 * @throws {CacheError} INVALID_KEY
 */
export function checkPutName(name: string): string {
  const parts = name.split("/");
  if (parts.length !== 2 && parts.length !== 3) {
    throw new CacheError("INVALID_KEY", "a put is to app/session, or to app/session/object");
  }
  for (const part of parts) checkKeyComponent(part);
  return name;
}

export interface PutCall<Options> {
  readonly name: string;
  readonly value: unknown;
  readonly options: Options | undefined;
}

/**
 * The arguments of a put, `(app, session, value, options)` or `(name, value, options)`: told by the slash in a name.
 * @throws {CacheError} INVALID_KEY
 */
export function readPutArguments<Options>(given: readonly unknown[]): PutCall<Options> {
  const [first, second, third, fourth] = given;
  if (typeof first !== "string") throw new CacheError("INVALID_KEY", "a put is to app/session, as text");
  if (first.includes("/")) {
    return { name: checkPutName(first), value: second, options: third as Options | undefined };
  }
  const name = `${checkKeyComponent(first)}/${checkKeyComponent(String(second))}`;
  return { name, value: third, options: fourth as Options | undefined };
}

/** What a list or a delete names, as text: a reference names its object. */
export function prefixTarget(prefix: RefLike, ownEndpoint: string): ObjectTarget {
  return typeof prefix === "string"
    ? { endpoint: ownEndpoint, key: prefix }
    : objectTarget(prefix, ownEndpoint);
}
