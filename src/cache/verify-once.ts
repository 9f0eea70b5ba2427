/**
 * Compares an object found on disk with its checksum before its file is located or patched.
 *
 * An object larger than LIMITS.verifyFirstLookBytesMax is compared when it is sent.
 * Cost: one pass over the file.
 */
import { LIMITS } from "../limits.ts";
import { type StoredObject, valuePlaceOf } from "../object/stored-blocks.ts";
import { verifyChecksum } from "../object/verify-object.ts";
import type { IndexEntry } from "./index-entry.ts";

/** Once per process. @throws {CacheError} OBJECT_CORRUPT */
export async function verifyOnce(entry: IndexEntry, base: StoredObject): Promise<void> {
  if (base.source.sizeBytes <= LIMITS.verifyFirstLookBytesMax)
    await verifyChecksum(base.source, base.checksum);
  entry.markVerified(valuePlaceOf(base));
}
