/**
 * Replicas over one bucket in memory, each with its own cache: they answer as one cache would, and
 * cost the requests that are promised.
 */
import fs from "node:fs";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { SharedCache } from "../../../src/cache/shared/shared-cache.ts";
import { CacheError } from "../../../src/errors.ts";
import { LruPolicy } from "../../../src/eviction/lru-policy.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { OpaqueWriter } from "../../../src/object/opaque-writer.ts";
import { LocalCopies } from "../../../src/storage/copies/local-copies.ts";
import { MemoryTier } from "../../../src/storage/tier/memory-tier.ts";
import { openReplica, type ReplicaOptions } from "../../support/bucket-storage.ts";
import { BucketContents, type MemoryBucket } from "../../support/memory-bucket.ts";
import { PassingTime } from "../../support/passing-time.ts";
import {
  keysOf,
  largeValue,
  ownDirectory,
  patch,
  patchTable,
  put,
  putTable,
  read,
  refused,
} from "./cache-fixture.ts";

const MIB = 1024 * 1024;
const KEY = "app/session/object";
const NAME = parseObjectKey(KEY);

class Replica {
  readonly bucket: MemoryBucket;
  readonly cache: SharedCache;

  constructor(contents: BucketContents, options?: ReplicaOptions) {
    const { bucket, storage } = openReplica(contents, options);
    this.bucket = bucket;
    this.cache = new SharedCache(storage);
    onTestFinished(() => this.cache.stop());
  }

  /** Requests that `work` costs. */
  async costOf(work: () => Promise<unknown>): Promise<number> {
    const before = this.bucket.requestCount;
    await work();
    return this.bucket.requestCount - before;
  }
}

let contents: BucketContents;
let first: Replica;
let second: Replica;

beforeEach(() => {
  contents = new BucketContents(new PassingTime());
  first = new Replica(contents);
  second = new Replica(contents);
});

/** A replica that copies blobs to its local disk. */
async function copyingReplica(directory: string, options?: ReplicaOptions): Promise<Replica> {
  const copies = new LocalCopies({ directory, bytesMax: 64 * MIB, policy: new LruPolicy() });
  const replica = new Replica(contents, { ...options, copies });
  await replica.cache.start();
  await copies.scanned();
  return replica;
}

const REPLICAS = [
  { where: "", prepare: async () => {} },
  {
    where: " with local disks",
    prepare: async () => {
      first = await copyingReplica(ownDirectory());
      second = await copyingReplica(ownDirectory());
    },
  },
];

