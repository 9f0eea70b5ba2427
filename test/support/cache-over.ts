/**
 * The cache that fits an engine: over a bucket the one that shares its objects with other replicas.
 */
import { ObjectCache, type ObjectCacheOptions } from "../../src/cache/object-cache.ts";
import { SharedCache } from "../../src/cache/shared/shared-cache.ts";
import type { ObjectStorage } from "../../src/storage/object-storage.ts";
import { BucketStorage } from "../../src/storage/s3/bucket-storage.ts";

export function cacheOver(storage: ObjectStorage, options: ObjectCacheOptions = {}): ObjectCache {
  if (!(storage instanceof BucketStorage)) return new ObjectCache(storage, options);
  const { budget: _, ...others } = options;
  return new SharedCache(storage, others);
}
