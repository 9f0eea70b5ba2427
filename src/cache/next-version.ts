/**
 * The version that comes after one that a key has, or has had; what the server assigns never passes LIMITS.versionMax.
 *
 * Shared by puts, patches and the taking over of other programs' objects.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

/** @throws {CacheError} OBJECT_TOO_LARGE when there is none: a file on the disk claimed nearly as much as can be counted. */
export function versionAfter(version: number): number {
  if (version < LIMITS.versionMax) return version + 1;
  throw new CacheError(
    "OBJECT_TOO_LARGE",
    `the key has had the highest version there is, ${LIMITS.versionMax}`,
  );
}