describe.each(REPLICAS)("replicas over one bucket$where", ({ prepare }) => {
  beforeEach(prepare);

  it("return what another one put, patched and deleted last", async () => {
    expect(await put(first.cache, KEY, "one")).toBe(1);
    expect(await read(second.cache, KEY)).toEqual({ version: 1, base: "one", patches: [] });
    expect(await patch(second.cache, KEY, "+")).toBe(2);
    expect(await read(first.cache, KEY)).toEqual({ version: 2, base: "one", patches: ["+"] });
    expect(await put(second.cache, KEY, "two")).toBe(3);
    expect(await read(first.cache, KEY)).toEqual({ version: 3, base: "two", patches: [] });
    expect(await first.cache.delete({ scope: "object", key: NAME })).toBe(1);
    await expect(read(second.cache, KEY)).rejects.toEqual(refused("OBJECT_NOT_FOUND"));
    expect(await put(second.cache, KEY, "again")).toBe(4);
  });

  it("upload a large value once when another one was faster", async () => {
    await put(first.cache, KEY, "one");
    await put(second.cache, KEY, "two");
    const large = largeValue();
    const before = { ...first.bucket.requests };
    expect(await put(first.cache, KEY, large)).toBe(3);
    expect((first.bucket.requests.upload ?? 0) - (before.upload ?? 0)).toBe(1);
    expect(await read(second.cache, KEY)).toMatchObject({ version: 3, base: large.toString() });
  });

  it("give each of many puts at once a version of its own, and none a conflict", async () => {
    const puts = Array.from({ length: 10 }, (_, index) =>
      put([first, second][index % 2]!.cache, KEY, `value ${index}`),
    );
    const versions = await Promise.all(puts);
    expect(versions.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it("patch tables of which another one has the base, and refuse those that do not fit", async () => {
    await putTable(first.cache, KEY, "lz4");
    expect(await patchTable(second.cache, KEY, "zstd")).toBe(2);
    const unfit = new CacheError("INVALID_REQUEST", "the schemas differ");
    const fits = (): void => {
      throw unfit;
    };
    await expect(patchTable(first.cache, KEY, "lz4", fits)).rejects.toBe(unfit);
    const entry = await first.cache.stat(NAME);
    expect(entry).toMatchObject({ version: 2, patchCount: 1, rowCount: 2 * (await rowsOf("lz4")) });
  });

  it("list what all of them put, in any order and in that of the keys", async () => {
    for (const [index, { cache }] of [first, second, first].entries()) await put(cache, `a/s/${index}`, "x");
    await put(second.cache, "b/s/1", "x");
    expect(await keysOf(first.cache)).toEqual(["a/s/0", "a/s/1", "a/s/2", "b/s/1"]);
    const range = {
      pattern: { scope: "application", applicationId: "a" },
      prefix: ["a", ""],
      after: parseObjectKey("a/s/0"),
    } as const;
    const sorted: string[] = [];
    for await (const page of second.cache.listSorted(range)) {
      sorted.push(...page.map((entry) => entry.evictionKey));
    }
    expect(sorted).toEqual(["a/s/1", "a/s/2"]);
  });

  it("delete a session that all of them filled", async () => {
    for (const [index, { cache }] of [first, second].entries()) await put(cache, `a/s/${index}`, "x");
    await put(first.cache, "a/t/1", "x");
    const session = { scope: "session", applicationId: "a", sessionId: "s" } as const;
    expect(await second.cache.delete(session)).toBe(2);
    expect(await keysOf(first.cache)).toEqual(["a/t/1"]);
  });

  it("agree on the end of a time to live, by the store's clock", async () => {
    await put(first.cache, KEY, "x");
    const lifetime = await second.cache.retaining.expire({ scope: "object", key: NAME }, 60_000);
    expect(first.cache.retaining.lifetimeOf(await first.cache.stat(NAME))).toEqual(lifetime);
    expect((await first.cache.observing.why(NAME)).present?.expiresAtMs).toBe(lifetime?.untilMs);
    contents.time.nowMs += 50_000;
    const renewed = await first.cache.retaining.renew(NAME);
    expect(renewed!.untilMs - lifetime!.untilMs).toBeGreaterThan(40_000);
    contents.time.nowMs += 120_000;
    await expect(read(second.cache, KEY)).rejects.toEqual(refused("OBJECT_NOT_FOUND"));
    expect(await keysOf(first.cache)).toEqual([]);
  });

  it("accept no time to live of a session, and say what to do instead", async () => {
    const session = { scope: "session", applicationId: "a", sessionId: "s" } as const;
    const refusal = first.cache.retaining.expire(session, 1000);
    await expect(refusal).rejects.toThrow("[NOT_IMPLEMENTED] with storage s3, sessions and applications");
  });

  it("know their own pins, of objects that exist, until they are unpinned", async () => {
    const object = { scope: "object", key: NAME } as const;
    await expect(first.cache.retaining.pin(object)).rejects.toEqual(refused("OBJECT_NOT_FOUND"));
    await put(first.cache, KEY, "x");
    expect(await first.cache.retaining.pin(object)).toEqual({ name: KEY, untilMs: Infinity });
    expect((await first.cache.observing.why(NAME)).present?.pins).toEqual([KEY]);
    expect((await second.cache.observing.why(NAME)).present?.pins).toEqual([]);
    expect([await first.cache.retaining.unpin(object), await first.cache.retaining.unpin(object)]).toEqual([
      true,
      false,
    ]);
  });

  it("check a precondition against the object as it is when the write takes effect", async () => {
    await put(first.cache, KEY, "one");
    await put(second.cache, KEY, "two");
    const seen: (number | undefined)[] = [];
    const draft = first.cache.draftPut(NAME, "opaque");
    const writer = new OpaqueWriter(draft.sink);
    await writer.append([Buffer.from("three")]);
    const precondition = (present?: { version: number }): void => void seen.push(present?.version);
    expect(await draft.commit(writer, { precondition })).toBe(3);
    expect(seen.at(-1)).toBe(2);
  });

  it("refuse an id that a ticket would read as a version", async () => {
    await expect(put(first.cache, "a/s/1:2", "x")).rejects.toThrow("[INVALID_KEY] with storage s3");
    expect(await put(first.cache, "a/s/1:x", "x")).toBe(1);
  });

  it("answer UNAVAILABLE while the store is down, and correctly when it is back", async () => {
    await put(first.cache, KEY, "x");
    first.bucket.isDown = true;
    await expect(read(first.cache, KEY)).rejects.toEqual(refused("STORAGE_UNAVAILABLE"));
    first.bucket.isDown = false;
    expect(await read(first.cache, KEY)).toMatchObject({ base: "x" });
  });
});

describe("requests to the store", () => {
  it("are one for a validated get, for a put and a patch of a known key, and for a delete", async () => {
    await put(first.cache, KEY, "x");
    expect(await first.costOf(() => read(first.cache, KEY))).toBe(1);
    expect(await first.costOf(() => put(first.cache, KEY, "y"))).toBe(1);
    expect(await second.costOf(() => read(second.cache, KEY))).toBe(1);
    expect(await first.costOf(() => patch(first.cache, KEY, "+"))).toBe(1);
    expect(await first.costOf(() => first.cache.delete({ scope: "object", key: NAME }))).toBe(1);
  });

  it("are two for 64 gets of one key at once", async () => {
    await put(first.cache, KEY, "x");
    const gets = (): Promise<unknown> =>
      Promise.all(Array.from({ length: 64 }, () => read(first.cache, KEY)));
    expect(await first.costOf(gets)).toBe(2);
  });

  it("are none for a get within the allowed staleness", async () => {
    const lazy = new Replica(contents, { maxStalenessMs: 1e9 });
    await put(first.cache, KEY, "x");
    expect(await lazy.costOf(() => read(lazy.cache, KEY))).toBe(1);
    expect(await lazy.costOf(() => read(lazy.cache, KEY))).toBe(0);
  });

  it("are the pages of one LIST for objects that are remembered", async () => {
    for (let index = 0; index < 150; index += 1) await put(first.cache, `a/s/${index}`, "x");
    expect(await first.costOf(() => keysOf(first.cache))).toBe(2);
    expect(first.bucket.requests.list).toBe(2);
  });
});

async function rowsOf(table: string): Promise<number> {
  const alone = new Replica(new BucketContents(new PassingTime()));
  await putTable(alone.cache, KEY, table);
  return (await alone.cache.stat(NAME)).rowCount;
}

describe("a memory tier over a bucket", () => {
  it("reads the blob of a version once, and that of the next version again", async () => {
    const tier = new MemoryTier({ policy: new LruPolicy(), bytesMax: 16 * 1024 * 1024 });
    const tiered = new Replica(contents, { tier });
    const values = [largeValue(), largeValue()];
    await put(first.cache, KEY, values[0]!);
    await read(tiered.cache, KEY);
    const before = tiered.bucket.requests.readRange;
    expect(await tiered.costOf(() => read(tiered.cache, KEY))).toBe(1);
    expect(tiered.bucket.requests.readRange).toBe(before);
    await put(first.cache, KEY, values[1]!);
    expect(await read(tiered.cache, KEY)).toMatchObject({ version: 2, base: values[1]!.toString() });
    expect(tiered.bucket.requests.readRange).toBeGreaterThan(before!);
  });
});

describe("the local disk of a replica", () => {
  const LARGE = Buffer.alloc(16 * MIB, "sixteen bytes...").toString();

  it.each([
    ["with memory", () => new MemoryTier({ policy: new LruPolicy(), bytesMax: 3 * MIB })],
    ["without memory", () => undefined],
  ])(
    "%s answers a second get with one request and no bytes of the store, also after a restart",
    async (_, openTier) => {
      await put(first.cache, KEY, LARGE);
      const directory = ownDirectory();
      const copying = await copyingReplica(directory, { tier: openTier() });
      expect((await read(copying.cache, KEY)).base === LARGE).toBe(true);
      const before = copying.bucket.requests.readRange;
      expect(await copying.costOf(() => read(copying.cache, KEY))).toBe(1);
      expect(copying.bucket.requests.readRange).toBe(before);
      await copying.cache.stop();
      const later = await copyingReplica(directory, { tier: openTier() });
      expect((await read(later.cache, KEY)).base === LARGE).toBe(true);
      expect(later.bucket.requests).toEqual({ read: 1 });
    },
  );

  it("has nothing of the version before, whoever replaced it", async () => {
    const copying = await copyingReplica(ownDirectory());
    const values = [largeValue(), largeValue()];
    await put(first.cache, KEY, values[0]!);
    await read(copying.cache, KEY);
    await put(second.cache, KEY, values[1]!);
    expect(await read(copying.cache, KEY)).toMatchObject({ version: 2, base: values[1]!.toString() });
  });

  it("keeps large patches as well", async () => {
    const copying = await copyingReplica(ownDirectory());
    await put(first.cache, KEY, "base");
    const large = largeValue();
    await patch(first.cache, KEY, large);
    await read(copying.cache, KEY);
    const before = copying.bucket.requests.readRange;
    expect(await read(copying.cache, KEY)).toMatchObject({ patches: [large.toString()] });
    expect(copying.bucket.requests.readRange).toBe(before);
  });

  it("costs no get when it is lost", async () => {
    const directory = ownDirectory();
    const copying = await copyingReplica(directory);
    const large = largeValue();
    await put(first.cache, KEY, large);
    await read(copying.cache, KEY);
    fs.rmSync(directory, { recursive: true });
    for (let round = 0; round < 2; round += 1) {
      expect(await read(copying.cache, KEY)).toMatchObject({ base: large.toString() });
    }
  });
});
