/**
 * What calls of a server over a bucket cost in requests to a real S3 store, as the server's metrics
 * count them.
 */
import { randomBytes } from "node:crypto";
import { tableFromArrays } from "apache-arrow";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FlameCache } from "../../src/client/index.ts";
import { loadCacheConfig } from "../../src/config/load-cache-config.ts";
import { formatTicket } from "../../src/flight/ticket.ts";
import { type RunningCache, startServer } from "../../src/service/start-server.ts";
import { FlightTestClient } from "../support/flight-client.ts";
import { parseMetrics } from "../support/parse-metrics.ts";
import { missingS3Store, ownPrefix, type S3TestStore, startS3Store } from "../support/s3-store.ts";

const { TEST_S3_ACCESS_KEY = "test", TEST_S3_SECRET_KEY = "testtest" } = process.env;
const { TEST_S3_BUCKET = "tests" } = process.env;
const ENV = { FLAME_HOME: "/nonexistent", HOME: "/nonexistent" };
const SMALL = randomBytes(1024);
const numbers = tableFromArrays({ n: Int32Array.of(1, 2, 3) });

const missing = await missingS3Store();
const storage = `s3://${TEST_S3_BUCKET}/${ownPrefix().slice(0, -1)}`;
let store: S3TestStore;
let servers: RunningCache[] = [];
let caches: FlameCache[] = [];
let mine: FlameCache;
let other: FlameCache;

/** It is not named to clients: they would send gets to the server that owns the key. */
async function startReplica(): Promise<RunningCache> {
  const own = { endpoint: "grpc://127.0.0.1:0", replicaEndpoint: "none" };
  const flags = { ...own, admin: "127.0.0.1:0", storage };
  const env = { ...ENV, FLAME_CACHE_S3_ENDPOINT: store.endpoint };
  return await startServer(loadCacheConfig({ env, flags }).config);
}

async function requests(): Promise<number> {
  const text = await (await fetch(`${servers[0]!.admin}/metrics`)).text();
  const family = parseMetrics(text, "prometheus").get("flame_cache_store_requests_total");
  const ofCalls = family!.samples.filter(({ labels }) => labels.kind !== "registration");
  return ofCalls.reduce((sum, { value }) => sum + value, 0);
}

/** Requests of the first server while something was done. */
async function costOf(work: () => Promise<unknown>): Promise<number> {
  const before = await requests();
  await work();
  return (await requests()) - before;
}

async function list(cache: FlameCache, prefix: string): Promise<void> {
  for await (const _ of cache.list(prefix));
}

beforeAll(async () => {
  if (missing !== undefined) return;
  store = await startS3Store();
  process.env.AWS_ACCESS_KEY_ID = TEST_S3_ACCESS_KEY;
  process.env.AWS_SECRET_ACCESS_KEY = TEST_S3_SECRET_KEY;
  servers = [await startReplica(), await startReplica()];
  caches = await Promise.all(servers.map(({ endpoint }) => FlameCache.connect({ endpoint, env: ENV })));
  [mine, other] = caches as [FlameCache, FlameCache];
}, 120_000);

afterAll(async () => {
  await Promise.all(caches.map((cache) => cache.close()));
  for (const server of servers) await server.stop();
  await store?.stop();
});

describe.skipIf(missing !== undefined)("a server over a bucket", () => {
  // The first change of a key without a manifest reads the version floor.
  beforeEach(() => mine.put("app/warm/key", SMALL));

  it("asks once for a get, a look at an object, a put of a known key, a patch and a delete", async () => {
    const ref = await mine.put("app/calls/1", SMALL);
    expect(await costOf(() => mine.get(ref))).toBe(1);
    expect(await costOf(() => mine.stat(ref))).toBe(1);
    expect(await costOf(() => mine.put(ref.key, SMALL))).toBe(1);
    expect(await costOf(() => mine.patch(ref, SMALL))).toBe(1);
    expect(await costOf(() => mine.delete(ref))).toBe(1);
  });

  it("asks once for a patch of a table", async () => {
    const ref = await mine.put("app/calls/table", numbers);
    expect(await costOf(() => mine.patch(ref, numbers))).toBe(1);
  });

  it("asks once for all the objects of a list that it knows", async () => {
    await Promise.all(Array.from({ length: 200 }, (_, index) => mine.put(`app/list/${index}`, SMALL)));
    expect(await costOf(() => list(mine, "app/list"))).toBe(1);
  });

  it("asks at most three times for 64 gets of one key at once, if they arrive at once", async () => {
    const ref = await mine.put("app/hot/1", SMALL);
    const gets = () => Promise.all(Array.from({ length: 64 }, () => mine.get(ref)));
    const costs: number[] = [];
    for (let round = 0; round < 10; round += 1) costs.push(await costOf(gets));
    expect(Math.min(...costs)).toBeLessThanOrEqual(3);
  });
});

