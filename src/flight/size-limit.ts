/**
 * The check of a size against a limit by name, so that the error says which one it was.
 *
 * Made before a byte is gathered; the limits themselves stand in limits.ts.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

/**
 * @param subject what has the size, for the error text.
 * @throws {CacheError} OBJECT_TOO_LARGE over the limit.
 */
export function checkSize(subject: string, sizeBytes: number, limit: keyof typeof LIMITS): void {
  if (sizeBytes <= LIMITS[limit]) return;
  throw new CacheError("OBJECT_TOO_LARGE", `${subject} is over ${LIMITS[limit]} bytes (${limit})`, {
    facts: { sizeBytes },
  });
}
