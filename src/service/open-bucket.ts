/**
 * Opens the storage of a bucket: requests, protocol, and the collector of garbage. Sends nothing.
 *
 * At its start it checks whether the store keeps the conditions on which all replicas rely, and
 * refuses a store that does not.
 */
import type { S3StorageConfig } from "../config/cache-config.ts";
import { processEnvironment } from "../config/flame-home.ts";
import { CacheError, isCacheError } from "../errors.ts";
import { logFor } from "../log.ts";
import { defaultCredentials } from "../s3/credentials/default-credentials.ts";
import { type ProbeReport, probeStore } from "../s3/probe-store.ts";
import { S3Bucket } from "../s3/s3-bucket.ts";
import { BucketObjects } from "../storage/s3/bucket-objects.ts";
import { BucketStorage, type BucketStorageOptions } from "../storage/s3/bucket-storage.ts";
import { CollectorLoop } from "../storage/s3/collector-loop.ts";
import { CountedBucket } from "../storage/s3/counted-bucket.ts";
import { GarbageCollector } from "../storage/s3/garbage-collector.ts";
import { PrefixedBucket } from "../storage/s3/prefixed-bucket.ts";

const log = logFor("storage");

/** Where bytes of blobs are kept, in memory and on the local disk. */
type ReadCaches = Pick<BucketStorageOptions, "tier" | "copies">;

/** @throws {CacheError} INVALID_CONFIG */
export function openBucket(config: S3StorageConfig, caches: ReadCaches): BucketStorage {
  const { bucket: name, prefix, endpoint, region, pathStyle, maxStalenessMs } = config;
  const store = new S3Bucket({
    bucket: name,
    credentials: defaultCredentials({ env: processEnvironment() }),
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(pathStyle !== undefined && { style: pathStyle ? "path" : "virtual-host" }),
  });
  const counted = new CountedBucket(store);
  const objects = new BucketObjects(prefix === "" ? counted : new PrefixedBucket(counted, prefix));
  let collecting: CollectorLoop | undefined;
  return new BucketStorage({
    objects,
    maxStalenessMs,
    ...caches,
    counts: () => ({
      isReachable: store.requests.health.unreachable === undefined,
      requests: counted.counts,
      collected: collecting?.removed,
    }),
    reach: store.requests.health,
    check: async () => {
      const { found } = await checkedStore(store, config);
      const removesTombstones = ["atomic", "works"].includes(found.removeIfMatch);
      collecting = new CollectorLoop(new GarbageCollector(objects, { removesTombstones }));
      collecting.start();
    },
    close: async () => {
      await collecting?.stop();
      store.close();
    },
  });
}

/** @throws {CacheError} INVALID_CONFIG with the reason; STORAGE_UNAVAILABLE if it cannot be reached */
async function checkedStore(store: S3Bucket, { bucket, prefix }: S3StorageConfig): Promise<ProbeReport> {
  const facts = { bucket, host: store.requests.address.host };
  const report = await probeStore(store, prefix === "" ? "" : `${prefix}/`).catch((error: unknown) => {
    // The store answered: it has no such bucket, or refuses the credentials.
    if (!isCacheError(error) || error.facts.status === undefined) throw error;
    throw new CacheError("INVALID_CONFIG", error.message.replace(/^\[\w+\] /, ""), { facts, cause: error });
  });
  if (report.refusal !== undefined) {
    const text = `the object store at ${facts.host} cannot be shared by servers: ${report.refusal}`;
    throw new CacheError("INVALID_CONFIG", text, { facts });
  }
  log.info("the object store keeps its conditions", { ...facts, tookMs: Math.round(report.tookMs) });
  return report;
}
