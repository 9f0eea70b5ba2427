/**
 * Copies of a storage directory to a bucket in memory, and back.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { ObjectCache } from "../../../../src/cache/object-cache.ts";
import { SharedCache } from "../../../../src/cache/shared/shared-cache.ts";
import { LIMITS } from "../../../../src/limits.ts";
import { parseObjectKey } from "../../../../src/object/object-key.ts";
import { OpaqueWriter } from "../../../../src/object/opaque-writer.ts";
import { openReplica } from "../../../support/bucket-storage.ts";
import { BucketContents, MemoryBucket } from "../../../support/memory-bucket.ts";
import { PassingTime } from "../../../support/passing-time.ts";
import {
  copied,
  fromBucket,
  fromDirectory,
  objectFiles,
  toBucket,
  toDirectory,
} from "../../../support/store-copies.ts";
import {
  diskCache,
  keysOf,
  largeValue,
  ownDirectory,
  patch,
  patchTable,
  put,
  putTable,
  read,
  refused,
} from "../cache-fixture.ts";

const HOUR_MS = 3_600_000;

let directory: string;
let contents: BucketContents;
beforeEach(() => {
  directory = ownDirectory();
  contents = new BucketContents(new PassingTime());
});

/** A cache over the bucket, as one more server. */
function shared(): SharedCache {
  return new SharedCache(openReplica(contents).storage);
}

/** Fills the directory and ends its cache. */
async function filled(fill: (cache: ObjectCache) => Promise<unknown>): Promise<void> {
  const cache = await diskCache(directory);
  await fill(cache);
  await cache.stop();
}

async function putFor(cache: ObjectCache, key: string, ttlMs: number, putBy?: string): Promise<void> {
  const draft = cache.draftPut(parseObjectKey(key), "opaque", { ttlMs, putBy });
  const writer = new OpaqueWriter(draft.sink);
  await writer.append([Buffer.from("for a while")]);
  await draft.commit(writer);
}

async function someObjects(cache: ObjectCache): Promise<void> {
  await put(cache, "app/values/small", "one");
  await put(cache, "app/values/small", "two");
  await put(cache, "app/values/large", largeValue());
  await put(cache, "app/values/ünïcode é", "named");
  await put(cache, "app/values/patched", "base");
  for (let number = 0; number < 70; number += 1) await patch(cache, "app/values/patched", `+${number}`);
  await put(cache, "app/values/large-patches", largeValue());
  await patch(cache, "app/values/large-patches", largeValue());
  await putTable(cache, "app/tables/plain", "nested");
  await patchTable(cache, "app/tables/plain", "nested");
  await putTable(cache, "app/tables/stream", "replaced");
  await putFor(cache, "app/ttl/put", HOUR_MS, "somebody");
  await put(cache, "app/ttl/later", "x");
  await cache.retaining.expire({ scope: "object", key: parseObjectKey("app/ttl/later") }, 2 * HOUR_MS);
}

