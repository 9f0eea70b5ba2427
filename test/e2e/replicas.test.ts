/**
 * Server processes over one bucket of a real S3 store: what one of them acknowledges, every other
 * one returns, whichever of them is killed.
 */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { FlameCache } from "../../src/client/index.ts";
import { missingS3Store, ownPrefix, type S3TestStore, startS3Store } from "../support/s3-store.ts";
import { type RunningCommand, startCommand } from "../support/start-command.ts";
import { startServer, type TestServer } from "../support/start-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const ENV = { FLAME_HOME: "/nonexistent", HOME: "/nonexistent" };
const CREDENTIALS = {
  AWS_ACCESS_KEY_ID: process.env.TEST_S3_ACCESS_KEY ?? "test",
  AWS_SECRET_ACCESS_KEY: process.env.TEST_S3_SECRET_KEY ?? "testtest",
};
const BUCKET = process.env.TEST_S3_BUCKET ?? "tests";
const OBJECT_BYTES = 20 * 1024 * 1024;

const WAIT = { timeout: 30_000, interval: 100 };

const missing = await missingS3Store();
const prefix = ownPrefix().replace(/\/$/, "");
let store: S3TestStore;
let servers: TestServer[] = [];
let caches: FlameCache[] = [];

/** It is not named to clients: each of them stays at its server. */
function startReplica(more: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const own = { FLAME_CACHE_S3_ENDPOINT: store.endpoint, FLAME_CACHE_REPLICA_ENDPOINT: "none" };
  const environment = { ...CREDENTIALS, ...own, ...more };
  return startServer({ storage: `s3://${BUCKET}/${prefix}`, environment });
}

function connect({ endpoint }: TestServer): Promise<FlameCache> {
  return FlameCache.connect({ endpoint, env: ENV });
}

async function keysOf(cache: FlameCache, prefixOfKeys: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of cache.list(prefixOfKeys)) keys.push(key);
  return keys.sort();
}

/** A command that is expected to end at its start. */
async function refusal(storage: string, environment: Readonly<Record<string, string>>) {
  const home = temporaryDirectory("home");
  const args = ["serve", "--endpoint", "grpc://127.0.0.1:0", "--storage", storage];
  const command: RunningCommand = startCommand(args, { directory: home.path, environment });
  const code = await command.ended;
  home.remove();
  return { code, text: command.stderr };
}

beforeAll(async () => {
  if (missing !== undefined) return;
  store = await startS3Store();
  servers = await Promise.all([startReplica(), startReplica(), startReplica()]);
  caches = await Promise.all(servers.map(connect));
}, 120_000);

afterAll(async () => {
  await Promise.all(caches.map((cache) => cache.close()));
  await Promise.all(servers.map((server) => server.stop("SIGKILL")));
  await store?.stop();
});

