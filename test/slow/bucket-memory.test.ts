/**
 * The memory of a server over a bucket: more small objects than it remembers manifests, then many uploads at once.
 *
 * docs/operations.md has the bound: `max_memory`, 192 MiB, and 256 MiB for manifests and uploads. Prints what was used.
 */
import { readFileSync } from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import { FlameCache } from "../../src/client/index.ts";
import { missingS3Store, ownPrefix, startS3Store } from "../support/s3-store.ts";
import { startServer } from "../support/start-server.ts";

const missing = (await missingS3Store()) ?? (process.platform === "linux" ? undefined : "no /proc");
const MIB = 2 ** 20;
const OBJECTS = 30_000;
const CLIENTS = 8;
const CALLS_AT_ONCE = 64;
const UPLOADS = 24;
const UPLOAD_BYTES = 24 * MIB;
const PEAK_MIB_MAX = 64 + 192 + 256;

function peakMib(pid: number): number {
  const kibibytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1];
  return Math.round(Number(kibibytes) / 1024);
}

it.skipIf(missing !== undefined)("a server over a bucket stays within its bound", async () => {
  const store = await startS3Store();
  onTestFinished(() => store.stop());
  const environment = {
    AWS_ACCESS_KEY_ID: process.env.TEST_S3_ACCESS_KEY ?? "test",
    AWS_SECRET_ACCESS_KEY: process.env.TEST_S3_SECRET_KEY ?? "testtest",
    FLAME_CACHE_S3_ENDPOINT: store.endpoint,
    FLAME_CACHE_MAX_MEMORY: "64M",
  };
  const storage = `s3://${store.options.bucket}/${ownPrefix().slice(0, -1)}`;
  await using server = await startServer({ storage, environment });
  const { endpoint } = server;
  const env = { FLAME_HOME: "/nonexistent", HOME: "/nonexistent" };
  const connecting = Array.from({ length: CLIENTS }, () => FlameCache.connect({ endpoint, env }));
  const caches = await Promise.all(connecting);
  onTestFinished(async () => void (await Promise.all(caches.map((cache) => cache.close()))));
  const peaks = [peakMib(server.pid)];
  let next = 0;
  const putSmall = async (_: unknown, place: number): Promise<void> => {
    while (next < OBJECTS) await caches[place % CLIENTS]!.put(`app/s/${next++}`, "small");
  };
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, putSmall));
  peaks.push(peakMib(server.pid));
  const bytes = Buffer.alloc(UPLOAD_BYTES, "x");
  const putLarge = (_: unknown, place: number) => caches[place % CLIENTS]!.put(`app/large/${place}`, bytes);
  const uploads = await Promise.allSettled(Array.from({ length: UPLOADS }, putLarge));
  peaks.push(peakMib(server.pid));
  const done = uploads.filter(({ status }) => status === "fulfilled").length;
  const [idle, small, large] = peaks;
  process.stdout.write(`MiB: ${idle} idle, ${small} after ${OBJECTS} puts, ${large} after ${done} uploads\n`);
  // A slow store makes uploads wait, and calls that wait for long are refused.
  expect(done).toBeGreaterThan(0);
  expect(large).toBeLessThan(PEAK_MIB_MAX);
});
