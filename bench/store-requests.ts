/**
 * Requests to the object store for each call through a server over a bucket, as its metrics count
 * them, and the time of each call. The numbers in docs/scale-out.md.
 *
 *     npx tsx bench/store-requests.ts
 *
 * Takes a SeaweedFS that the tests install, or the store at TEST_S3_ENDPOINT.
 */
import { randomBytes } from "node:crypto";
import { FlameCache } from "../src/client/index.ts";
import { loadCacheConfig } from "../src/config/load-cache-config.ts";
import { startServer } from "../src/service/start-server.ts";
import { parseMetrics } from "../test/support/parse-metrics.ts";
import { ownPrefix, startS3Store } from "../test/support/s3-store.ts";

const { TEST_S3_ACCESS_KEY = "test", TEST_S3_SECRET_KEY = "testtest" } = process.env;
const { TEST_S3_BUCKET = "tests" } = process.env;
const CALLS = 200;
const NOWHERE = { FLAME_HOME: "/nonexistent", HOME: "/nonexistent" };

const store = await startS3Store();
process.env.AWS_ACCESS_KEY_ID = TEST_S3_ACCESS_KEY;
process.env.AWS_SECRET_ACCESS_KEY = TEST_S3_SECRET_KEY;
const storage = `s3://${TEST_S3_BUCKET}/${ownPrefix().replace(/\/$/, "")}`;

async function open(more: Readonly<Record<string, string>> = {}) {
  const env = { ...NOWHERE, FLAME_CACHE_S3_ENDPOINT: store.endpoint, ...more };
  const flags = { endpoint: "grpc://127.0.0.1:0", admin: "127.0.0.1:0", storage };
  const server = await startServer(loadCacheConfig({ env, flags }).config);
  return { server, cache: await FlameCache.connect({ endpoint: server.endpoint, env: NOWHERE }) };
}

type Opened = Awaited<ReturnType<typeof open>>;

async function requestsOf({ server }: Opened): Promise<number> {
  const text = await (await fetch(`${server.admin}/metrics`)).text();
  const family = parseMetrics(text, "prometheus").get("flame_cache_store_requests_total");
  const ofCalls = (family?.samples ?? []).filter(({ labels }) => labels.kind !== "registration");
  return ofCalls.reduce((sum, { value }) => sum + value, 0);
}

async function measure(name: string, on: Opened, calls: number, work: () => Promise<unknown>) {
  const before = await requestsOf(on);
  const startMs = performance.now();
  await work();
  const tookMs = performance.now() - startMs;
  const requests = (await requestsOf(on)) - before;
  console.log(`| ${name} | ${(requests / calls).toFixed(3)} | ${(tookMs / calls).toFixed(2)} |`);
}

async function inTurn(work: (index: number) => Promise<unknown>): Promise<void> {
  for (let index = 0; index < CALLS; index += 1) await work(index);
}

const strict = await open();
const lazy = await open({ FLAME_CACHE_MAX_STALENESS: "10m" });
const other = await open();
const small = randomBytes(1024);
const key = "bench/calls/small";
await strict.cache.put(key, small);

/** A client that holds nothing: each get is an unconditional one. */
async function freshGet({ server }: Opened): Promise<void> {
  const cache = await FlameCache.connect({ endpoint: server.endpoint, env: NOWHERE });
  await cache.get(key);
  await cache.close();
}

console.log("| call | requests to the store | ms |\n| --- | --- | --- |");
await measure("get of 1 KiB, validated", strict, CALLS, () => inTurn(() => freshGet(strict)));
await strict.cache.get(key);
await measure("get of 1 KiB by a client that holds it", strict, CALLS, () =>
  inTurn(() => strict.cache.get(key)),
);
await lazy.cache.get(key);
await measure("get within max_staleness", lazy, CALLS, () => inTurn(() => freshGet(lazy)));
await measure("64 gets of one key at once", strict, 64, () =>
  Promise.all(Array.from({ length: 64 }, () => strict.cache.stat(key))),
);
await measure("put of 1 KiB, known key", strict, CALLS, () => inTurn(() => strict.cache.put(key, small)));
await measure("put of 1 KiB, new key", strict, 1000, async () => {
  for (let index = 0; index < 1000; index += 1) await strict.cache.put(`bench/list/${index}`, small);
});
async function list({ cache }: Opened): Promise<void> {
  for await (const _ of cache.list("bench/list"));
}
await measure("list of 1,000 known keys", strict, 1, () => list(strict));
await measure("list of 1,000 keys that another server put", other, 1, () => list(other));
await measure("patch of 1 KiB", strict, CALLS, () => inTurn(() => strict.cache.patch(key, small)));
const large = randomBytes(16 * 1024 * 1024);
await measure("put of 16 MiB", strict, 1, () => strict.cache.put("bench/calls/large", large));
await measure("get of 16 MiB, first", strict, 1, () => strict.cache.getBytes("bench/calls/large"));
await measure("get of 16 MiB, in memory", strict, 1, async () => {
  const cache = await FlameCache.connect({ endpoint: strict.server.endpoint, env: NOWHERE });
  await cache.getBytes("bench/calls/large");
  await cache.close();
});
await measure("delete of one object", strict, 1, () => strict.cache.delete(key));
await measure("delete of a session of 1,000", strict, 1000, () => strict.cache.delete("bench/list"));

for (const { cache, server } of [strict, lazy, other]) {
  await cache.close();
  await server.stop();
}
await store.stop();
