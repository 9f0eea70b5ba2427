/**
 * Quotas of applications and identities, over a cache in memory.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { type CacheUse, cacheFor } from "../../../src/access/guarded-cache.ts";
import { EVERYONE, type Identity } from "../../../src/access/identity.ts";
import { Quotas } from "../../../src/access/quotas.ts";
import { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import type { QuotaEntry } from "../../../src/config/quota-schema.ts";
import { LIMITS } from "../../../src/limits.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { OpaqueWriter } from "../../../src/object/opaque-writer.ts";
import { MemoryStorage } from "../../../src/storage/memory-storage.ts";

const WORKER: Identity = { ...EVERYONE, name: "worker-7" };

let cache: IndexedCache;
let quotas: Quotas;
let nowMs: number;
let worker: CacheUse;

beforeEach(async () => {
  cache = new IndexedCache(new MemoryStorage({ bytesMax: 64 * 1024 ** 2 }));
  await cache.start();
  nowMs = 0;
  quotas = new Quotas(cache.usage, () => nowMs);
  limit({ bytes: 1_000_000_000 });
  worker = cacheFor(cache, WORKER, quotas);
  return () => cache.stop();
});

function limit(app: QuotaEntry, identity: QuotaEntry = {}): void {
  quotas.setTable({ applications: new Map([["app", app]]), identities: new Map([["worker-7", identity]]) });
}

async function put(key: string, sizeBytes = 10_000, by: CacheUse = worker): Promise<number> {
  const draft = by.draftPut(parseObjectKey(key), "opaque");
  try {
    draft.announce(sizeBytes);
    const writer = new OpaqueWriter(draft.sink);
    await writer.append([Buffer.alloc(sizeBytes)]);
    return await draft.commit(writer);
  } finally {
    await draft.discard();
  }
}

async function patch(key: string, sizeBytes: number): Promise<number> {
  const draft = await worker.draftPatch(parseObjectKey(key), "opaque", () => {});
  try {
    const writer = new OpaqueWriter(draft.sink);
    await writer.append([Buffer.alloc(sizeBytes)]);
    return await draft.commit(writer);
  } finally {
    await draft.discard();
  }
}

const exceeded = (text: string) => expect.objectContaining({ message: expect.stringContaining(text) });

describe("a quota of objects", () => {
  beforeEach(() => limit({ objects: 2 }));

  it("refuses the next object and names its use", async () => {
    await put("app/s/a");
    await put("app/s/b");
    await expect(put("app/s/c")).rejects.toEqual(
      exceeded('[QUOTA_EXCEEDED] application "app" holds 2 of 2 objects'),
    );
  });

  it("allows to replace and to patch an object", async () => {
    await put("app/s/a");
    await put("app/s/b");
    expect(await put("app/s/a")).toBe(2);
    expect(await patch("app/s/a", 10)).toBe(3);
  });

  it("has room again after a delete", async () => {
    await put("app/s/a");
    await put("app/s/b");
    await cache.delete({ scope: "application", applicationId: "app" });
    expect(await put("app/s/c")).toBeGreaterThan(0);
  });

  it("does not concern other applications", async () => {
    await put("app/s/a");
    await put("app/s/b");
    for (const id of ["a", "b", "c"]) await put(`other/s/${id}`);
    expect(cache.usage.ofApplication("other").objects).toBe(3);
  });

  it("counts puts that run", async () => {
    await put("app/s/a");
    const running = worker.draftPut(parseObjectKey("app/s/b"), "opaque");
    await expect(put("app/s/c")).rejects.toEqual(exceeded("1 of 2 objects".replace("1", "2")));
    await running.discard();
    expect(await put("app/s/c")).toBe(1);
  });
});

describe("a quota of bytes", () => {
  beforeEach(() => limit({ bytes: 50_000 }));

  it("refuses an announced put before its bytes come", () => {
    const draft = worker.draftPut(parseObjectKey("app/s/a"), "opaque");
    expect(() => draft.announce(50_001)).toThrow("[QUOTA_EXCEEDED]");
  });

  it("refuses a put that was not announced when its bytes exceed it, and leaves nothing", async () => {
    await put("app/s/a", 30_000);
    await expect(patch("app/s/a", 30_000)).rejects.toEqual(exceeded("of 50000 bytes"));
    const { bytes } = cache.usage.ofApplication("app");
    expect(await patch("app/s/a", 50_000 - bytes - 3_000)).toBe(2);
  });

  it("lets one object be replaced by another of its size", async () => {
    await put("app/s/a", 45_000);
    for (let version = 2; version < 5; version += 1) expect(await put("app/s/a", 45_000)).toBe(version);
  });

  it("credits a replaced object to one put at a time", async () => {
    await put("app/s/a", 40_000);
    const drafts = [1, 2, 3].map(() => worker.draftPut(parseObjectKey("app/s/a"), "opaque"));
    await expect(put("app/s/b", 20_000)).rejects.toEqual(exceeded("bytes"));
    for (const draft of drafts) await draft.discard();
  });
});

describe("a quota of puts per second", () => {
  beforeEach(() => limit({}, { putsPerSecond: 2 }));

  it("refuses the third, says when to retry, and allows it then", async () => {
    await put("x/s/a");
    await put("y/s/b");
    await expect(put("z/s/c")).rejects.toEqual(
      exceeded('identity "worker-7" has used its 2 puts per second; retry in 500 ms'),
    );
    nowMs = 500;
    expect(await put("z/s/c")).toBe(1);
  });

  it("remembers a bounded number of applications, whatever names callers choose", async () => {
    quotas.setTable({ applications: new Map([["*", { putsPerSecond: 0.001 }]]), identities: new Map() });
    const running = worker.draftPut(parseObjectKey("running/s/a"), "opaque");
    for (let index = 0; index < 2 * LIMITS.quotasMax; index += 1) {
      await worker.draftPut(parseObjectKey(`app-${index}/s/a`), "opaque").discard();
    }
    expect(quotas.size).toBeLessThanOrEqual(LIMITS.quotasMax);
    expect(() => worker.draftPut(parseObjectKey("running/s/b"), "opaque")).toThrow("[QUOTA_EXCEEDED]");
    await running.discard();
  });

  it("survives a change of the limits", async () => {
    await put("x/s/a");
    await put("x/s/b");
    limit({}, { putsPerSecond: 2 });
    await expect(put("x/s/c")).rejects.toEqual(exceeded("puts per second"));
  });
});

describe("a quota of bytes per second", () => {
  it("lets a large object through, and the next one after its bytes are paid for", async () => {
    limit({ bytesPerSecond: 100_000 });
    await put("app/s/a", 1_000_000);
    nowMs = 9_000;
    await expect(put("app/s/b")).rejects.toEqual(exceeded("100000 bytes per second; retry in"));
    nowMs = 9_100;
    expect(await put("app/s/b")).toBe(1);
  });
});

describe("usage", () => {
  it("is counted for each application and identity, and ends at zero", async () => {
    await put("app/s/a", 1000);
    await put("other/s/a", 1000);
    await put("other/s/b", 1000, cache);
    expect(cache.usage.ofIdentity("worker-7").objects).toBe(2);
    expect(cache.usage.ofApplication("other").objects).toBe(2);
    await cache.delete({ scope: "application", applicationId: "app" });
    await cache.delete({ scope: "application", applicationId: "other" });
    expect([...cache.usage.applications]).toEqual([]);
    expect(cache.usage.ofIdentity("worker-7")).toEqual({ objects: 0, bytes: 0 });
  });

  it("of an application without a quota of its own is limited by the quota for all", async () => {
    quotas.setTable({ applications: new Map([["*", { objects: 1 }]]), identities: new Map() });
    await put("one/s/a");
    await put("two/s/a");
    await expect(put("two/s/b")).rejects.toEqual(exceeded('application "two" holds 1 of 1 objects'));
  });
});
