/**
 * The cache against a plain model: thousands of random calls, overlapping ones and restarts among them, and every answer
 * must be the model's. Called directly, and in the run with threads over connections that four threads have. A failure names its seed and step; MODEL_SEED=7 runs that seed alone.
 */
import { describe, expect, it, onTestFinished } from "vitest";
import { LruPolicy } from "../../src/eviction/lru-policy.ts";
import { DiskStorage } from "../../src/storage/disk/disk-storage.ts";
import { MemoryStorage } from "../../src/storage/memory-storage.ts";
import type { ObjectStorage } from "../../src/storage/object-storage.ts";
import type { BucketStorage } from "../../src/storage/s3/bucket-storage.ts";
import { MemoryTier } from "../../src/storage/tier/memory-tier.ts";
import { bucketStorage } from "../support/bucket-storage.ts";
import { campaign } from "../support/campaign.ts";
import { BucketContents } from "../support/memory-bucket.ts";
import { PassingTime } from "../support/passing-time.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { ModelRun } from "./cache-model/model-run.ts";

const SEEDS = (process.env.MODEL_SEED ?? campaign({ slice: "1", whole: "1,2,3" })).split(",").map(Number);
const STEPS = 800;

function openDisk(openTier?: () => MemoryTier): () => ObjectStorage {
  const directory = temporaryDirectory("model");
  onTestFinished(() => directory.remove());
  return () => new DiskStorage({ directory: directory.path, tier: openTier?.() });
}

/** Room for some of the objects, so that they come and go. */
function openTiered(): () => ObjectStorage {
  return openDisk(() => new MemoryTier({ policy: new LruPolicy(), bytesMax: 64 * 1024 }));
}

/** Each start is another replica over the same bucket. */
function openBucket(): () => BucketStorage {
  const contents = new BucketContents(new PassingTime());
  return () => bucketStorage(contents);
}

describe.each(SEEDS)("with seed %i", (seed) => {
  it.each([
    ["in memory", () => () => new MemoryStorage(), false],
    ["in files", () => openDisk(), true],
    ["in files behind a memory tier", openTiered, true],
    ["in a bucket", openBucket, true],
  ] as const)("the cache %s answers every call as the model does", async (_, prepare, survivesRestart) => {
    const run = new ModelRun({
      seed,
      openStorage: prepare(),
      survivesRestart,
      hasFloorPerKey: prepare === openBucket,
    });
    await run.start();
    for (let step = 0; step < STEPS; step += 1) await run.step();
    await run.end();
    expect(run.steps).toBe(STEPS);
  });
});