describe("a directory that was copied to a bucket", () => {
  it("holds the same objects with the same versions", async () => {
    await filled(someObjects);
    const { summary, problems } = await copied(fromDirectory(directory), toBucket(contents));
    expect(problems).toEqual([]);
    expect(summary).toMatchObject({ copied: 9, same: 0, newer: 0, damaged: 0, refused: 0 });
    const disk = await diskCache(directory);
    const bucket = shared();
    expect(await keysOf(bucket)).toEqual(await keysOf(disk));
    for (const key of ["small", "large", "patched", "large-patches", "ünïcode é"]) {
      expect(await read(bucket, `app/values/${key}`)).toEqual(await read(disk, `app/values/${key}`));
    }
    for (const key of await keysOf(disk)) {
      const [there, here] = await Promise.all([bucket, disk].map((each) => each.stat(parseObjectKey(key))));
      const facts = ["version", "baseVersion", "kind", "form", "rowCount", "dataBytes", "putBy"] as const;
      for (const fact of facts) expect([key, fact, there![fact]]).toEqual([key, fact, here![fact]]);
      expect(bucket.retaining.lifetimeOf(there!)).toEqual(disk.retaining.lifetimeOf(here!));
    }
  });

  it("comes back as the same files, with the ends of the objects", async () => {
    await filled(someObjects);
    await copied(fromDirectory(directory), toBucket(contents));
    const back = ownDirectory();
    await copied(fromBucket(contents), toDirectory(back));
    expect(Object.keys(objectFiles(back))).toHaveLength(81);
    expect(objectFiles(back)).toEqual(objectFiles(directory));
    const [before, after] = [await diskCache(directory), await diskCache(back)];
    for (const key of ["app/ttl/put", "app/ttl/later", "app/values/small"]) {
      const [one, other] = [await before.stat(parseObjectKey(key)), await after.stat(parseObjectKey(key))];
      expect(after.retaining.lifetimeOf(other)).toEqual(before.retaining.lifetimeOf(one));
    }
  });

  it("gives no key a version again that it had before it was deleted", async () => {
    await filled(async (cache) => {
      for (const value of ["one", "two", "three"]) await put(cache, "app/s/gone", value);
      await cache.delete({ scope: "object", key: parseObjectKey("app/s/gone") });
    });
    await copied(fromDirectory(directory), toBucket(contents));
    const bucket = shared();
    expect(await put(bucket, "app/s/gone", "again")).toBeGreaterThan(3);
    await bucket.delete({ scope: "session", applicationId: "app", sessionId: "s" });
    const back = ownDirectory();
    await copied(fromBucket(contents), toDirectory(back));
    expect(await put(await diskCache(back), "app/s/gone", "and again")).toBeGreaterThan(4);
  });

  it("has no room for pins and for times to live of sessions, and each object keeps its end", async () => {
    await filled(async (cache) => {
      await cache.retaining.expire({ scope: "session", applicationId: "app", sessionId: "s" }, HOUR_MS);
      await put(cache, "app/s/1", "x");
      await cache.retaining.pin({ scope: "session", applicationId: "app", sessionId: "s" });
    });
    const { summary } = await copied(fromDirectory(directory), toBucket(contents));
    expect(summary).toMatchObject({ copied: 1, pinsLeft: 1, rulesLeft: 1 });
    const bucket = shared();
    const entry = await bucket.stat(parseObjectKey("app/s/1"));
    expect(bucket.retaining.lifetimeOf(entry)).toMatchObject({ ttlMs: HOUR_MS });
  });
});

describe("a directory that was copied to a directory", () => {
  it("has its pins and its times to live of sessions", async () => {
    await filled(async (cache) => {
      await cache.retaining.expire({ scope: "session", applicationId: "app", sessionId: "s" }, HOUR_MS);
      await put(cache, "app/s/1", "x");
      await cache.retaining.pin({ scope: "object", key: parseObjectKey("app/s/1") });
    });
    const other = ownDirectory();
    const { summary } = await copied(fromDirectory(directory), toDirectory(other));
    expect(summary).toMatchObject({ copied: 1, pinsLeft: 0, rulesLeft: 0 });
    const cache = await diskCache(other);
    expect(cache.retaining.isPinned(await cache.stat(parseObjectKey("app/s/1")))).toBe(true);
    await put(cache, "app/s/2", "y");
    const entry = await cache.stat(parseObjectKey("app/s/2"));
    expect(cache.retaining.lifetimeOf(entry)).toMatchObject({ ttlMs: HOUR_MS });
  });
});

