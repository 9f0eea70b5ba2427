/**
 * Requests to the object store for each call through a server over a bucket, as its metrics count
 * them, and the time of each call; and the processor time of a validated get beside the same get
 * of storage `files`, of servers in processes of their own. The numbers in docs/scale-out.md.
 *
 *     npx tsx bench/store-requests.ts [--processor]
 *
 * With --processor only the processor time. Needs a build. Takes a SeaweedFS that the tests
 * install, or the store at TEST_S3_ENDPOINT.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FlameCache, type ReadOptions } from "../src/client/index.ts";
import { loadCacheConfig } from "../src/config/load-cache-config.ts";
import { encodeTicket } from "../src/flight/messages.ts";
import { formatTicket } from "../src/flight/ticket.ts";
import { startServer } from "../src/service/start-server.ts";
import { parseMetrics } from "../test/support/parse-metrics.ts";
import { ownPrefix, startS3Store } from "../test/support/s3-store.ts";
import { startServer as startProcess, type TestServer } from "../test/support/start-server.ts";
import { temporaryDirectory } from "../test/support/temporary-directory.ts";
import { FlightCaller } from "./load/flight-caller.ts";
import { cpuSecondsOf } from "./machine.ts";
import { median } from "./statistics.ts";

const { TEST_S3_ACCESS_KEY = "test", TEST_S3_SECRET_KEY = "testtest" } = process.env;
const { TEST_S3_BUCKET = "tests" } = process.env;
const CALLS = 200;
const NOWHERE = { FLAME_HOME: "/nonexistent", HOME: "/nonexistent" };

const store = await startS3Store();
process.env.AWS_ACCESS_KEY_ID = TEST_S3_ACCESS_KEY;
process.env.AWS_SECRET_ACCESS_KEY = TEST_S3_SECRET_KEY;
const storage = `s3://${TEST_S3_BUCKET}/${ownPrefix().replace(/\/$/, "")}`;

async function open(more: Readonly<Record<string, string>> = {}, kept = storage) {
  const env = { ...NOWHERE, FLAME_CACHE_S3_ENDPOINT: store.endpoint, ...more };
  const flags = { endpoint: "grpc://127.0.0.1:0", admin: "127.0.0.1:0", storage: kept };
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

/**
 * Prints the fastest of many gets of each server, by clients that hold nothing. The servers take
 * turns, because neighbours on the machine make some of the gets slower.
 */
