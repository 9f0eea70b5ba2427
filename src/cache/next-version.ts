/**
 * The next version of a key. The server assigns none above LIMITS.versionMax.
 *
 * Shared by puts, patches and conversions of other programs' objects.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

/**
 * @throws {CacheError} OBJECT_TOO_LARGE if there is none: a file on disk has claimed nearly the
 *   maximum.
 */
export function versionAfter(version: number): number {
  if (version < LIMITS.versionMax) return version + 1;
  throw new CacheError("OBJECT_TOO_LARGE", `the key has reached the highest version, ${LIMITS.versionMax}`);
}