describe.skipIf(missing !== undefined)("three servers over one bucket", () => {
  it("return what another one put, updated, patched and deleted", async () => {
    const [a, b, c] = caches as [FlameCache, FlameCache, FlameCache];
    const key = "app/calls/1";
    expect(await a.put(key, { n: 1 })).toMatchObject({ key, version: 1 });
    expect(await b.get(key)).toEqual({ n: 1 });
    expect(await c.update(key, { n: 2 })).toMatchObject({ version: 2 });
    expect(await a.get(key)).toEqual({ n: 2 });
    expect(await b.patch(key, { n: 3 })).toMatchObject({ version: 3 });
    expect(await c.stat(key)).toMatchObject({ ref: { key, version: 3 } });
    await a.delete(key);
    await expect(b.get(key)).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
    expect(await c.put(key, "again")).toMatchObject({ version: 4 });
  });

  it("return a large object byte for byte", async () => {
    const bytes = randomBytes(OBJECT_BYTES);
    await caches[0]!.put("app/large/1", bytes);
    const found = Buffer.from(await caches[1]!.getBytes("app/large/1"));
    expect(found.equals(bytes)).toBe(true);
  }, 60_000);

  it("list what all of them put, and delete it as one session", async () => {
    const puts = Array.from({ length: 30 }, (_, index) => caches[index % 3]!.put(`app/list/${index}`, index));
    await Promise.all(puts);
    expect(await keysOf(caches[2]!, "app/list")).toHaveLength(30);
    await caches[0]!.delete("app/list");
    expect(await keysOf(caches[1]!, "app/list")).toEqual([]);
  });

  it("give all puts of one key at once versions of their own", async () => {
    const puts = Array.from({ length: 12 }, (_, index) => caches[index % 3]!.put("app/race/1", index));
    const versions = (await Promise.all(puts)).map(({ version }) => version);
    expect(versions.sort((x, y) => x - y)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
  });

  it("agree on a time to live, and let one of them renew it", async () => {
    await caches[0]!.put("app/ttl/1", "x");
    await caches[1]!.expire("app/ttl/1", 3600);
    const until = await caches[2]!.renew("app/ttl/1");
    expect(until!.getTime()).toBeGreaterThan(Date.now());
  });

  it("lose nothing that a server acknowledged before it was killed", async () => {
    const doomed = await startReplica();
    const cache = await connect(doomed);
    const acknowledged: number[] = [];
    const puts = Array.from({ length: 200 }, async (_, index) => {
      await cache.put(`app/killed/${index}`, `value ${index}`);
      acknowledged.push(index);
      if (acknowledged.length === 20) await doomed.stop("SIGKILL");
    });
    await Promise.allSettled(puts);
    await cache.close();
    expect(acknowledged.length).toBeGreaterThanOrEqual(20);
    const found = await Promise.all(acknowledged.map((index) => caches[0]!.get(`app/killed/${index}`)));
    expect(found).toEqual(acknowledged.map((index) => `value ${index}`));
  }, 60_000);
});

describe.skipIf(missing !== undefined)("a server", () => {
  it("with a wrong bucket ends with the reason", async () => {
    const { code, text } = await refusal("s3://nowhere/p", {
      ...CREDENTIALS,
      FLAME_CACHE_S3_ENDPOINT: store.endpoint,
    });
    expect([code, text]).toEqual([78, expect.stringContaining("has no bucket nowhere")]);
  });

  it("with wrong credentials ends with the reason", async () => {
    const { code, text } = await refusal(`s3://${BUCKET}/p`, {
      ...CREDENTIALS,
      AWS_SECRET_ACCESS_KEY: "wrong",
      FLAME_CACHE_S3_ENDPOINT: store.endpoint,
    });
    expect([code, text]).toEqual([78, expect.stringContaining("refuses the credentials")]);
  });

  it("without credentials ends with the reason", async () => {
    const { code, text } = await refusal(`s3://${BUCKET}/p`, { FLAME_CACHE_S3_ENDPOINT: store.endpoint });
    expect([code, text]).toEqual([expect.any(Number), expect.stringContaining("AWS_ACCESS_KEY_ID")]);
  });
});

describe.skipIf(missing !== undefined)("while the store is down", () => {
  it("strict calls fail at once, gets within the staleness go on, and all succeed when it is back", async () => {
    const lazy = await startReplica({ FLAME_CACHE_MAX_STALENESS: "10m" });
    servers.push(lazy);
    const [strict, cache] = [caches[0]!, await connect(lazy)];
    caches.push(cache);
    await cache.put("app/down/1", "kept");
    // The second get names the version that the client holds.
    for (let gets = 0; gets < 2; gets += 1) expect(await cache.get("app/down/1")).toBe("kept");
    await store.kill();
    const notSent = { code: "STORAGE_UNAVAILABLE", message: expect.stringContaining("was not sent") };
    await vi.waitFor(() => expect(strict.get("app/down/1")).rejects.toMatchObject(notSent), WAIT);
    await vi.waitFor(() => expect(cache.put("app/down/2", "x")).rejects.toMatchObject(notSent), WAIT);
    expect(await cache.get("app/down/1")).toBe("kept");
    await store.restart();
    await vi.waitFor(async () => expect(await strict.put("app/down/2", "y")).toMatchObject({}), WAIT);
    await vi.waitFor(async () => expect(await cache.get("app/down/2")).toBe("y"), WAIT);
  }, 120_000);
});
