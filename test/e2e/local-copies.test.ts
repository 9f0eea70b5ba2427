/**
 * A server with copies on its local disk over a real S3 store: what a get moves over the network,
 * counted by the server's metrics.
 */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { FlameCache } from "../../src/client/index.ts";
import { loadCacheConfig } from "../../src/config/load-cache-config.ts";
import { startServer } from "../../src/service/start-server.ts";
import { parseMetrics } from "../support/parse-metrics.ts";
import { missingS3Store, ownPrefix, type S3TestStore, startS3Store } from "../support/s3-store.ts";
import { scratchDirectory } from "../unit/storage/scratch-directory.ts";

const MIB = 1024 * 1024;
const NOWHERE = { FLAME_HOME: "/nonexistent", HOME: "/nonexistent" };
const {
  TEST_S3_BUCKET = "tests",
  TEST_S3_ACCESS_KEY = "test",
  TEST_S3_SECRET_KEY = "testtest",
} = process.env;

const missing = await missingS3Store();
const storage = `s3://${TEST_S3_BUCKET}/${ownPrefix().replace(/\/$/, "")}`;
let store: S3TestStore;

beforeAll(async () => {
  if (missing !== undefined) return;
  store = await startS3Store();
  vi.stubEnv("AWS_ACCESS_KEY_ID", TEST_S3_ACCESS_KEY);
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", TEST_S3_SECRET_KEY);
}, 120_000);

afterAll(async () => {
  vi.unstubAllEnvs();
  await store?.stop();
});

class Server {
  readonly #server: Awaited<ReturnType<typeof startServer>>;

  private constructor(server: Awaited<ReturnType<typeof startServer>>) {
    this.#server = server;
  }

  static async start(localCache: string, maxMemory: string): Promise<Server> {
    const env = { ...NOWHERE, FLAME_CACHE_S3_ENDPOINT: store.endpoint, FLAME_CACHE_MAX_MEMORY: maxMemory };
    const flags = { endpoint: "grpc://127.0.0.1:0", admin: "127.0.0.1:0", storage, localCache };
    const server = await startServer(loadCacheConfig({ env, flags }).config);
    onTestFinished(() => server.stop());
    return new Server(server);
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  /** By a client that holds nothing. */
  async get(key: string): Promise<Buffer> {
    const cache = await this.connect();
    return Buffer.from(await cache.getBytes(key));
  }

  async connect(): Promise<FlameCache> {
    const cache = await FlameCache.connect({ endpoint: this.#server.endpoint, env: NOWHERE });
    onTestFinished(() => cache.close());
    return cache;
  }

  /** Values of a family, by their labels; without the requests by which a server says that it lives. */
  async samples(family: string): Promise<Record<string, number>> {
    const text = await (await fetch(`${this.#server.admin}/metrics`)).text();
    const samples = parseMetrics(text, "prometheus").get(family)?.samples ?? [];
    const ofCalls = samples.filter(({ labels }) => labels.kind !== "registration");
    const pairs = ofCalls.map(({ labels, value }) => [Object.values(labels).join("/"), value] as const);
    return Object.fromEntries(pairs.filter(([, value]) => value > 0));
  }
}

describe.skipIf(missing !== undefined)("a server with a local cache over a store", () => {
  it.each(["0", "1G"])(
    "with %s of memory sends a large object again with one request, also after a restart",
    async (memory) => {
      const directory = scratchDirectory();
      const first = await Server.start(directory, memory);
      const bytes = randomBytes(16 * MIB);
      const key = `app/local/${memory}`;
      await (await first.connect()).put(key, bytes);
      expect((await first.get(key)).equals(bytes)).toBe(true);
      const { "read/same": validated = 0, ...others } = await first.samples(
        "flame_cache_store_requests_total",
      );
      expect((await first.get(key)).equals(bytes)).toBe(true);
      expect(await first.samples("flame_cache_store_requests_total")).toEqual({
        ...others,
        "read/same": validated + 1,
      });
      await first.stop();
      const later = await Server.start(directory, memory);
      expect((await later.get(key)).equals(bytes)).toBe(true);
      expect(await later.samples("flame_cache_store_requests_total")).toEqual({ "read/found": 1 });
      expect((await later.samples("flame_cache_local_bytes_total")).read).toBeGreaterThanOrEqual(16 * MIB);
      expect(await later.samples("flame_cache_local_lost_total")).toEqual({});
    },
    60_000,
  );
});
