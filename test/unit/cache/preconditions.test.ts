/**
 * Conditions of puts, patches and deletes: checked under the lock of the key, against what is there.
 */
import { describe, expect, it } from "vitest";
import type { Precondition } from "../../../src/cache/put-draft.ts";
import { CacheError } from "../../../src/errors.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { OpaqueWriter } from "../../../src/object/opaque-writer.ts";
import { memoryCache, put } from "./cache-fixture.ts";

const KEY = parseObjectKey("a/s/o");
const FAILED = expect.objectContaining({ code: "PRECONDITION_FAILED" });

function requires(version: number | undefined): Precondition {
  return (present) => {
    if (present?.version !== version) throw new CacheError("PRECONDITION_FAILED");
  };
}

type Cache = Awaited<ReturnType<typeof memoryCache>>;

async function putIf(cache: Cache, precondition: Precondition, ttlMs?: number): Promise<number> {
  const draft = cache.draftPut(KEY, "opaque", { ttlMs });
  try {
    const writer = new OpaqueWriter(draft.sink);
    await writer.append([Buffer.from("x")]);
    return await draft.commit(writer, { precondition });
  } finally {
    await draft.discard();
  }
}

describe("a condition", () => {
  it("lets exactly one of many puts through that require the same version", async () => {
    const cache = await memoryCache();
    await put(cache, "a/s/o", "x");
    const ends = await Promise.allSettled(Array.from({ length: 20 }, () => putIf(cache, requires(1))));
    expect(ends.filter(({ status }) => status === "fulfilled")).toEqual([{ status: "fulfilled", value: 2 }]);
    expect((await cache.stat(KEY)).version).toBe(2);
  });

  it("lets exactly one of many puts create the object", async () => {
    const cache = await memoryCache();
    const ends = await Promise.allSettled(
      Array.from({ length: 20 }, () => putIf(cache, requires(undefined))),
    );
    expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it("does not see an expired object", async () => {
    const cache = await memoryCache();
    await putIf(cache, requires(undefined), 1);
    while ((await cache.find(KEY)) !== undefined) await new Promise((resolve) => setImmediate(resolve));
    await expect(putIf(cache, requires(1))).rejects.toThrow(FAILED);
    expect(await putIf(cache, requires(undefined))).toBe(2);
  });

  it("refuses a patch and a delete, which then change nothing", async () => {
    const cache = await memoryCache();
    await put(cache, "a/s/o", "x");
    const draft = await cache.draftPatch(KEY, "opaque", () => {});
    const writer = new OpaqueWriter(draft.sink);
    await expect(draft.commit(writer, { precondition: requires(7) })).rejects.toThrow(FAILED);
    await draft.discard();
    const deleting = cache.delete({ scope: "object", key: KEY }, "restart", { precondition: requires(7) });
    await expect(deleting).rejects.toThrow(FAILED);
    expect((await cache.stat(KEY)).version).toBe(1);
    expect(await cache.delete({ scope: "object", key: KEY }, "restart", { precondition: requires(1) })).toBe(
      1,
    );
    const again = cache.delete({ scope: "object", key: KEY }, "restart", { precondition: requires(1) });
    await expect(again).rejects.toThrow(FAILED);
  });
});
