import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import {
  GarbageCollector,
  type GarbageCollectorOptions,
} from "../../../../src/storage/s3/garbage-collector.ts";
import { BucketReplica, HOUR_MS, KEY } from "../../../support/bucket-replica.ts";

const LARGE = Buffer.alloc(LIMITS.manifestInlineBytesMax + 1);

function collectorOf(replica: BucketReplica, options: Partial<GarbageCollectorOptions> = {}) {
  const collector = new GarbageCollector(replica.objects, { removesTombstones: true, ...options });
  return { collector, pass: () => replica.run(collector.pass()) };
}

function names({ contents }: BucketReplica, prefix: string): string[] {
  return [...contents.objects.keys()].filter((name) => name.startsWith(prefix));
}

function keyOf(index: number) {
  return { ...KEY, objectId: `${index}` };
}

describe("a collector", () => {
  it("removes a replaced blob in the second pass, an hour after the first one", async () => {
    const replica = new BucketReplica();
    await replica.run(replica.put(LARGE));
    await replica.run(replica.put(LARGE));
    await replica.later(HOUR_MS);
    const { pass } = collectorOf(replica);
    expect(await pass()).toMatchObject({ removedBlobs: 0 });
    await replica.later(HOUR_MS - 1000);
    expect(await pass()).toMatchObject({ removedBlobs: 0 });
    await replica.later(1000);
    expect(await pass()).toMatchObject({ removedBlobs: 1 });
    expect(names(replica, "d/")).toHaveLength(1);
    expect(await replica.run(replica.get())).toHaveLength(1);
  });

  it("leaves young blobs alone: their put may not be over", async () => {
    const replica = new BucketReplica();
    const staged = replica.objects.stage(KEY);
    await staged.append([LARGE]);
    await replica.run(staged.finish());
    const { collector, pass } = collectorOf(replica);
    await replica.later(HOUR_MS - 2000);
    await pass();
    expect(collector.candidateCount).toBe(0);
  });

  it("keeps the blob of an upload that took longer than the age of garbage", async () => {
    const replica = new BucketReplica();
    const staged = replica.objects.stage(KEY);
    await staged.append([LARGE]);
    const { collector, pass } = collectorOf(replica);
    await replica.later(5 * HOUR_MS);
    const body = await replica.run(staged.finish());
    await pass();
    expect(collector.candidateCount).toBe(1);
    const facts = { form: "file", kind: "opaque", rowCount: 1, dataBytes: 1 } as const;
    await replica.run(replica.objects.put(KEY, body, facts));
    await replica.later(2 * HOUR_MS);
    expect(await pass()).toMatchObject({ removedBlobs: 0 });
    expect(await replica.run(replica.get())).toHaveLength(1);
  });

  it("keeps the blobs of patches that a segment lists", async () => {
    const replica = new BucketReplica();
    await replica.run(replica.put("base"));
    for (let count = 0; count <= 2 * LIMITS.manifestPatchesMax; count += 1)
      await replica.run(replica.patch(LARGE));
    const { collector, pass } = collectorOf(replica);
    await replica.later(2 * HOUR_MS);
    await pass();
    expect(collector.candidateCount).toBe(0);
    await replica.run(replica.put("new"));
    await pass();
    expect(collector.candidateCount).toBe(2 * LIMITS.manifestPatchesMax + 3);
  });

  it("removes a tombstone after the floor was raised above it for an hour, and the key starts above", async () => {
    const replica = new BucketReplica();
    for (let count = 0; count < 5; count += 1) await replica.run(replica.put("x"));
    await replica.run(replica.delete());
    await replica.later(2 * HOUR_MS);
    const { pass } = collectorOf(replica);
    expect(await pass()).toMatchObject({ removedTombstones: 0 });
    expect(await replica.run(replica.beside().objects.floor.version())).toBe(5);
    expect(names(replica, "m/")).toHaveLength(1);
    await replica.later(HOUR_MS);
    expect(await pass()).toMatchObject({ removedTombstones: 1 });
    expect(names(replica, "m/")).toEqual([]);
    expect(await replica.run(replica.beside().put("again"))).toMatchObject({ version: 6 });
    expect(await replica.run(replica.put("and again"))).toMatchObject({ version: 7 });
  });

  it("does not remove a tombstone that a put has replaced meanwhile", async () => {
    const replica = new BucketReplica();
    await replica.run(replica.put("x"));
    await replica.run(replica.delete());
    const { pass } = collectorOf(replica);
    await replica.later(2 * HOUR_MS);
    await pass();
    await replica.later(2 * HOUR_MS);
    await replica.run(replica.beside().put("again"));
    expect(await pass()).toMatchObject({ removedTombstones: 0 });
    expect(await replica.run(replica.get())).toEqual(["again"]);
  });

  it("keeps tombstones in a store whose DELETE ignores conditions", async () => {
    const replica = new BucketReplica();
    await replica.run(replica.put("x"));
    await replica.run(replica.delete());
    const { collector, pass } = collectorOf(replica, { removesTombstones: false });
    await replica.later(9 * HOUR_MS);
    await pass();
    expect(collector.candidateCount).toBe(0);
  });

  it("turns objects whose time has passed into tombstones, and removes their blobs", async () => {
    const replica = new BucketReplica();
    await replica.run(replica.put(LARGE, { ttlMs: 1000 }));
    await replica.run(replica.put(LARGE, {}, keyOf(2)));
    const { pass } = collectorOf(replica);
    await replica.later(2 * HOUR_MS);
    expect(await pass()).toMatchObject({ expiredObjects: 1 });
    for (let count = 0; count < 4; count += 1) {
      await replica.later(HOUR_MS);
      await pass();
    }
    expect(names(replica, "m/")).toEqual(["m/app/session/2"]);
    expect(names(replica, "d/")).toHaveLength(1);
  });

  it("removes nothing of an object whose manifest it cannot read", async () => {
    const replica = new BucketReplica();
    await replica.run(replica.put(LARGE));
    const stored = replica.contents.objects.get("m/app/session/1")!;
    replica.contents.objects.set("m/app/session/1", { ...stored, body: Buffer.alloc(200) });
    const { collector, pass } = collectorOf(replica);
    await replica.later(2 * HOUR_MS);
    await pass();
    expect(collector.candidateCount).toBe(0);
  });

  it("leaves objects of others in the bucket alone", async () => {
    const replica = new BucketReplica();
    for (const name of ["d/readme", "d/a/b/c/notes", "m/x", "other/d/a"])
      replica.contents.put(name, Buffer.alloc(9));
    const { pass } = collectorOf(replica);
    for (let count = 0; count < 3; count += 1) {
      await replica.later(2 * HOUR_MS);
      await pass();
    }
    expect(names(replica, "")).toHaveLength(4);
  });

  it("reads and remembers no more than it may, and gets through everything in time", async () => {
    const replica = new BucketReplica();
    for (let index = 0; index < 60; index += 1) {
      await replica.run(replica.put(LARGE, {}, keyOf(index)));
      await replica.run(replica.delete(keyOf(index)));
    }
    const { collector, pass } = collectorOf(replica, { readsMax: 20, candidatesMax: 15 });
    let passes = 0;
    for (; passes < 100 && names(replica, "").length > 1; passes += 1) {
      await replica.later(1.1 * HOUR_MS);
      expect((await pass()).reads).toBeLessThanOrEqual(20);
      expect(collector.candidateCount).toBeLessThanOrEqual(15);
    }
    expect(names(replica, "")).toEqual(["floor"]);
  });

  it("remembers what its own replica replaced, however many other objects there are", async () => {
    const replica = new BucketReplica();
    for (let index = 2; index < 60; index += 1) await replica.run(replica.put(LARGE, {}, keyOf(index)));
    const { pass } = collectorOf(replica, { readsMax: 2 });
    for (let count = 0; count < 40; count += 1) await replica.run(replica.put(LARGE));
    for (let count = 0; count < LIMITS.manifestPatchesMax + 2; count += 1)
      await replica.run(replica.patch("+"));
    await replica.run(replica.delete());
    await replica.later(HOUR_MS);
    expect(await pass()).toMatchObject({ removedBlobs: 41 });
    expect(names(replica, "d/")).toHaveLength(58);
  });

  it("goes on after the store was down", async () => {
    const replica = new BucketReplica();
    await replica.run(replica.put(LARGE));
    await replica.run(replica.delete());
    const { collector, pass } = collectorOf(replica);
    await replica.later(2 * HOUR_MS);
    await pass();
    await replica.later(2 * HOUR_MS);
    replica.bucket.isDown = true;
    await expect(pass()).rejects.toThrow("STORAGE_UNAVAILABLE");
    expect(collector.candidateCount).toBe(2);
    replica.bucket.isDown = false;
    await pass();
    expect(names(replica, "")).toEqual(["floor"]);
  });
});
