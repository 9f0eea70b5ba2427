import { describe, expect, it } from "vitest";
import { listObjects } from "../../../../src/storage/s3/list-objects.ts";
import type { NameScope } from "../../../../src/storage/s3/names.ts";
import { BucketReplica, KEY } from "../../../support/bucket-replica.ts";

async function listed(replica: BucketReplica, scope?: NameScope): Promise<string[]> {
  const found: string[] = [];
  for await (const objects of listObjects(replica.objects.manifests, scope)) {
    for (const { manifest, live } of objects)
      found.push(`${manifest.key.objectId} ${manifest.version} ${live.rowCount}`);
  }
  return found.toSorted();
}

describe("a list", () => {
  it("shows each object as it is, and no deleted or expired one", async () => {
    const replica = new BucketReplica();
    const long = "é".repeat(100);
    for (const objectId of ["1", "2", "3", "4", long])
      await replica.run(replica.put("x", {}, { ...KEY, objectId }));
    await replica.run(replica.patch("+"));
    await replica.run(replica.delete({ ...KEY, objectId: "2" }));
    await replica.run(replica.put("x", { ttlMs: 1000 }, { ...KEY, objectId: "3" }));
    replica.contents.put("m/app/session/4", Buffer.from("damaged"));
    replica.contents.put("m/foreign", Buffer.from("foreign"));
    await replica.later(5000);
    const expected = ["1 2 1", `${long} 1 1`];
    expect(await replica.run(listed(replica))).toEqual(expected);
    expect(await replica.run(listed(replica.beside(), { applicationId: "app" }))).toEqual(expected);
    expect(await replica.run(listed(replica, { applicationId: "app", sessionId: "other" }))).toEqual([]);
  });

  it("of known objects reads no manifest, and of changed ones theirs", async () => {
    const replica = new BucketReplica();
    const keys = Array.from({ length: 100 }, (_, index) => ({ ...KEY, objectId: `${index}` }));
    for (const key of keys) await replica.run(replica.put("x", {}, key));
    expect(await replica.costOf(() => listed(replica))).toBe(1);
    const other = replica.beside();
    expect(await replica.run(listed(other))).toHaveLength(100);
    expect(other.bucket.requests).toEqual({ list: 1, read: 100 });
    for (const key of keys.slice(0, 7)) await replica.run(replica.patch("+", {}, key));
    expect(await replica.run(listed(other))).toContain("6 2 1");
    expect(other.bucket.requests).toEqual({ list: 2, read: 107 });
  });

  it("of more objects than are remembered reads the others, and makes the replica forget none", async () => {
    const replica = new BucketReplica({ cacheBytesMax: 60_000 });
    const keys = Array.from({ length: 100 }, (_, index) => ({ ...KEY, objectId: `${index}` }));
    for (const key of keys) await replica.run(replica.put("x", {}, key));
    const held = keys.filter((key) => replica.objects.manifests.held(key) !== undefined);
    expect(held.length).toBeGreaterThan(20);
    for (let lists = 0; lists < 3; lists += 1) {
      expect(await replica.costOf(() => listed(replica))).toBe(1 + 100 - held.length);
    }
    expect(held.filter((key) => replica.objects.manifests.held(key) !== undefined)).toEqual(held);
    expect(replica.objects.manifests.cacheSizeBytes).toBeLessThanOrEqual(60_000);
  });

  it("remembers what fits", async () => {
    const replica = new BucketReplica();
    const keys = Array.from({ length: 100 }, (_, index) => ({ ...KEY, objectId: `${index}` }));
    for (const key of keys) await replica.run(replica.put("x", {}, key));
    const other = replica.beside({ cacheBytesMax: 60_000 });
    const cost = await other.costOf(() => listed(other));
    expect(cost).toBe(101);
    expect(await other.costOf(() => listed(other))).toBeLessThan(80);
  });
});
