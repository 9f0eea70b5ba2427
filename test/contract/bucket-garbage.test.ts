/**
 * Collectors of garbage beside replicas that put, patch, delete and read slowly: nothing that
 * anybody needs is removed, and in the end nothing else is left.
 */
import { describe, expect, it } from "vitest";
import { isCacheError } from "../../src/errors.ts";
import { BucketObjects } from "../../src/storage/s3/bucket-objects.ts";
import { decodeManifest } from "../../src/storage/s3/encode-manifest.ts";
import { GarbageCollector, type PassCounts } from "../../src/storage/s3/garbage-collector.ts";
import { parseBlobName } from "../../src/storage/s3/names.ts";
import { referencesOf } from "../../src/storage/s3/read-references.ts";
import { campaign } from "../support/campaign.ts";
import { type BucketContents, MemoryBucket } from "../support/memory-bucket.ts";
import { Random } from "../support/random.ts";
import { checkHistory } from "./bucket-model/history.ts";
import { type Replica, ReplicasRun } from "./bucket-model/replicas-run.ts";

const SEEDS = campaign({ slice: [1, 2], whole: Array.from({ length: 30 }, (_, seed) => seed) });
const CALLS = campaign({ slice: 3_000, whole: 20_000 });
const MINUTE_MS = 60_000;

/** Two collectors in each replica, which know nothing of each other. */
function collectBeside(removed: PassCounts, seed: number) {
  const random = new Random(seed);
  const collect = async ({ objects, bucket }: Replica, isOver: () => boolean): Promise<void> => {
    const collector = new GarbageCollector(objects, { removesTombstones: true });
    while (!isOver()) {
      await bucket.contents.time.pause((20 + random.below(30)) * MINUTE_MS);
      const counts = await collector.pass().catch((error: unknown) => {
        expect(isCacheError(error, "STORAGE_UNAVAILABLE")).toBe(true);
        return undefined;
      });
      removed.removedBlobs += counts?.removedBlobs ?? 0;
      removed.removedTombstones += counts?.removedTombstones ?? 0;
    }
  };
  return async (replica: Replica, isOver: () => boolean): Promise<void> => {
    await Promise.all([collect(replica, isOver), collect(replica, isOver)]);
  };
}

/** A collector that trusts one look. */
async function removeUnreferenced(bucket: MemoryBucket): Promise<void> {
  for await (const page of bucket.list("d/")) {
    for (const { key } of page) {
      const { manifestName, id } = parseBlobName(key)!;
      const references = await referencesOf(bucket, manifestName);
      await bucket.removeMany(references?.has(id) ? [] : [key]);
    }
  }
}

async function collectAll(contents: BucketContents): Promise<void> {
  const objects = new BucketObjects(new MemoryBucket({ contents }), {
    timing: contents.time.timing(new Random(1)),
  });
  const collector = new GarbageCollector(objects, { removesTombstones: true });
  for (let pass = 0; pass < 3; pass += 1) {
    await contents.time.run(contents.time.pause(61 * MINUTE_MS));
    await contents.time.run(collector.pass());
  }
  expect(collector.candidateCount).toBe(0);
}

/** Blobs to which nothing refers, and references to blobs that are not there. */
async function mismatches(contents: BucketContents): Promise<string[]> {
  const bucket = new MemoryBucket({ contents });
  const wrong: string[] = [];
  const referred = new Set<string>();
  for (const [name, { body }] of contents.objects) {
    if (!name.startsWith("m/")) continue;
    if (decodeManifest(body).live === undefined) wrong.push(`tombstone ${name}`);
    const references = await contents.time.run(referencesOf(bucket, name));
    for (const id of references ?? []) referred.add(`d${name.slice(1)}/${id}`);
  }
  for (const name of contents.objects.keys()) {
    if (parseBlobName(name) !== undefined && !referred.delete(name)) wrong.push(`garbage ${name}`);
  }
  return [...wrong, ...[...referred].map((name) => `missing ${name}`)];
}

describe("collectors of garbage", () => {
  it.each(SEEDS)(
    "race puts, readers and each other without harm, and leave nothing, seed %i",
    async (seed) => {
      const removed: PassCounts = { reads: 0, removedBlobs: 0, removedTombstones: 0, expiredObjects: 0 };
      const beside = collectBeside(removed, seed);
      const run = new ReplicasRun({
        seed,
        calls: CALLS,
        share: 0.02,
        kills: 0.003,
        keys: 60,
        restMs: 90 * MINUTE_MS,
        beside,
      });
      await run.run();
      expect(checkHistory(run.calls).violations).toEqual([]);
      expect(removed.removedBlobs).toBeGreaterThan(50);
      expect(removed.removedTombstones).toBeGreaterThan(5);
      await collectAll(run.contents);
      expect(await mismatches(run.contents)).toEqual([]);
    },
  );

  it("would lose objects if one of them did not wait between finding and removing", async () => {
    const beside = async ({ bucket }: Replica, isOver: () => boolean): Promise<void> => {
      while (!isOver()) {
        await bucket.contents.time.pause(100);
        await removeUnreferenced(bucket);
      }
    };
    const run = new ReplicasRun({ seed: 1, calls: 2_000, share: 0, beside });
    await expect(run.run()).rejects.toThrow("missing in the bucket");
  });
});
