/**
 * The engine of a bucket in memory: each call is another replica.
 */
import { BucketObjects } from "../../src/storage/s3/bucket-objects.ts";
import { BucketStorage, type BucketStorageOptions } from "../../src/storage/s3/bucket-storage.ts";
import { BucketContents, MemoryBucket, type MemoryBucketOptions } from "./memory-bucket.ts";
import { PassingTime } from "./passing-time.ts";
import { Random } from "./random.ts";

export interface ReplicaOptions extends Partial<MemoryBucketOptions>, Partial<BucketStorageOptions> {}

export interface Replica {
  readonly bucket: MemoryBucket;
  readonly storage: BucketStorage;
}

export function openReplica(
  contents: BucketContents = new BucketContents(new PassingTime()),
  { maxStalenessMs, tier, copies, ...options }: ReplicaOptions = {},
): Replica {
  const bucket = new MemoryBucket({ ...options, contents });
  const objects = new BucketObjects(bucket, { timing: contents.time.timing(new Random(7)) });
  const storage = new BucketStorage({
    objects,
    tier,
    copies,
    ...(maxStalenessMs !== undefined && { maxStalenessMs }),
  });
  return { bucket, storage };
}

export function bucketStorage(contents?: BucketContents): BucketStorage {
  return openReplica(contents).storage;
}
