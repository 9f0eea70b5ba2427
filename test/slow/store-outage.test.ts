/**
 * Two servers over one real store that is killed, hangs, and comes back: what callers and load balancers see meanwhile.
 *
 * Prints how long each state took to be known. test/unit/s3/store-health.test.ts has the judgement in virtual time.
 */
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { FlameCache } from "../../src/client/index.ts";
import { decodeHealthResponse, encodeHealthRequest } from "../../src/flight/health.ts";
import { HEALTH_METHODS } from "../../src/flight/methods.ts";
import { FlightTestClient } from "../support/flight-client.ts";
import { parseMetrics } from "../support/parse-metrics.ts";
import { missingS3Store, ownPrefix, type S3TestStore, startS3Store } from "../support/s3-store.ts";
import { startServer, type TestServer } from "../support/start-server.ts";

const missing = await missingS3Store();
const ENV = { FLAME_HOME: "/nonexistent", HOME: "/nonexistent" };
const WAIT = { timeout: 60_000, interval: 50 };
const NOT_SENT = { code: "STORAGE_UNAVAILABLE", message: expect.stringContaining("was not sent") };
const UNAVAILABLE = expect.objectContaining({ code: "STORAGE_UNAVAILABLE" });
/** A hung store: of a request with its connection, by docs/scale-out.md. */
const HUNG_CALL_MS_MAX = 15_000;

/** A server, a client of it, and the statuses that its health service reported. */
class Watched {
  readonly server: TestServer;
  readonly cache: FlameCache;
  readonly admin: string;
  readonly statuses: string[] = [];
  readonly #flight: FlightTestClient;

  private constructor(server: TestServer, cache: FlameCache, admin: string) {
    this.server = server;
    this.cache = cache;
    this.admin = admin;
    this.#flight = new FlightTestClient(server.endpoint);
  }

  /** The server is not named to clients: they would send gets to the one that owns the key. */
  static async start(storage: string, environment: Readonly<Record<string, string>>): Promise<Watched> {
    const own = { FLAME_CACHE_REPLICA_ENDPOINT: "none" };
    const server = await startServer({ storage, environment: { ...environment, ...own } });
    const cache = await FlameCache.connect({ endpoint: server.endpoint, env: ENV });
    await vi.waitFor(() => expect(server.log).toMatch(/"admin":"http/), WAIT);
    const watched = new Watched(server, cache, /"admin":"([^"]+)"/.exec(server.log)![1]!);
    void watched.#watch().catch(() => {});
    return watched;
  }

  async #watch(): Promise<void> {
    const call = this.#flight.grpc.open(HEALTH_METHODS.Watch.path);
    await call.write([encodeHealthRequest("")]);
    call.endRequests();
    for (let next = await call.responses.next(); next !== null; next = await call.responses.next())
      this.statuses.push(decodeHealthResponse(await next.collect(100)));
  }

  /** Statuses of `/readyz` and `/healthz`, and the value of the metric. */
  async states(): Promise<readonly (number | undefined)[]> {
    const [ready, healthy] = await Promise.all(
      ["/readyz", "/healthz"].map((path) => fetch(this.admin + path)),
    );
    const metrics = parseMetrics(await (await fetch(`${this.admin}/metrics`)).text(), "prometheus");
    return [ready!.status, healthy!.status, metrics.get("flame_cache_store_reachable")?.samples[0]?.value];
  }

  async check(): Promise<string> {
    const answer = await this.#flight.grpc.unary(HEALTH_METHODS.Check.path, encodeHealthRequest(""));
    return decodeHealthResponse(answer);
  }

  async stop(): Promise<void> {
    await this.#flight[Symbol.asyncDispose]();
    await this.cache.close();
    await this.server.stop();
  }
}

async function timed<Result>(name: string, work: () => Promise<Result>): Promise<number> {
  const begunMs = performance.now();
  await work();
  const tookMs = performance.now() - begunMs;
  process.stdout.write(`${name}: ${Math.round(tookMs)} ms\n`);
  return tookMs;
}

