import { expect, it } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import { BucketObjects } from "../../../../src/storage/s3/bucket-objects.ts";
import { GarbageCollector } from "../../../../src/storage/s3/garbage-collector.ts";
import { listObjects } from "../../../../src/storage/s3/list-objects.ts";
import { PrefixedBucket } from "../../../../src/storage/s3/prefixed-bucket.ts";
import { BucketReplica, FACTS, HOUR_MS, KEY } from "../../../support/bucket-replica.ts";
import { Random } from "../../../support/random.ts";

it("two caches under two prefixes of one bucket have nothing in common", async () => {
  const plain = new BucketReplica();
  const timing = plain.contents.time.timing(new Random(1));
  const caches = ["a", "a/b"].map(
    (prefix) => new BucketObjects(new PrefixedBucket(plain.bucket, prefix), { timing }),
  );
  for (const [index, cache] of caches.entries()) {
    for (let count = 0; count <= index; count += 1) {
      const staged = cache.stage(KEY);
      await staged.append([Buffer.alloc(LIMITS.manifestInlineBytesMax + 1)]);
      await plain.run(cache.put(KEY, await plain.run(staged.finish()), FACTS));
    }
  }
  await plain.run(caches[1]!.floor.raise(7));
  const collector = new GarbageCollector(caches[1]!, { removesTombstones: true });
  for (let pass = 0; pass < 2; pass += 1) {
    await plain.later(2 * HOUR_MS);
    await plain.run(collector.pass());
  }
  const names = [...plain.contents.objects.keys()]
    .map((name) => name.replace(/[0-9a-f]{32}$/, "ID"))
    .toSorted();
  expect(names).toEqual([
    "a/b/d/app/session/1/ID",
    "a/b/floor",
    "a/b/m/app/session/1",
    "a/d/app/session/1/ID",
    "a/m/app/session/1",
  ]);
  const list = listObjects(caches[0]!.manifests, { applicationId: "app" });
  expect(await plain.run(list.next())).toMatchObject({ value: [{ manifest: { version: 1 } }] });
});

it("a prefix that leaves too little space for names is refused", () => {
  const { bucket } = new BucketReplica();
  expect(new PrefixedBucket(bucket, "p".repeat(LIMITS.bucketPrefixBytesMax))).toBeDefined();
  expect(() => new PrefixedBucket(bucket, "p".repeat(LIMITS.bucketPrefixBytesMax + 1))).toThrow(
    "INVALID_CONFIG",
  );
});
