import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import { SharedLoads } from "../../../../src/storage/s3/shared-loads.ts";
import { BucketReplica, HOUR_MS, KEY } from "../../../support/bucket-replica.ts";

async function withObject(): Promise<BucketReplica> {
  const replica = new BucketReplica();
  await replica.run(replica.put("first"));
  return replica;
}

describe("requests", () => {
  it("are 1 for a get that finds the remembered manifest current", async () => {
    const replica = await withObject();
    expect(await replica.costOf(() => replica.get())).toBe(1);
    expect(replica.bucket.requests.readRange).toBeUndefined();
  });

  it("are 2 for 64 gets of one key at once", async () => {
    const replica = await withObject();
    const gets = (): Promise<unknown> => Promise.all(Array.from({ length: 64 }, () => replica.get()));
    expect(await replica.costOf(gets)).toBe(2);
  });

  it("are none for a get of a version that is held, or a later one", async () => {
    const replica = await withObject();
    await replica.run(replica.put("second"));
    expect(await replica.costOf(() => replica.get({ atLeastVersion: 1 }))).toBe(0);
    expect(await replica.costOf(() => replica.get({ atLeastVersion: 2 }))).toBe(0);
    expect(await replica.costOf(() => replica.get({ atLeastVersion: 3 }))).toBe(1);
  });

  it("are 1 for a small put of a key whose manifest is remembered, and for a patch and a delete", async () => {
    const replica = await withObject();
    expect(await replica.costOf(() => replica.put("second"))).toBe(1);
    expect(await replica.costOf(() => replica.patch("third"))).toBe(1);
    expect(await replica.costOf(() => replica.delete())).toBe(1);
    expect(await replica.costOf(() => replica.put("fourth"))).toBe(1);
  });

  it("are 1 for a put of a new key within a minute after the floor was read", async () => {
    const replica = await withObject();
    const put = () => replica.put("x", {}, { ...KEY, objectId: "new" });
    expect(await replica.costOf(put)).toBe(1);
    await replica.later(LIMITS.versionFloorTrustMs);
    expect(await replica.costOf(() => replica.put("x", {}, { ...KEY, objectId: "newer" }))).toBe(2);
  });

  it("are 2 for a put of a large object whose manifest is remembered, and for its get", async () => {
    const replica = await withObject();
    const large = Buffer.alloc(LIMITS.manifestInlineBytesMax + 1);
    expect(await replica.costOf(() => replica.put(large))).toBe(2);
    expect(await replica.costOf(() => replica.get())).toBe(2);
  });
});

describe("a get", () => {
  it("sees what another replica wrote before it began", async () => {
    const replica = await withObject();
    const other = replica.beside();
    expect(await replica.run(other.get())).toEqual(["first"]);
    await replica.run(replica.put("second"));
    expect(await replica.run(other.get())).toEqual(["second"]);
  });

  it("does not share a validation that began before it", async () => {
    const replica = await withObject();
    const other = replica.beside();
    const early = other.get();
    await replica.run(replica.contents.time.pause(4));
    const [, values] = await replica.run(Promise.all([early, replica.put("second").then(() => other.get())]));
    expect(values).toEqual(["second"]);
  });

  it("asks nothing within max_staleness, by a clock that nobody sets", async () => {
    const replica = await withObject();
    const other = replica.beside();
    await replica.run(other.get());
    await replica.run(replica.put("second"));
    await replica.later(5_000);
    expect(await replica.run(other.get({ maxStalenessMs: 10_000 }))).toEqual(["first"]);
    await replica.later(5_000);
    expect(await replica.run(other.get({ maxStalenessMs: 10_000 }))).toEqual(["second"]);
  });

  it("goes on within max_staleness while the store is down, and fails without it", async () => {
    const replica = await withObject();
    replica.bucket.isDown = true;
    expect(await replica.run(replica.get({ maxStalenessMs: HOUR_MS }))).toEqual(["first"]);
    expect(await replica.run(replica.get({ atLeastVersion: 1 }))).toEqual(["first"]);
    await expect(replica.run(replica.get())).rejects.toThrow("STORAGE_UNAVAILABLE");
    replica.bucket.isDown = false;
    expect(await replica.run(replica.get())).toEqual(["first"]);
  });

  it("asks whether a held version whose time has passed was renewed", async () => {
    const replica = await withObject();
    const other = replica.beside();
    await replica.run(replica.put("short", { ttlMs: HOUR_MS }));
    await replica.run(other.get());
    await replica.run(replica.objects.renew(KEY, 3 * HOUR_MS));
    expect(await other.costOf(() => other.get({ atLeastVersion: 2 }))).toBe(0);
    await replica.later(2 * HOUR_MS);
    expect(await replica.run(other.get({ atLeastVersion: 2 }))).toEqual(["short"]);
  });

  it("answers that a held version is still the object's", async () => {
    const replica = await withObject();
    const same = await replica.run(replica.objects.get(KEY, { ifVersionNot: 1 }));
    expect(same).toMatchObject({ kind: "same", version: 1 });
    await replica.run(replica.put("second"));
    expect(await replica.run(replica.objects.get(KEY, { ifVersionNot: 1 }))).toMatchObject({ kind: "found" });
  });

  it("refuses the manifest of another key", async () => {
    const replica = await withObject();
    const { objects } = replica.contents;
    objects.set("m/app/session/2", objects.get("m/app/session/1")!);
    await expect(replica.run(replica.get({}, { ...KEY, objectId: "2" }))).rejects.toThrow("OBJECT_CORRUPT");
  });
});

describe("remembered manifests", () => {
  it("take no more memory than they may, least recently used first", async () => {
    const replica = new BucketReplica({ cacheBytesMax: 30_000 });
    const keys = Array.from({ length: 50 }, (_, index) => ({ ...KEY, objectId: `${index}` }));
    for (const key of keys) {
      await replica.run(replica.put("x".repeat(1000), {}, key));
      await replica.run(replica.get({}, keys[0]));
      expect(replica.objects.manifests.cacheSizeBytes).toBeLessThanOrEqual(30_000);
    }
    const held = keys.filter((key) => replica.objects.manifests.held(key) !== undefined);
    expect(held.length).toBeGreaterThan(5);
    expect(held.map((key) => key.objectId)).toEqual([
      "0",
      ...keys.slice(1 - held.length).map((key) => key.objectId),
    ]);
  });

  it("are not replaced by the answer of a request that began before they were written", async () => {
    const replica = await withObject();
    const other = replica.beside();
    await replica.run(other.get());
    const slow = other.objects.manifests.load(KEY);
    await replica.run(other.put("second"));
    await replica.run(slow);
    expect(other.objects.manifests.held(KEY)?.manifest?.version).toBe(2);
  });
});

describe("shared loads", () => {
  it("begin the next load after one that fails", async () => {
    const ends: { resolve: (value: string) => void; reject: (error: Error) => void }[] = [];
    const loads = new SharedLoads<string>(
      () => new Promise((resolve, reject) => ends.push({ resolve, reject })),
    );
    const first = loads.run("a");
    const [second, third] = [loads.run("a"), loads.run("a")];
    expect(ends).toHaveLength(1);
    ends[0]!.reject(new Error("lost"));
    await expect(first).rejects.toThrow("lost");
    await Promise.resolve();
    expect(ends).toHaveLength(2);
    ends[1]!.resolve("found");
    expect(await Promise.all([second, third])).toEqual(["found", "found"]);
  });
});
