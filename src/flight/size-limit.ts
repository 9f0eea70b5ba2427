/**
 * Checks a size against a named limit, which the error names.
 *
 * Called before any byte is gathered; the limits are in limits.ts.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

/**
 * @param subject the checked thing, for the error text.
 * @throws {CacheError} OBJECT_TOO_LARGE over the limit.
 */
export function checkSize(subject: string, sizeBytes: number, limit: keyof typeof LIMITS): void {
  if (sizeBytes <= LIMITS[limit]) return;
  throw new CacheError("OBJECT_TOO_LARGE", `${subject} is over ${LIMITS[limit]} bytes (${limit})`, {
    facts: { sizeBytes },
  });
}
