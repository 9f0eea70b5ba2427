import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FlameCache } from "../../src/client/index.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";

const ENV = { FLAME_HOME: "/nonexistent", HOME: "/nonexistent" };
const NOT_FOUND = expect.objectContaining({ code: "OBJECT_NOT_FOUND" });
const INVALID = expect.objectContaining({ code: "INVALID_REQUEST" });
const HOUR_MS = 3_600_000;

let server: InProcessServer;
let cache: FlameCache;

beforeAll(async () => {
  const eviction = { policy: "lru", maxMemoryBytes: 400_000, maxObjects: undefined } as const;
  server = await startInProcess(undefined, { eviction });
  cache = await FlameCache.connect({ endpoint: server.endpoint, env: ENV });
});

afterAll(async () => {
  await cache.close();
  await server.stop();
});

/** Puts more than there is room for. */
async function flood(): Promise<void> {
  for (let index = 0; index < 12; index += 1) await cache.put(`flood/s/${index}`, Buffer.alloc(50_000));
}

describe("a time to live", () => {
  it("is told with the put, the update and the stream, and stands in what is known of the object", async () => {
    const beforeMs = Date.now();
    const ref = await cache.put("app", "ttl", "value", { ttlSeconds: 3600 });
    const streamed = await cache.putStream("app/ttl", [Buffer.from("chunk")], { ttlSeconds: 3600 });
    for (const { expiresAt } of [await cache.stat(ref), await cache.stat(streamed)]) {
      expect(expiresAt!.getTime()).toBeGreaterThanOrEqual(beforeMs + HOUR_MS);
      expect(expiresAt!.getTime()).toBeLessThanOrEqual(Date.now() + HOUR_MS + 1);
    }
    await cache.update(ref, "value");
    expect((await cache.stat(ref)).expiresAt).toBe(undefined);
    await cache.patch(ref, "more", { ttlSeconds: 60 });
    expect((await cache.stat(ref)).expiresAt).toBeInstanceOf(Date);
  });

  it("ends the object", async () => {
    const ref = await cache.put("app/ttl/short", "value", { ttlSeconds: 0.001 });
    const { expiresAt } = await cache.stat(ref).catch(() => ({ expiresAt: new Date() }));
    while (Date.now() <= expiresAt!.getTime());
    await expect(cache.get(ref)).rejects.toEqual(NOT_FOUND);
  });

  it("is renewed, as long as before or until a later time", async () => {
    const ref = await cache.put("app", "ttl", "value", { ttlSeconds: 3600 });
    const first = (await cache.stat(ref)).expiresAt!;
    const again = await cache.renew(ref);
    expect(again!.getTime()).toBeGreaterThanOrEqual(first.getTime());
    const until = new Date(Math.ceil(Date.now() / 1000) * 1000 + 24 * HOUR_MS);
    expect(await cache.renew(ref, { until })).toEqual(until);
    expect((await cache.stat(ref)).expiresAt).toEqual(until);
    expect(await cache.expire(ref, undefined)).toBe(undefined);
    expect(await cache.renew(ref)).toBe(undefined);
    await expect(cache.renew("app/ttl/nothing")).rejects.toEqual(NOT_FOUND);
  });

  it("of a session holds for each of its objects", async () => {
    await cache.expire("ruled/s", 3600);
    const ref = await cache.put("ruled", "s", "value");
    expect((await cache.stat(ref)).expiresAt).toBeInstanceOf(Date);
    const endless = await cache.put("ruled", "s", "value", { ttlSeconds: 0 });
    expect((await cache.stat(endless)).expiresAt).toBe(undefined);
  });

  it("of less than nothing is refused before anything is sent", async () => {
    await expect(cache.put("app", "ttl", "value", { ttlSeconds: -1 })).rejects.toEqual(INVALID);
    await expect(cache.pin("app/ttl", { ttlSeconds: Number.NaN })).rejects.toEqual(INVALID);
  });
});

describe("a pin", () => {
  it("keeps an object while others are evicted, until it is unpinned", async () => {
    const pinned = await cache.put("app/pin/pinned", "value");
    const leased = await cache.put("app/pin/leased", "value");
    expect(await cache.pin(pinned)).toBe(undefined);
    expect(await cache.pin("app/pin/leased", { ttlSeconds: 3600 })).toBeInstanceOf(Date);
    await flood();
    expect(await cache.get(pinned)).toBe("value");
    expect(await cache.get(leased)).toBe("value");
    await cache.unpin(pinned);
    await flood();
    await expect(cache.get(pinned)).rejects.toEqual(NOT_FOUND);
    expect(await cache.get(leased)).toBe("value");
  });

  it("of what is not there is refused", async () => {
    await expect(cache.pin("app/pin/nothing")).rejects.toEqual(NOT_FOUND);
  });
});
