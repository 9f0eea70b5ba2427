/**
 * Rates of 1, 2 and 4 replicas, each a process with 64 clients, over one SeaweedFS behind a latency;
 * and beside them the limit of the store: the same requests without replicas and without latency.
 *
 *     npx tsx bench/replica-rates.ts [--latency 15] [--seconds 4] [--clients 64]
 *
 * Replicas, store and clients share the machine: compare rows, not machines.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { ObjectKey } from "../src/object/object-key.ts";
import { staticCredentials } from "../src/s3/credentials/credentials.ts";
import { S3Bucket } from "../src/s3/s3-bucket.ts";
import { BucketObjects } from "../src/storage/s3/bucket-objects.ts";
import type { PutTerms } from "../src/storage/s3/object-changes.ts";
import { PrefixedBucket } from "../src/storage/s3/prefixed-bucket.ts";
import { ownPrefix, startS3Store } from "../test/support/s3-store.ts";
import { DelayProxy } from "./delay-proxy.ts";
import { quantile } from "./statistics.ts";

const { values: options } = parseArgs({
  options: {
    latency: { type: "string", default: "15" },
    seconds: { type: "string", default: "4" },
    clients: { type: "string", default: "64" },
    worker: { type: "string" },
  },
});
const FACTS: PutTerms = { form: "file", kind: "opaque", rowCount: 1, dataBytes: 1024 };
const VALUE = Buffer.alloc(1024, "v");
const KEYS = 64;

interface Work {
  readonly workload: string;
  readonly endpoint: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly place: number;
  readonly clients: number;
  readonly seconds: number;
}

interface Done {
  readonly calls: number;
  readonly requests: number;
  readonly p50: number;
  readonly p99: number;
}

type Call = (client: number, turn: number) => Promise<unknown>;

function keyOf(objectId: string): ObjectKey {
  return { applicationId: "app", sessionId: "s", objectId };
}

async function put(objects: BucketObjects, name: string): Promise<void> {
  const staged = objects.stage(keyOf(name));
  await staged.append([VALUE]);
  await objects.put(keyOf(name), await staged.finish(), FACTS);
}

async function patch(objects: BucketObjects, name: string): Promise<void> {
  const staged = objects.stagePatch(keyOf(name));
  await staged.append([VALUE.subarray(0, 64)]);
  await objects.patch(keyOf(name), await staged.finish());
}

function callsOf(objects: BucketObjects, store: S3Bucket, { place, prefix }: Work): Record<string, Call> {
  const shared = (client: number, turn: number): ObjectKey => keyOf(`k${(client * 7 + turn) % KEYS}`);
  const own = (client: number): string => `p${place}-${client}`;
  const raw = (client: number): string => `${prefix}/raw/${place}-${client}`;
  return {
    "get, validated, of 64 keys": (client, turn) => objects.get(shared(client, turn)),
    "get, validated, of one hot key": () => objects.get(keyOf("k0")),
    "get of a held version": (client, turn) => objects.get(shared(client, turn), { atLeastVersion: 1 }),
    "put of 1 KiB": (client) => put(objects, own(client)),
    "patch of 64 bytes": (client, turn) =>
      turn % 50 === 0 ? put(objects, own(client)) : patch(objects, own(client)),
    "store: GET of 1 KiB": (client) => store.read(raw(client), { bytesMax: 4096 }),
    "store: PUT of 1 KiB": (client) => store.write(raw(client), [VALUE]),
  };
}

/** One process: a replica with its clients. */
async function work(job: Work): Promise<Done> {
  const credentials = staticCredentials({ accessKeyId: "test", secretAccessKey: "testtest" });
  const store = new S3Bucket({ bucket: job.bucket, endpoint: job.endpoint, credentials });
  const objects = new BucketObjects(new PrefixedBucket(store, job.prefix));
  const call = callsOf(objects, store, job)[job.workload]!;
  await Promise.all(Array.from({ length: KEYS }, (_, index) => objects.get(keyOf(`k${index}`))));
  const clients = Array.from({ length: job.clients }, (_, client) => client);
  await Promise.all(
    clients.map((client) => store.write(`${job.prefix}/raw/${job.place}-${client}`, [VALUE])),
  );
  await Promise.all(clients.map((client) => call(client, 0)));
  const before = store.counts.requests;
  const tookMs: number[] = [];
  const endMs = performance.now() + job.seconds * 1000;
  const run = async (client: number): Promise<void> => {
    for (let turn = 1; performance.now() < endMs; turn += 1) {
      const begunMs = performance.now();
      await call(client, turn);
      tookMs.push(performance.now() - begunMs);
      if (turn % 256 === 0) await new Promise(setImmediate);
    }
  };
  await Promise.all(clients.map(run));
  const [p50, p99] = [quantile(tookMs, 0.5), quantile(tookMs, 0.99)];
  store.close();
  return { calls: tookMs.length, requests: store.counts.requests - before, p50, p99 };
}

async function inProcess(job: Work): Promise<Done> {
  const args = ["--import", "tsx", fileURLToPath(import.meta.url), "--worker", JSON.stringify(job)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (bytes: Buffer) => {
    text += bytes.toString();
  });
  await once(child, "close");
  return JSON.parse(text) as Done;
}

async function compare(): Promise<void> {
  const [latency, seconds, clients] = [options.latency, options.seconds, options.clients].map(Number);
  const store = await startS3Store();
  const proxy = await DelayProxy.start(store.endpoint, latency!);
  const prefix = ownPrefix().slice(0, -1);
  const bucket = store.bucket();
  const objects = new BucketObjects(new PrefixedBucket(bucket, prefix));
  for (let index = 0; index < KEYS; index += 1) await put(objects, `k${index}`);
  process.stdout.write("| workload | replicas | calls/s | of each | requests/call | p50 ms | p99 ms |\n");
  process.stdout.write("| --- | --- | --- | --- | --- | --- | --- |\n");
  const job = { bucket: store.options.bucket, prefix, place: 0, clients: clients!, seconds: seconds! };
  for (const workload of Object.keys(callsOf(objects, bucket, { ...job, workload: "", endpoint: "" }))) {
    const endpoint = workload.startsWith("store") ? store.endpoint : proxy.endpoint;
    for (const replicas of [1, 2, 4]) {
      const jobs = Array.from({ length: replicas }, (_, place) => ({ ...job, workload, endpoint, place }));
      const done = await Promise.all(jobs.map(inProcess));
      const calls = done.reduce((sum, each) => sum + each.calls, 0);
      const requests = done.reduce((sum, each) => sum + each.requests, 0);
      const figures = [
        workload,
        replicas,
        Math.round(calls / seconds!),
        Math.round(calls / seconds! / replicas),
        (requests / calls).toFixed(3),
        Math.max(...done.map(({ p50 }) => p50)).toFixed(1),
        Math.max(...done.map(({ p99 }) => p99)).toFixed(1),
      ];
      process.stdout.write(`| ${figures.join(" | ")} |\n`);
    }
  }
  proxy.stop();
  await store.stop();
}

if (options.worker === undefined) await compare();
else process.stdout.write(JSON.stringify(await work(JSON.parse(options.worker) as Work)));
