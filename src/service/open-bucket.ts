/**
 * Opens the storage of a bucket: requests, protocol, and the collector of garbage. Sends nothing.
 *
 * At its start it checks whether the store keeps the conditions on which all replicas rely, and
 * refuses a store that does not.
 */
import { hostname } from "node:os";
import type { S3StorageConfig } from "../config/cache-config.ts";
import { advertisedEndpointSchema, formatDialEndpoint } from "../config/endpoint.ts";
import { processEnvironment } from "../config/flame-home.ts";
import { CacheError, isCacheError } from "../errors.ts";
import { isLoopbackAddress } from "../grpc/peer-address.ts";
import { logFor } from "../log.ts";
import type { Bucket } from "../s3/bucket.ts";
import { defaultCredentials } from "../s3/credentials/default-credentials.ts";
import { type ProbeReport, probeStore } from "../s3/probe-store.ts";
import { S3Bucket } from "../s3/s3-bucket.ts";
import { BucketObjects } from "../storage/s3/bucket-objects.ts";
import { BucketStorage } from "../storage/s3/bucket-storage.ts";
import { CollectorLoop } from "../storage/s3/collector-loop.ts";
import { CountedBucket } from "../storage/s3/counted-bucket.ts";
import { GarbageCollector } from "../storage/s3/garbage-collector.ts";
import { PrefixedBucket } from "../storage/s3/prefixed-bucket.ts";
import { type Reach, ReplicaRegistry } from "../storage/s3/replica-registry.ts";
import type { MemoryTier } from "../storage/tier/memory-tier.ts";

const log = logFor("storage");

/** @throws {CacheError} INVALID_CONFIG */
export function openBucket(config: S3StorageConfig, tier: MemoryTier | undefined): BucketStorage {
  const { bucket: name, prefix, endpoint, region, pathStyle, maxStalenessMs } = config;
  const store = new S3Bucket({
    bucket: name,
    credentials: defaultCredentials({ env: processEnvironment() }),
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(pathStyle !== undefined && { style: pathStyle ? "path" : "virtual-host" }),
  });
  const counted = new CountedBucket(store);
  const registrations = new CountedBucket(store, "registration");
  const under = (bucket: Bucket) => (prefix === "" ? bucket : new PrefixedBucket(bucket, prefix));
  const objects = new BucketObjects(under(counted));
  const { storeClock } = objects.manifests;
  const replicas = new ReplicaRegistry({
    bucket: under(registrations),
    storeClock,
    reachOf,
    host: hostname(),
  });
  let collecting: CollectorLoop | undefined;
  return new BucketStorage({
    objects,
    maxStalenessMs,
    tier,
    replicas,
    counts: () => ({
      requests: [...counted.counts, ...registrations.counts],
      collected: collecting?.removed,
      replicas: replicas.alive,
    }),
    check: async () => {
      const { found } = await checkedStore(store, config);
      const removesTombstones = ["atomic", "works"].includes(found.removeIfMatch);
      collecting = new CollectorLoop(new GarbageCollector(objects, { removesTombstones }));
      collecting.start();
    },
    close: async () => {
      await Promise.all([replicas.leave(), collecting?.stop()]);
      store.close();
    },
  });
}

/** Undefined unless it is an endpoint as `formatDialEndpoint` writes it. */
function reachOf(text: string): Reach | undefined {
  const read = advertisedEndpointSchema.safeParse(text);
  if (!read.success || formatDialEndpoint(read.data) !== text) return undefined;
  const { host } = read.data;
  return host === "localhost" || isLoopbackAddress(host) ? "this host" : "everywhere";
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
