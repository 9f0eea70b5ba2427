/**
 * Collectors of garbage in three replicas over one real store, with ages of seconds: they race
 * puts, slow readers and each other. No blob that anybody needs is lost, and in the end nothing
 * else is left.
 */
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LIMITS } from "../../src/limits.ts";
import type { Bucket } from "../../src/s3/bucket.ts";
import { BucketObjects } from "../../src/storage/s3/bucket-objects.ts";
import { decodeManifest } from "../../src/storage/s3/encode-manifest.ts";
import { GarbageCollector } from "../../src/storage/s3/garbage-collector.ts";
import { referencesOf } from "../../src/storage/s3/read-references.ts";
import { checkHistory } from "../contract/bucket-model/history.ts";
import { missingS3Store } from "../support/s3-store.ts";
import type { ShortAges } from "./replicas/replica-process.ts";
import { ReplicasLoad } from "./replicas/replicas-load.ts";
import { type ReplicasStore, startReplicasStore } from "./replicas/replicas-store.ts";

const missing = await missingS3Store();
/** Above the longest request (answerMs) and the longest rest of a reader. */
const AGE_MS = 9_000;
const AGES: ShortAges = {
  garbageAgeMs: AGE_MS,
  garbageGraceMs: AGE_MS,
  blobCommitMsMax: 2_000,
  versionFloorTrustMs: 1_000,
};

/** Passes until nothing is left to do. */
async function collectAll(bucket: Bucket): Promise<void> {
  const collector = new GarbageCollector(new BucketObjects(bucket), { removesTombstones: true });
  for (let pass = 0; pass < 3; pass += 1) {
    await pause(AGE_MS + 1_000);
    await collector.pass();
  }
  expect(collector.candidateCount).toBe(0);
}

/** Blobs to which nothing refers, and references to blobs that are not there. */
async function mismatches(bucket: Bucket): Promise<string[]> {
  const wrong: string[] = [];
  const referred = new Set<string>();
  for await (const page of bucket.list("m/")) {
    for (const { key } of page) {
      const read = await bucket.read(key, { bytesMax: LIMITS.manifestBytesMax });
      const isTombstone = read.kind === "found" && decodeManifest(read.body).live === undefined;
      if (isTombstone) wrong.push(`tombstone ${key}`);
      for (const id of (await referencesOf(bucket, key)) ?? []) referred.add(`d${key.slice(1)}/${id}`);
    }
  }
  for await (const page of bucket.list("d/")) {
    for (const { key } of page) if (!referred.delete(key)) wrong.push(`garbage ${key}`);
  }
  return [...wrong, ...[...referred].map((name) => `missing ${name}`)];
}

describe.skipIf(missing !== undefined)("collectors of garbage in three replicas over one real store", () => {
  let started: ReplicasStore;
  beforeAll(async () => {
    Object.assign(LIMITS, AGES);
    started = await startReplicasStore();
  });
  afterAll(() => started.stop());

  it("race puts, slow readers and each other without harm, and leave nothing", async () => {
    const replicas = started.replicas(1, 0.01, { ages: AGES, collectEveryMs: 2_000 });
    const load = new ReplicasLoad({
      seed: 1,
      calls: 100_000,
      lastMs: 70_000,
      keys: 40,
      kills: 0.001,
      restMs: 1_500,
      replicas,
    });
    await load.run();
    expect(load.broken).toEqual([]);
    expect(checkHistory(load.calls).violations).toEqual([]);
    const removed = load.replicas.map((replica) => replica.removed);
    const blobs = removed.reduce((sum, { removedBlobs }) => sum + removedBlobs, 0);
    const tombstones = removed.reduce((sum, { removedTombstones }) => sum + removedTombstones, 0);
    process.stdout.write(`${load.tookMs.length} calls; removed ${blobs} blobs, ${tombstones} tombstones\n`);
    expect(blobs).toBeGreaterThan(20);
    expect(tombstones).toBeGreaterThan(0);
    const bucket = started.bucketOf(replicas);
    await collectAll(bucket);
    expect(await mismatches(bucket)).toEqual([]);
  });

  it("would lose bytes of objects if they did not wait for writers and readers", async () => {
    const replicas = started.replicas(2, 0.03, { isHasty: true, collectEveryMs: 100 });
    const load = new ReplicasLoad({ seed: 2, calls: 1_500, lastMs: 40_000, keys: 4, replicas });
    await load.run();
    process.stdout.write(`without waiting: ${load.broken.length} of ${load.tookMs.length} calls\n`);
    expect(load.broken.join()).toContain("bytes of the object are missing in the bucket");
  });
});
