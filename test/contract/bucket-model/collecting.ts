/**
 * Collectors of garbage in runs of several replicas, and what they should leave.
 */
import { expect } from "vitest";
import { isCacheError } from "../../../src/errors.ts";
import { BucketObjects } from "../../../src/storage/s3/bucket-objects.ts";
import { decodeManifest } from "../../../src/storage/s3/encode-manifest.ts";
import { GarbageCollector, type PassCounts } from "../../../src/storage/s3/garbage-collector.ts";
import { parseBlobName } from "../../../src/storage/s3/names.ts";
import { referencesOf } from "../../../src/storage/s3/read-references.ts";
import { type BucketContents, MemoryBucket } from "../../support/memory-bucket.ts";
import { Random } from "../../support/random.ts";
import type { Replica } from "./replicas-run.ts";

const MINUTE_MS = 60_000;

/** Two collectors in each replica, which know nothing of each other. */
export function collectBeside(removed: PassCounts, seed: number) {
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

export async function collectAll(contents: BucketContents): Promise<void> {
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
export async function mismatches(contents: BucketContents): Promise<string[]> {
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
