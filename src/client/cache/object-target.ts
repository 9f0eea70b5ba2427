/**
 * Resolves the name of an object or a prefix to the endpoint and key of its calls.
 *
 * | name                                      | dialled endpoint       |
 * |-------------------------------------------|------------------------|
 * | an ObjectRef, or its encoded bytes        | that of the reference  |
 * | `app/session/object`, `app/session`       | the cache's own        |
 *
 * Names are checked here, so that an invalid one costs no call.
 */
import { CacheError } from "../../errors.ts";
import { checkKeyComponent, parseObjectKey } from "../../object/object-key.ts";
import { decodeObjectRef, type ObjectRef } from "../../object/object-ref.ts";

/** A reference, its bytes (encodeObjectRef), or the key of an object in the connected cache. */
export type RefLike = ObjectRef | Uint8Array | string;

export interface ObjectTarget {
  readonly endpoint: string;
  readonly key: string;
  /** That of the reference; absent for a key. */
  readonly version?: number;
}

/**
 * @throws {CacheError} INVALID_REQUEST for an invalid reference, INVALID_KEY for an invalid key.
 */
export function objectTarget(ref: RefLike, ownEndpoint: string): ObjectTarget {
  const target = readRef(ref, ownEndpoint);
  parseObjectKey(target.key);
  return target;
}

function readRef(ref: RefLike, ownEndpoint: string): ObjectTarget {
  if (typeof ref === "string") return { endpoint: ownEndpoint, key: ref };
  if (ref instanceof Uint8Array) return decodeObjectRef(ref);
  if (typeof ref?.endpoint === "string" && typeof ref.key === "string") return ref;
  throw new CacheError("INVALID_REQUEST", "the name of an object must be an ObjectRef, its bytes, or a key");
}

/**
 * Decodes the reference in a server's answer. Its key is checked, so that it is safe in a path.
 * @throws {CacheError} INVALID_REQUEST
 */
export function answeredRef(bytes: Uint8Array): ObjectRef {
  const ref = decodeObjectRef(bytes);
  try {
    parseObjectKey(ref.key);
  } catch (cause) {
    throw new CacheError("INVALID_REQUEST", "the server's reference is invalid", { cause });
  }
  return ref;
}

/**
 * Checks the name of a put: `app/session`, for which the server generates the object id, or a key,
 * whose object is created or replaced.
 * @throws {CacheError} INVALID_KEY
 */
export function checkPutName(name: string): string {
  const parts = name.split("/");
  if (parts.length !== 2 && parts.length !== 3) {
    throw new CacheError("INVALID_KEY", "the name of a put must be app/session or app/session/object");
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
 * Reads the arguments of a put: `(name, value, options)` if the first has a slash, else `(app,
 * session, value, options)`.
 * @throws {CacheError} INVALID_KEY
 */
export function readPutArguments<Options>(given: readonly unknown[]): PutCall<Options> {
  const [first, second, third, fourth] = given;
  if (typeof first !== "string")
    throw new CacheError("INVALID_KEY", "the name of a put must be a string such as app/session");
  if (first.includes("/")) {
    return { name: checkPutName(first), value: second, options: third as Options | undefined };
  }
  const name = `${checkKeyComponent(first)}/${checkKeyComponent(String(second))}`;
  return { name, value: third, options: fourth as Options | undefined };
}

/** Resolves the name of a list or a delete. A reference names its object. */
export function prefixTarget(prefix: RefLike, ownEndpoint: string): ObjectTarget {
  return typeof prefix === "string"
    ? { endpoint: ownEndpoint, key: prefix }
    : objectTarget(prefix, ownEndpoint);
}
