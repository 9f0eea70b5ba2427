/**
 * What calls of a replica cost in requests, counted at a real store; and what they do when the
 * store refuses the credentials for a while.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ObjectKey } from "../../src/object/object-key.ts";
import type { S3Bucket } from "../../src/s3/s3-bucket.ts";
import { BucketObjects } from "../../src/storage/s3/bucket-objects.ts";
import { listObjects } from "../../src/storage/s3/list-objects.ts";
import type { PutTerms } from "../../src/storage/s3/object-changes.ts";
import { PrefixedBucket } from "../../src/storage/s3/prefixed-bucket.ts";
import { FaultProxy } from "../support/fault-proxy.ts";
import { missingS3Store, ownPrefix, type S3TestStore, startS3Store } from "../support/s3-store.ts";

const missing = await missingS3Store();
const FACTS: PutTerms = { form: "file", kind: "opaque", rowCount: 1, dataBytes: 5 };

function keyOf(objectId: string): ObjectKey {
  return { applicationId: "app", sessionId: "s", objectId };
}

class CountedReplica {
  readonly objects: BucketObjects;
  readonly #store: S3Bucket;

  constructor(store: S3Bucket, prefix = ownPrefix().slice(0, -1)) {
    this.#store = store;
    this.objects = new BucketObjects(new PrefixedBucket(store, prefix));
  }

  async costOf(work: () => Promise<unknown>): Promise<number> {
    const before = this.#store.counts.requests;
    await work();
    return this.#store.counts.requests - before;
  }

  async put(name: string, value = Buffer.alloc(1024, name)) {
    const staged = this.objects.stage(keyOf(name));
    await staged.append([value]);
    return await this.objects.put(keyOf(name), await staged.finish(), FACTS);
  }
}

describe.skipIf(missing !== undefined)("a replica over a real store", () => {
  let store: S3TestStore;
  let replica: CountedReplica;
  const key = keyOf("hot");
  beforeAll(async () => {
    store = await startS3Store();
    replica = new CountedReplica(store.bucket());
    await replica.put("hot");
  });
  afterAll(() => store.stop());

  it("sends one request for a put of a key whose manifest it remembers", async () => {
    expect(await replica.costOf(() => replica.put("hot"))).toBe(1);
  });

  it("sends one request for a get that asks whether the manifest is current", async () => {
    expect(await replica.costOf(() => replica.objects.get(key))).toBe(1);
  });

  it("sends no request for a get of a version that it remembers", async () => {
    const terms = { atLeastVersion: 2 };
    const cost = await replica.costOf(async () =>
      expect(await replica.objects.get(key, terms)).toMatchObject({ kind: "found" }),
    );
    expect(cost).toBe(0);
  });

  it("shares requests among gets of a hot key: at most 0.05 each", async () => {
    const gets = 64 * 20;
    const reader = async (): Promise<void> => {
      for (let round = 0; round < 20; round += 1) await replica.objects.get(key);
    };
    const cost = await replica.costOf(() => Promise.all(Array.from({ length: 64 }, reader)));
    process.stdout.write(`64 readers of one key: ${(cost / gets).toFixed(4)} requests for each get\n`);
    expect(cost / gets).toBeLessThanOrEqual(0.05);
  });

  it("lists 1,000 remembered objects with one LIST", async () => {
    const lister = new CountedReplica(store.bucket());
    const names = Array.from({ length: 1_000 }, (_, index) => `o${index}`);
    for (let start = 0; start < names.length; start += 50) {
      await Promise.all(names.slice(start, start + 50).map((name) => lister.put(name)));
    }
    const listed: string[] = [];
    const cost = await lister.costOf(async () => {
      for await (const page of listObjects(lister.objects.manifests)) {
        listed.push(...page.map(({ manifest }) => manifest.key.objectId));
      }
    });
    expect(listed.sort()).toEqual(names.sort());
    expect(cost).toBe(1);
  });

  it("fails calls while its credentials are refused, and nothing is written, and goes on after", async () => {
    const proxy = await FaultProxy.start({ target: store.endpoint });
    const bucket = store.bucket({ endpoint: proxy.endpoint });
    const refused = new CountedReplica(bucket);
    await refused.put("a", Buffer.from("first"));
    proxy.refusals.count = 1_000;
    const unavailable = { code: "STORAGE_UNAVAILABLE" };
    await expect(refused.put("a", Buffer.from("second"))).rejects.toMatchObject(unavailable);
    await expect(refused.put("b", Buffer.alloc(100_000))).rejects.toMatchObject(unavailable);
    await expect(refused.objects.get(keyOf("a"))).rejects.toMatchObject(unavailable);
    await expect(refused.objects.delete(keyOf("a"))).rejects.toMatchObject(unavailable);
    proxy.refusals.count = 0;
    const value = await refused.objects.use(keyOf("a"), {}, async (found) => {
      expect(found.kind).toBe("found");
      return found.kind === "found" ? await found.reader.readAll(found.reader.live.base) : undefined;
    });
    expect(value?.toString()).toBe("first");
    expect(await refused.put("b", Buffer.alloc(100_000))).toMatchObject({ kind: "done", version: 1 });
    bucket.close();
    await proxy.stop();
  });
});