describe.skipIf(missing !== undefined)("a get at a held version", () => {
  it("costs no request, and returns this version or a later one", async () => {
    const old = await mine.put("app/held/1", "first");
    const ref = await mine.put("app/held/1", "second");
    const got = costOf(async () => {
      expect(await mine.get(old, { atLeast: true })).toBe("second");
      expect(await mine.get(ref, { atLeast: true })).toBe("second");
      expect(Buffer.from(await mine.getBytes(ref, { atLeast: true })).toString()).toContain("second");
    });
    expect(await got).toBe(0);
  });

  it("costs a request if the server holds an older one only, and never returns that", async () => {
    await mine.put("app/held/2", "first");
    const { endpoint, key, version } = await other.update("app/held/2", "second");
    const ref = { endpoint: mine.endpoint, key, version };
    expect(endpoint).toBe(other.endpoint);
    expect(await costOf(async () => expect(await mine.get(ref, { atLeast: true })).toBe("second"))).toBe(1);
  });

  it("costs a request without a version, and if the object is not known to exist", async () => {
    const ref = await mine.put("app/held/3", "kept");
    expect(await costOf(() => mine.get(ref.key, { atLeast: true }))).toBe(1);
    await mine.delete(ref);
    const gone = () => expect(mine.get(ref, { atLeast: true })).rejects.toThrow("OBJECT_NOT_FOUND");
    expect(await costOf(gone)).toBe(1);
  });

  it("never returns an object older than the version of the ticket", async () => {
    await mine.put("app/held/4", "first");
    const { version } = await other.update("app/held/4", "second");
    const client = new FlightTestClient(mine.endpoint);
    const metadata = { "flame-at-least-version": "1" };
    const get = () => client.getTicket(formatTicket("app/held/4", version), { metadata });
    expect(await costOf(async () => expect(await get()).toHaveLength(1))).toBe(1);
    await client.close();
  });

  it("costs no request over HTTP", async () => {
    const { key, version } = await mine.put("app/held/5", "kept");
    const headers = { "flame-at-least-version": String(version) };
    const get = async () => {
      const answer = await fetch(`${servers[0]!.admin}/v1/objects/${key}`, { headers });
      expect(await answer.json()).toBe("kept");
    };
    expect(await costOf(get)).toBe(0);
  });
});

describe.skipIf(missing !== undefined)("a patch on an object that a server remembers", () => {
  it("follows a replacement by another server", async () => {
    const ref = await mine.put("app/patch/1", 1);
    await other.update({ ...ref, endpoint: other.endpoint }, 2);
    expect(await mine.patch(ref, 3)).toMatchObject({ version: 3 });
    const all = (base: number, patches: number[]) => [base, ...patches];
    expect(await mine.get<number[], number, number>(ref, { merge: all })).toEqual([2, 3]);
  });

  it("fails if another server deleted it, or made it another kind", async () => {
    const ref = await mine.put("app/patch/2", 1);
    await other.delete(ref.key);
    await expect(mine.patch(ref, 2)).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
    await mine.put(ref.key, 1);
    await other.put(ref.key, numbers);
    await expect(mine.patch(ref, 2)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
  });

  it("is accepted if another server has made it the kind of the patch", async () => {
    const ref = await mine.put("app/patch/3", numbers);
    await other.put(ref.key, 1);
    expect(await mine.patch(ref, 2)).toMatchObject({ version: 3 });
  });
});
