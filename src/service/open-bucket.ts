/**
 * Opens the storage of a bucket: requests, protocol, and the collector of garbage. Sends nothing.
 *
 * At its start it checks whether the store keeps the conditions on which all replicas rely, and
 * refuses a store that does not.
 */
import { hostname } from "node:os";
import type { BucketEnd } from "../cache/copying/copy-ends.ts";
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
import { BucketStorage, type BucketStorageOptions } from "../storage/s3/bucket-storage.ts";
import { CollectorLoop } from "../storage/s3/collector-loop.ts";
import { CountedBucket } from "../storage/s3/counted-bucket.ts";
import { GarbageCollector } from "../storage/s3/garbage-collector.ts";
import { PrefixedBucket } from "../storage/s3/prefixed-bucket.ts";
import { type Reach, ReplicaRegistry } from "../storage/s3/replica-registry.ts";

const log = logFor("storage");

interface OpenedStore {
  readonly store: S3Bucket;
  readonly counted: CountedBucket;
  readonly objects: BucketObjects;
  /** The requests of registrations, which are counted apart, and the bucket that sends them. */
  readonly registrations: CountedBucket;
  readonly registered: Bucket;
}

/** @throws {CacheError} INVALID_CONFIG */
function openStore(config: S3StorageConfig): OpenedStore {
  const { bucket: name, prefix, endpoint, region, pathStyle } = config;
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
  return { store, counted, objects, registrations, registered: under(registrations) };
}

/**
 * A bucket for a copy of all its objects, without a collector.
 * @param isWritten false: nothing is written to it, also not to check it
 * @throws {CacheError} INVALID_CONFIG
 */
export function openBucketEnd(config: S3StorageConfig, isWritten: boolean): BucketEnd {
  const { store, objects } = openStore(config);
  const look = () =>
    objects.floor.version().catch((error: unknown) => refuseStore(error, factsOf(store, config)));
  return {
    objects,
    check: async () => void (await (isWritten ? checkedStore(store, config) : look())),
    close: () => store.close(),
  };
}

/** Where bytes of blobs are kept, in memory and on the local disk. */
type ReadCaches = Pick<BucketStorageOptions, "tier" | "copies">;

/** @throws {CacheError} INVALID_CONFIG */
export function openBucket(config: S3StorageConfig, caches: ReadCaches): BucketStorage {
  const { maxStalenessMs } = config;
  const { store, counted, objects, registrations, registered } = openStore(config);
  const { storeClock } = objects.manifests;
  const replicas = new ReplicaRegistry({ bucket: registered, storeClock, reachOf, host: hostname() });
  let collecting: CollectorLoop | undefined;
  return new BucketStorage({
    objects,
    maxStalenessMs,
    ...caches,
    replicas,
    counts: () => ({
      isReachable: store.requests.health.unreachable === undefined,
      requests: [...counted.counts, ...registrations.counts],
      collected: collecting?.removed,
      replicas: replicas.alive,
    }),
    uploadBytes: () => store.uploadBytes,
    reach: store.requests.health,
    check: async () => {
      const { found } = await checkedStore(store, config).catch((error: unknown) => {
        // Nobody stops what did not start, and a store that is down would be tried for ever.
        store.close();
        throw error;
      });
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
async function checkedStore(store: S3Bucket, config: S3StorageConfig): Promise<ProbeReport> {
  const { prefix } = config;
  const facts = factsOf(store, config);
  const report = await probeStore(store, prefix === "" ? "" : `${prefix}/`).catch((error: unknown) =>
    refuseStore(error, facts),
  );
  if (report.refusal !== undefined) {
    const text = `the object store at ${facts.host} cannot be shared by servers: ${report.refusal}`;
    throw new CacheError("INVALID_CONFIG", text, { facts });
  }
  log.info("the object store keeps its conditions", { ...facts, tookMs: Math.round(report.tookMs) });
  return report;
}

type StoreFacts = { readonly bucket: string; readonly host: string };

function factsOf({ requests }: S3Bucket, { bucket }: S3StorageConfig): StoreFacts {
  return { bucket, host: requests.address.host };
}

function refuseStore(error: unknown, { bucket, host }: StoreFacts): never {
  // The store answered: it has no such bucket, or refuses the credentials.
  if (!isCacheError(error) || error.facts.status === undefined) throw error;
  const text = error.message.replace(/^\[\w+\] /, "");
  throw new CacheError("INVALID_CONFIG", text, { facts: { bucket, host }, cause: error });
}