describe.skipIf(missing !== undefined)("servers whose store", () => {
  let store: S3TestStore;
  let strict: Watched;
  let lazy: Watched;
  beforeAll(async () => {
    store = await startS3Store();
    const environment = {
      AWS_ACCESS_KEY_ID: process.env.TEST_S3_ACCESS_KEY ?? "test",
      AWS_SECRET_ACCESS_KEY: process.env.TEST_S3_SECRET_KEY ?? "testtest",
      FLAME_CACHE_S3_ENDPOINT: store.endpoint,
      FLAME_CACHE_ADMIN: "127.0.0.1:0",
      RUST_LOG: "info",
    };
    const storage = `s3://${store.options.bucket}/${ownPrefix().slice(0, -1)}`;
    strict = await Watched.start(storage, environment);
    lazy = await Watched.start(storage, { ...environment, FLAME_CACHE_MAX_STALENESS: "1h" });
    await lazy.cache.put("app/s/1", "kept");
    for (let gets = 0; gets < 2; gets += 1) expect(await lazy.cache.get("app/s/1")).toBe("kept");
  });
  afterAll(async () => {
    await Promise.all([strict?.stop(), lazy?.stop()]);
    await store?.stop();
  });

  const expectServing = async (each: Watched): Promise<void> => {
    await vi.waitFor(async () => expect(await each.states()).toEqual([200, 200, 1]), WAIT);
    expect(await each.check()).toBe("serving");
  };
  const expectOut = async (each: Watched): Promise<void> => {
    await vi.waitFor(async () => expect(await each.states()).toEqual([503, 200, 0]), WAIT);
    expect(await each.check()).toBe("notServing");
  };
  /** Of a server that has found out. */
  const expectAtOnce = async (): Promise<void> => {
    await timed("a strict put", () =>
      expect(strict.cache.put("app/s/2", "x")).rejects.toMatchObject(NOT_SENT),
    );
    await timed("a strict get", () => expect(strict.cache.get("app/s/1")).rejects.toMatchObject(NOT_SENT));
    await timed("a get within the staleness", () => expect(lazy.cache.get("app/s/1")).resolves.toBe("kept"));
  };
  const expectAllBack = async (): Promise<void> => {
    await timed("back", () => Promise.all([expectServing(strict), expectServing(lazy)]));
    expect(await strict.cache.put("app/s/2", "y")).toMatchObject({ key: "app/s/2" });
    expect(await strict.cache.get("app/s/1")).toBe("kept");
  };

  it("is killed are not ready, fail strict calls at once, and go on when it is started again", async () => {
    await expectServing(strict);
    await store.kill();
    const calls = [
      strict.cache.put("app/s/2", "x"),
      strict.cache.get("app/s/1"),
      lazy.cache.put("app/s/3", "x"),
    ];
    await timed("calls while it is not known", () => Promise.allSettled(calls));
    expect((await Promise.allSettled(calls)).map((each) => "reason" in each && each.reason)).toEqual(
      calls.map(() => UNAVAILABLE),
    );
    await Promise.all([expectOut(strict), expectOut(lazy)]);
    await expectAtOnce();
    await timed("the start of the store", () => store.restart());
    await expectAllBack();
    expect(strict.statuses).toEqual(["serving", "notServing", "serving"]);
  });

  it("hangs end all calls within the time of one request, and go on when it answers again", async () => {
    store.signal("SIGSTOP");
    onTestFinished(() => store.signal("SIGCONT"));
    const calls = Array.from({ length: 40 }, (_, index) =>
      index % 4 === 0 ? strict.cache.put(`app/hung/${index}`, "x") : strict.cache.get("app/s/1"),
    );
    const settled = Promise.allSettled(calls);
    const tookMs = await timed("40 calls to a store that hangs", () => settled);
    expect((await settled).map((each) => "reason" in each && each.reason)).toEqual(
      calls.map(() => UNAVAILABLE),
    );
    expect(tookMs).toBeLessThan(HUNG_CALL_MS_MAX);
    await expectOut(strict);
    await expectAtOnce();
    store.signal("SIGCONT");
    await expectAllBack();
  });
});
