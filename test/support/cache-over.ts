/**
 * The cache that fits an engine: over a bucket the one that shares its objects with other replicas.
 */
import { IndexedCache, type IndexedCacheOptions } from "../../src/cache/indexed-cache.ts";
import type { ObjectCache } from "../../src/cache/object-cache.ts";
import { SharedCache } from "../../src/cache/shared/shared-cache.ts";
import { assert } from "../../src/errors.ts";
import type { ObjectStorage } from "../../src/storage/object-storage.ts";
import { BucketStorage } from "../../src/storage/s3/bucket-storage.ts";

export type Engine = ObjectStorage | BucketStorage;

export function cacheOver(storage: Engine, options: IndexedCacheOptions = {}): ObjectCache {
  if (!(storage instanceof BucketStorage)) return new IndexedCache(storage, options);
  const { budget: _, ...others } = options;
  return new SharedCache(storage, others);
}

/** Ends leases and removes expired objects that are due. */
export async function sweepNow(cache: ObjectCache): Promise<void> {
  assert(cache instanceof IndexedCache, "only an indexed cache sweeps");
  await cache.sweepNow();
}
