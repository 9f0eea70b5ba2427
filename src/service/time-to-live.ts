/**
 * The time to live that a call sets for the object it puts, in seconds from the put.
 *
 *     flame-ttl-seconds: 3600        fractions such as 0.5 are valid
 *
 * 0 means unlimited, even if the session has a time to live.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

export const TTL_HEADER = "flame-ttl-seconds";

const SECONDS = /^\d{1,9}(\.\d{1,3})?$/;

/**
 * @param subject where the text comes from, for the error text.
 * @returns ms; undefined if there is no text.
 * @throws {CacheError} INVALID_REQUEST
 */
export function parseTtl(text: string | undefined, subject: string = TTL_HEADER): number | undefined {
  if (text === undefined) return undefined;
  if (!SECONDS.test(text)) {
    throw new CacheError("INVALID_REQUEST", `${subject} must be a number of seconds such as 3600 or 0.5`);
  }
  return ttlOfSeconds(Number(text), subject);
}

/**
 * @returns ms.
 * @param subject the name of the setting, for the error text.
 * @throws {CacheError} INVALID_REQUEST
 */
export function ttlOfSeconds(seconds: number, subject: string): number {
  const ttlMs = Math.ceil(seconds * 1000);
  if (ttlMs >= 0 && ttlMs <= LIMITS.ttlMsMax) return ttlMs;
  throw new CacheError("INVALID_REQUEST", `${subject} must be from 0 to ${LIMITS.ttlMsMax / 1000} seconds`);
}
