/**
 * One real store for loads of replicas, with the bundled program of a replica. Each load gets a
 * prefix of its own in the bucket.
 */
import { fileURLToPath } from "node:url";
import type { Bucket } from "../../../src/s3/bucket.ts";
import { PrefixedBucket } from "../../../src/storage/s3/prefixed-bucket.ts";
import { bundledProgram } from "../../support/bundled-program.ts";
import { ownPrefix, type RunningStore, type S3TestStore, startS3Store } from "../../support/s3-store.ts";
import type { ReplicaOptions } from "./replica.ts";

const PROGRAM = fileURLToPath(new URL("./replica-process.ts", import.meta.url));
const { TEST_S3_ACCESS_KEY = "test", TEST_S3_SECRET_KEY = "testtest" } = process.env;

export interface ReplicasStore<Store extends RunningStore = S3TestStore> {
  readonly store: Store;
  /** Options of three replicas under one prefix. @param share probability of each fault */
  replicas(seed: number, share: number, more?: Partial<ReplicaOptions>): ReplicaOptions[];
  /** The bucket as these replicas see it, without a proxy. */
  bucketOf(replicas: readonly ReplicaOptions[]): Bucket;
  stop(): Promise<void>;
}

export async function startReplicasStore(): Promise<ReplicasStore> {
  return await replicasOver(await startS3Store());
}

/** Stops the store too. */
export async function replicasOver<Store extends RunningStore>(store: Store): Promise<ReplicasStore<Store>> {
  const program = await bundledProgram(PROGRAM);
  return {
    store,
    replicas: (seed, share, more = {}) => {
      const prefix = ownPrefix().slice(0, -1);
      return [0, 1, 2].map((place) => ({
        program: program.file,
        bucket: store.options.bucket,
        accessKeyId: TEST_S3_ACCESS_KEY,
        secretAccessKey: TEST_S3_SECRET_KEY,
        prefix,
        answerMs: 4_000,
        seed: seed + place,
        proxy: { target: store.endpoint, seed: seed + place, share },
        ...more,
      }));
    },
    bucketOf: (replicas) => new PrefixedBucket(store.bucket(), replicas[0]!.prefix),
    stop: async () => {
      await store.stop();
      program.remove();
    },
  };
}