describe("a copy", () => {
  const numbered = async (cache: ObjectCache): Promise<void> => {
    for (let number = 0; number < 30; number += 1) await put(cache, `app/s/${number}`, `value ${number}`);
  };

  it("copies nothing that the target has with the same version", async () => {
    await filled(someObjects);
    await copied(fromDirectory(directory), toBucket(contents));
    const bucket = new MemoryBucket({ contents });
    const { summary } = await copied(fromDirectory(directory), toBucket(contents, bucket));
    expect(summary).toMatchObject({ copied: 0, same: 9 });
    expect([bucket.requests.write, bucket.requests.upload]).toEqual([undefined, undefined]);
    const back = ownDirectory();
    await copied(fromBucket(contents), toDirectory(back));
    expect((await copied(fromBucket(contents), toDirectory(back))).summary).toMatchObject({
      copied: 0,
      same: 9,
    });
  });

  it("brings later versions and later patches of what it copied before", async () => {
    await filled(someObjects);
    await copied(fromDirectory(directory), toBucket(contents));
    const back = ownDirectory();
    await copied(fromBucket(contents), toDirectory(back));
    await filled(async (cache) => {
      await put(cache, "app/values/small", "three");
      await patch(cache, "app/values/patched", "one more");
      await put(cache, "app/values/large-patches", "replaced");
    });
    expect((await copied(fromDirectory(directory), toBucket(contents))).summary.copied).toBe(3);
    expect((await copied(fromBucket(contents), toDirectory(back))).summary.copied).toBe(3);
    expect(objectFiles(back)).toEqual(objectFiles(directory));
  });

  it("leaves alone and reports what is later in the target, deleted objects too", async () => {
    await filled(numbered);
    await copied(fromDirectory(directory), toBucket(contents));
    const bucket = shared();
    await put(bucket, "app/s/1", "newer");
    await bucket.delete({ scope: "object", key: parseObjectKey("app/s/2") });
    const { summary, problems } = await copied(fromDirectory(directory), toBucket(contents));
    expect(summary).toMatchObject({ copied: 0, same: 28, newer: 2 });
    expect(problems.map(({ name, kind }) => [name, kind]).sort()).toEqual([
      ["app/s/1", "newer"],
      ["app/s/2", "newer"],
    ]);
    expect(await read(bucket, "app/s/1")).toMatchObject({ base: "newer" });
    await expect(read(bucket, "app/s/2")).rejects.toEqual(refused("OBJECT_NOT_FOUND"));
  });

  it.each([1, 4, 9, 20, 41, 50])("that is killed at request %i goes on where it was", async (request) => {
    await filled(numbered);
    const bucket = new MemoryBucket({ contents });
    bucket.cutAt(request, request % 2 === 0);
    const source = fromDirectory(directory);
    // It waits for an answer for ever; its process would be gone.
    void copied(source, toBucket(contents, bucket));
    await bucket.whenCut;
    await source.stop();
    const written = [...contents.objects.keys()].filter((name) => name.startsWith("m/")).length;
    expect(written).toBeLessThan(30);
    const { summary } = await copied(fromDirectory(directory), toBucket(contents));
    // Requests under way when it was killed may be applied later.
    expect(summary.same).toBeGreaterThanOrEqual(written);
    expect(summary.copied).toBe(30 - summary.same);
  });

  it("reports damaged objects, copies the others, and leaves the directory as it is", async () => {
    await filled(async (cache) => {
      await numbered(cache);
      await put(cache, "app/s/large", largeValue());
      await put(cache, "app/s/large", largeValue());
      await put(cache, "app/s/patched", "base");
      for (const value of ["+1", "+2", "+3"]) await patch(cache, "app/s/patched", value);
    });
    const session = join(directory, "app", "s");
    damage(join(session, "large.arrow"), 100_000);
    damage(join(session, "7.arrow"), 20);
    const patches = readdirSync(session).find(
      (name) => name.includes("patched") && !name.endsWith(".arrow"),
    )!;
    damage(join(session, patches, readdirSync(join(session, patches)).sort()[1]!), 300);
    const before = objectFiles(directory);
    const { summary, problems } = await copied(fromDirectory(directory), toBucket(contents));
    expect(summary).toMatchObject({ copied: 29, damaged: 3 });
    expect(problems.map(({ name, kind }) => [name, kind]).sort()).toEqual([
      ["app/s/7", "damaged"],
      ["app/s/large", "damaged"],
      ["app/s/patched", "damaged"],
    ]);
    expect(objectFiles(directory)).toEqual(before);
    // Their versions are lost, and must not be used again.
    const version = await put(shared(), "app/s/large", "new");
    expect(version).toBeGreaterThan(LIMITS.versionJumpOnLoss);
  });

  it("reports ids that a bucket cannot hold", async () => {
    await filled(async (cache) => {
      await put(cache, "app/s/a:7", "x");
      await put(cache, "app/s/b", "y");
    });
    const { summary, problems } = await copied(fromDirectory(directory), toBucket(contents));
    expect(summary).toMatchObject({ copied: 1, refused: 1 });
    expect(problems).toEqual([
      { name: "app/s/a:7", kind: "refused", reason: expect.stringContaining("colon and digits") },
    ]);
  });

  it("reports an object whose file claims what a manifest cannot hold", async () => {
    await filled(async (cache) => {
      await putFor(cache, "app/s/named", HOUR_MS, "n".repeat(LIMITS.manifestPutByBytesMax));
      await putFor(cache, "app/s/longer", HOUR_MS, "n".repeat(LIMITS.manifestPutByBytesMax + 1));
    });
    const { summary, problems } = await copied(fromDirectory(directory), toBucket(contents));
    expect(summary).toMatchObject({ copied: 1, damaged: 1 });
    expect(problems.map(({ name }) => name)).toEqual(["app/s/longer"]);
    expect(await keysOf(shared())).toEqual(["app/s/named"]);
    expect([...contents.objects.keys()].filter((name) => name.startsWith("d/"))).toEqual([]);
  });

  it("reports a damaged manifest and copies the others", async () => {
    await filled(numbered);
    await copied(fromDirectory(directory), toBucket(contents));
    const manifest = contents.objects.get("m/app/s/3")!.body;
    manifest[manifest.length - 1]! ^= 1;
    const { summary, problems } = await copied(fromBucket(contents), toDirectory(ownDirectory()));
    expect(summary).toMatchObject({ copied: 29, damaged: 1 });
    expect(problems.map(({ name }) => name)).toEqual(["app/s/3"]);
  });

  it("undoes nothing that servers over the bucket do meanwhile", async () => {
    await filled(numbered);
    const bucket = shared();
    const copying = copied(fromDirectory(directory), toBucket(contents));
    const puts = Array.from({ length: 30 }, async (_, number) => {
      const key = `app/s/${number}`;
      const version = await put(bucket, key, "by a server");
      return [key, await patch(bucket, key, "+"), version] as const;
    });
    const made = await Promise.all(puts);
    const { summary } = await copying;
    expect(summary.copied + summary.same + summary.newer).toBe(30);
    for (const [key, version] of made) {
      expect(await read(shared(), key)).toEqual({ version, base: "by a server", patches: ["+"] });
    }
  });

  it("copies no expired object", async () => {
    await filled(async (cache) => {
      await putFor(cache, "app/s/short", 1);
      await put(cache, "app/s/long", "x");
    });
    const { summary } = await copied(fromDirectory(directory), toBucket(contents));
    expect(summary).toMatchObject({ copied: 1 });
  });

  it("ends with the failure of the target, and leaves nothing half", async () => {
    await filled(numbered);
    const bucket = new MemoryBucket({ contents });
    bucket.isDown = true;
    await expect(copied(fromDirectory(directory), toBucket(contents, bucket))).rejects.toEqual(
      refused("STORAGE_UNAVAILABLE"),
    );
    expect(contents.objects.size).toBe(0);
  });

  it("stops at a signal, and goes on with the next run", async () => {
    await filled(numbered);
    const stop = new AbortController();
    const bucket = new MemoryBucket({ contents });
    stop.abort();
    const stopped = copied(fromDirectory(directory), toBucket(contents, bucket), stop.signal);
    await expect(stopped).rejects.toEqual(refused("CANCELLED"));
    const { summary } = await copied(fromDirectory(directory), toBucket(contents));
    expect(summary).toMatchObject({ copied: 30 });
  });
});

/** Changes one byte from the end. */
function damage(path: string, fromEnd: number): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - fromEnd]! ^= 1;
  writeFileSync(path, bytes);
}