async function measureGets(keys: readonly string[], named: readonly (readonly [string, Opened])[]) {
  const rows = named.map(([name, on]) => ({ name, on, requests: 0, bestMs: Number.POSITIVE_INFINITY }));
  for (const key of keys) {
    for (const row of rows) {
      const before = await requestsOf(row.on);
      const startMs = performance.now();
      await largeGet(row.on, key);
      row.bestMs = Math.min(row.bestMs, performance.now() - startMs);
      row.requests += (await requestsOf(row.on)) - before;
    }
  }
  for (const { name, requests, bestMs } of rows) {
    console.log(`| ${name} | ${(requests / keys.length).toFixed(3)} | ${bestMs.toFixed(0)} |`);
  }
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

const CLIENTS = 16;
const ROUNDS = 9;
const CPU_GETS = 250;

/** The request of a get of everything, in a gRPC message. */
function getRequest(name: string): Buffer {
  const ticket = Buffer.from(encodeTicket(Buffer.from(formatTicket(name))));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(ticket.length, 1);
  return Buffer.concat([prefix, ticket]);
}

/** Processor time of a get of 1 KiB, us: 16 clients at once, each with a connection and a key. */
async function timeOfGets({ endpoint, pid }: TestServer): Promise<number> {
  const gets = Array.from({ length: CLIENTS }, (_, client) => getRequest(`bench/processor/${client}`));
  const callers = gets.map(() => new FlightCaller(endpoint.replace("grpc:", "http:"), { gets, puts: [] }));
  await Promise.all(callers.map((caller, client) => caller.get(client)));
  const before = cpuSecondsOf(pid);
  const work = async (caller: FlightCaller, client: number): Promise<void> => {
    for (let turn = 0; turn < CPU_GETS; turn += 1) await caller.get(client);
  };
  await Promise.all(callers.map(work));
  const spent = cpuSecondsOf(pid) - before;
  for (const caller of callers) caller.close();
  return (spent / CLIENTS / CPU_GETS) * 1e6;
}

/** Rounds alternate between the servers; the median of the rounds counts. */
async function compareProcessorTime(): Promise<void> {
  const directory = temporaryDirectory("store-requests");
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env as Record<string, string>;
  const credentials = {
    AWS_ACCESS_KEY_ID: AWS_ACCESS_KEY_ID!,
    AWS_SECRET_ACCESS_KEY: AWS_SECRET_ACCESS_KEY!,
  };
  const environment = { ...credentials, FLAME_CACHE_S3_ENDPOINT: store.endpoint };
  const lazyEnvironment = { ...environment, FLAME_CACHE_MAX_STALENESS: "10m" };
  const servers: [string, TestServer][] = [
    ["storage `files`", await startProcess({ storage: directory.path })],
    ["a bucket, validated", await startProcess({ storage, environment })],
    ["a bucket, within `max_staleness`", await startProcess({ storage, environment: lazyEnvironment })],
  ];
  const rounds = servers.map((): number[] => []);
  for (const [, { endpoint }] of servers) {
    const cache = await FlameCache.connect({ endpoint, env: NOWHERE });
    for (let client = 0; client < CLIENTS; client += 1) await cache.put(`bench/processor/${client}`, small);
    await cache.close();
  }
  for (let round = -2; round < ROUNDS; round += 1) {
    for (const [place, [, server]] of servers.entries()) {
      const time = await timeOfGets(server);
      if (round >= 0) rounds[place]!.push(time);
    }
  }
  console.log("\n| get of 1 KiB | processor time, us | times `files` |\n| --- | --- | --- |");
  for (const [place, [name]] of servers.entries()) {
    const ratio = median(rounds[place]!.map((time, round) => time / rounds[0]![round]!));
    console.log(`| ${name} | ${median(rounds[place]!).toFixed(0)} | ${ratio.toFixed(2)} |`);
  }
  for (const [, server] of servers) await server.stop();
  directory.remove();
}

const small = randomBytes(1024);
if (process.argv.includes("--processor")) {
  await compareProcessorTime();
  await store.stop();
  process.exit();
}

const strict = await open();
const lazy = await open({ FLAME_CACHE_MAX_STALENESS: "10m" });
const other = await open();
const key = "bench/calls/small";
const ref = await strict.cache.put(key, small);

/** A client that holds nothing: each get is an unconditional one. */
async function freshGet({ server }: Opened, options?: ReadOptions): Promise<void> {
  const cache = await FlameCache.connect({ endpoint: server.endpoint, env: NOWHERE });
  await cache.get({ ...ref, endpoint: server.endpoint }, options);
  await cache.close();
}

console.log("| call | requests to the store | ms |\n| --- | --- | --- |");
await measure("get of 1 KiB, validated", strict, CALLS, () => inTurn(() => freshGet(strict)));
await strict.cache.get(key);
await measure("get of 1 KiB by a client that holds it", strict, CALLS, () =>
  inTurn(() => strict.cache.get(key)),
);
await measure("get at a held version", strict, CALLS, () =>
  inTurn(() => freshGet(strict, { atLeast: true })),
);
await lazy.cache.get(key);
await measure("get within max_staleness", lazy, CALLS, () => inTurn(() => freshGet(lazy)));
await measure("64 gets of one key at once", strict, 64, () =>
  Promise.all(Array.from({ length: 64 }, () => strict.cache.get(key))),
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

const MIB = 1024 * 1024;
const GETS = 10;
/** 1 GiB as well shows that requests grow with the size only: it takes minutes. */
const SIZES = [16, 256];
const directory = mkdtempSync(join(tmpdir(), "local-copies-"));
const NO_MEMORY = { FLAME_CACHE_MAX_MEMORY: "0" };
const withDisk = { ...NO_MEMORY, FLAME_CACHE_LOCAL_CACHE: join(directory, "copies") };
const files = await open(NO_MEMORY, join(directory, "files"));
const plain = await open(NO_MEMORY);
let local = await open(withDisk);

/** A get by a client that holds nothing, over the connection: it maps no file of this host. */
async function largeGet({ server }: Opened, name: string): Promise<void> {
  const cache = await FlameCache.connect({ endpoint: server.endpoint, env: NOWHERE });
  for await (const _ of cache.getStream(name));
  await cache.close();
}

console.log("\n| get without memory | requests to the store | ms |\n| --- | --- | --- |");
for (const mebibytes of SIZES) {
  const key = `bench/sizes/${mebibytes}`;
  const get = `get of ${mebibytes} MiB`;
  const value = randomBytes(mebibytes * MIB);
  for (const { cache } of [strict, files]) await cache.put(key, value);
  const others = ["a", "b", "c"].map((each) => `${key}${each}`);
  for (const other of others) await strict.cache.put(other, value);
  await measureGets(others, [[`${get}, from the store and copied`, local]]);
  await largeGet(local, key);
  await local.cache.close();
  await local.server.stop();
  local = await open(withDisk);
  await measureGets(new Array(GETS).fill(key), [
    [`${get}, from the store`, plain],
    [`${get}, from the local disk, after a restart`, local],
    [`${get}, storage files`, files],
  ]);
}

for (const { cache, server } of [strict, lazy, other, files, plain, local]) {
  await cache.close();
  await server.stop();
}
await store.stop();
rmSync(directory, { recursive: true });
