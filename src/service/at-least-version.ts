/**
 * The oldest version that a get accepts, from its header. A server that shares its storage answers
 * without a request to the storage if it remembers this version or a later one.
 *
 *     flame-at-least-version: 7      the version of an ObjectRef; 0: the current object
 *
 * Other storages always know the current object: the header has no effect.
 */
import { CacheError } from "../errors.ts";

export const AT_LEAST_HEADER = "flame-at-least-version";

const VERSION = /^\d{1,16}$/;

/**
 * @param heldVersion that the caller holds: it gets no older one
 * @returns undefined: the current object
 * @throws {CacheError} INVALID_REQUEST
 */
export function atLeastVersion(text: string | undefined, heldVersion = 0): number | undefined {
  if (text === undefined) return undefined;
  if (!VERSION.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new CacheError("INVALID_REQUEST", `${AT_LEAST_HEADER} must be a version such as 7`);
  }
  return Number(text) === 0 ? undefined : Math.max(Number(text), heldVersion);
}
