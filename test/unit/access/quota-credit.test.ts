/**
 * What a put is credited for the object that it replaces, and that running puts leave no charge.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { type CacheUse, cacheFor } from "../../../src/access/guarded-cache.ts";
import { EVERYONE } from "../../../src/access/identity.ts";
import { Quotas } from "../../../src/access/quotas.ts";
import { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import type { Draft } from "../../../src/cache/put-draft.ts";
import { type CacheError, isCacheError } from "../../../src/errors.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { OpaqueWriter } from "../../../src/object/opaque-writer.ts";
import { MemoryStorage } from "../../../src/storage/memory-storage.ts";
import { Random } from "../../support/random.ts";

const WORKER = { ...EVERYONE, name: "worker" };
const OTHER = { ...EVERYONE, name: "other" };

let cache: IndexedCache;
let quotas: Quotas;
let worker: CacheUse;
let other: CacheUse;

beforeEach(async () => {
  cache = new IndexedCache(new MemoryStorage({ bytesMax: 64 * 1024 ** 2 }));
  await cache.start();
  quotas = new Quotas(cache.usage, () => 0);
  limit(100_000);
  worker = cacheFor(cache, WORKER, quotas);
  other = cacheFor(cache, OTHER, quotas);
  return () => cache.stop();
});

function limit(bytes: number): void {
  quotas.setTable({
    applications: new Map([["app", { bytes }]]),
    identities: new Map([["worker", { bytes }]]),
  });
}

const beginPut = (key: string, by: CacheUse = worker): Draft => by.draftPut(parseObjectKey(key), "opaque");

const deleteObject = (key: string): Promise<number> =>
  cache.delete({ scope: "object", key: parseObjectKey(key) });

/** Sends the bytes and commits. */
async function finish(draft: Draft, sizeBytes: number): Promise<number> {
  try {
    const writer = new OpaqueWriter(draft.sink);
    await writer.append([Buffer.alloc(sizeBytes)]);
    return await draft.commit(writer);
  } finally {
    await draft.discard();
  }
}

const exceeded = expect.objectContaining({ code: "QUOTA_EXCEEDED" });

describe("a put is credited for the object that it replaces", () => {
  it("only as long as that object is there: a delete during the put does not double the quota", async () => {
    await finish(beginPut("app/s/a"), 90_000);
    const running = beginPut("app/s/a");
    await deleteObject("app/s/a");
    await finish(beginPut("app/s/b"), 90_000);
    await expect(finish(running, 90_000)).rejects.toEqual(exceeded);
    expect(cache.usage.ofApplication("app").bytes).toBeLessThan(100_000);
  });

  it("only if its own identity put that object: large objects of others are not a quota", async () => {
    await finish(beginPut("shared/s/a", other), 1_000_000);
    await expect(finish(beginPut("shared/s/a"), 1_000_000)).rejects.toEqual(exceeded);
    expect(cache.usage.ofIdentity("worker").bytes).toBe(0);
  });

  it("also if another put of the same object runs", async () => {
    await finish(beginPut("app/s/a"), 40_000);
    const [one, two] = [beginPut("app/s/a"), beginPut("app/s/a")];
    expect(await finish(one, 40_000)).toBe(2);
    expect(await finish(two, 40_000)).toBe(3);
  });
});

/** What a quota counts for the next put of this key, as its refusal names it. */
function countedBytes(key: string): unknown {
  limit(1);
  try {
    beginPut(key).announce(1_000_000);
    return "no refusal";
  } catch (error) {
    return isCacheError(error, "QUOTA_EXCEEDED") ? error.facts.used : error;
  }
}

describe("puts, patches, aborts and deletes in any order", () => {
  const seeds = Array.from({ length: 20 }, (_, index) => index + 1);

  it.each(seeds)("leave no charge behind (seed %i)", async (seed) => {
    const random = new Random(seed);
    const key = (): string => `${random.pick(["app", "free"])}/s/${random.below(4)}`;
    const patch = (): Promise<Draft> => worker.draftPatch(parseObjectKey(key()), "opaque", () => {});
    const session = { applicationId: "app", sessionId: "s" };
    const steps: readonly (() => unknown)[] = [
      () => finish(beginPut(key(), random.pick([worker, other])), random.below(60_000)),
      () => beginPut(key()).discard(),
      () => deleteObject(key()),
      async () => finish(await patch(), random.below(30_000)),
      () => finish(worker.draftCreate(session, "opaque"), random.below(9_000)),
      () => limit(50_000 + random.below(100_000)),
    ];
    const running = Array.from({ length: 120 }, async () => {
      for (let turns = random.below(4); turns > 0; turns -= 1) await Promise.resolve();
      await random.pick(steps)();
    });
    const ends = await Promise.allSettled(running);
    const codes = ends.map((end) => (end.status === "fulfilled" ? "OK" : (end.reason as CacheError).code));
    expect(new Set(codes)).toEqual(new Set(["OK", "QUOTA_EXCEEDED", "OBJECT_NOT_FOUND"]));
    limit(10_000_000);
    await finish(beginPut("app/s/last"), 100);
    expect(countedBytes("app/s/new")).toBe(cache.usage.ofApplication("app").bytes);
    expect(countedBytes("free/s/new")).toBe(cache.usage.ofIdentity("worker").bytes);
  });
});
