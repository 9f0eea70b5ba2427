/**
 * `/metrics` and `/v1/admin/stats` of real servers: their format, and that what happened is counted.
 */
import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { encodeHealthRequest } from "../../../../src/flight/health.ts";
import { HEALTH_METHODS } from "../../../../src/flight/methods.ts";
import { METRIC_FAMILIES } from "../../../../src/service/admin/metrics/metrics-route.ts";
import { CONTENT_TYPES, type MetricsFormat } from "../../../../src/service/admin/metrics/metrics-text.ts";
import { pathDescriptor, valuePut } from "../../../support/flight-messages.ts";
import { parseMetrics } from "../../../support/parse-metrics.ts";
import { startScraped } from "../../../support/scraped-server.ts";
import { temporaryDirectory } from "../../../support/temporary-directory.ts";

const FORMATS: readonly MetricsFormat[] = ["prometheus", "openmetrics"];

function ownDirectory(): string {
  const directory = temporaryDirectory("metrics");
  onTestFinished(() => directory.remove());
  return directory.path;
}

function put(key: string, value: string | Buffer = "x"): Buffer[] {
  return valuePut(pathDescriptor(key), value);
}

describe("a scrape", () => {
  it.each(FORMATS)("is text that a strict parser of %s accepts", async (format) => {
    await using server = await startScraped(ownDirectory(), { durability: "power-loss" });
    await server.client.put(put("a/s/o"));
    await server.client.get("a/s/o");
    expect((await server.scrape(format)).size).toBeGreaterThan(35);
  });

  it("has every family of the table on a server with files, a capacity and a memory tier", async () => {
    await using server = await startScraped(ownDirectory(), {
      capacityBytes: 2 ** 30,
      durability: "power-loss",
    });
    const names = [...(await server.scrape("prometheus")).keys()];
    const absent = METRIC_FAMILIES.map(({ name }) => name).filter((name) => !names.includes(name));
    // Objects are bounded in memory only, and files are in no object store.
    expect(absent.toSorted()).toEqual([
      "flame_cache_local_bytes_total",
      "flame_cache_local_lost_total",
      "flame_cache_local_max_bytes",
      "flame_cache_local_used_bytes",
      "flame_cache_objects_max",
      "flame_cache_replica_alive",
      "flame_cache_store_collected_total",
      "flame_cache_store_reachable",
      "flame_cache_store_requests_total",
    ]);
  });

  it("names no bound and no disk that the server does not have", async () => {
    await using server = await startScraped();
    const names = [...(await server.scrape("prometheus")).keys()];
    expect(names).not.toContain("flame_cache_objects_max");
    expect(names.filter((name) => /disk|sync|commit/.test(name))).toEqual([]);
  });

  it("has series of one name in both formats", async () => {
    await using server = await startScraped();
    const namesOf = async (format: MetricsFormat): Promise<string[]> =>
      [...(await server.scrape(format)).values()].flatMap(({ samples }) =>
        samples.map(({ name, labels }) => `${name}${JSON.stringify(labels)}`),
      );
    await namesOf("prometheus");
    expect(await namesOf("prometheus")).toEqual(await namesOf("openmetrics"));
  });

  it.each([
    ["", "prometheus"],
    ["*/*", "prometheus"],
    ["text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.2", "prometheus"],
    ["application/openmetrics-text;version=0.0.1,text/plain", "prometheus"],
    ["application/openmetrics-text;version=1.0.0;q=x", "prometheus"],
    ["application/openmetrics-text; version=1.0.0, text/plain;q=0.5", "openmetrics"],
    ["Application/OpenMetrics-Text", "openmetrics"],
  ] as const)("that accepts %j is answered in %s", async (accept, format) => {
    await using server = await startScraped();
    const response = await fetch(`${server.admin}/metrics`, { headers: { accept } });
    expect(response.headers.get("content-type")).toBe(CONTENT_TYPES[format]);
    expect(parseMetrics(await response.text(), format).size).toBeGreaterThan(20);
  });
});

describe("the server counts", () => {
  it("calls by method and code, and how long they took", async () => {
    await using server = await startScraped();
    await server.client.put(put("a/s/o"));
    await server.client.get("a/s/o");
    await expect(server.client.get("a/s/none")).rejects.toThrow();
    const get = { method: "DoGet" };
    expect(await server.valueOf("flame_cache_calls_total", { method: "DoPut", code: "OK" })).toBe(1);
    expect(await server.valueOf("flame_cache_calls_total", { ...get, code: "OK" })).toBe(1);
    expect(await server.valueOf("flame_cache_calls_total", { ...get, code: "OBJECT_NOT_FOUND" })).toBe(1);
    expect(await server.valueOf("flame_cache_call_duration_seconds_count", get)).toBe(2);
    expect(await server.valueOf("flame_cache_call_duration_seconds_sum", get)).toBeGreaterThan(0);
  });

  it("actions by their names, and an unknown one without its name", async () => {
    await using server = await startScraped();
    await server.client.put(put("a/s/o"));
    await server.client.action("PIN", JSON.stringify({ key: "a/s/o" }));
    await expect(server.client.action("CLIENT CHOSEN")).rejects.toThrow();
    const unknown = { method: "DoAction", code: "UNKNOWN_ACTION" };
    expect(await server.valueOf("flame_cache_calls_total", { method: "DoAction/PIN", code: "OK" })).toBe(1);
    expect(await server.valueOf("flame_cache_calls_total", unknown)).toBe(1);
    expect(await server.scrapeText()).not.toContain("CLIENT");
  });

  it("requests over HTTP by their routes, and those without a route together", async () => {
    await using server = await startScraped();
    await fetch(`${server.admin}/healthz`);
    await fetch(`${server.admin}/client/chosen`);
    await fetch(`${server.admin}/healthz`, { method: "DELETE" });
    const counted = async (method: string, code: string) =>
      await server.valueOf("flame_cache_calls_total", { method, code });
    expect(await counted("GET /healthz", "OK")).toBe(1);
    expect(await counted("HTTP", "OBJECT_NOT_FOUND")).toBe(1);
    expect(await counted("HTTP", "METHOD_NOT_ALLOWED")).toBe(1);
    expect(await server.scrapeText()).not.toContain("chosen");
  });

  it("calls of a method that does not exist without its name", async () => {
    await using server = await startScraped();
    await expect(server.client.grpc.unary("/a.b/ClientChosen", Buffer.alloc(0))).rejects.toThrow();
    const refused = { method: "none", code: "NOT_IMPLEMENTED" };
    expect(await server.valueOf("flame_cache_calls_total", refused)).toBe(1);
    expect(await server.scrapeText()).not.toContain("ClientChosen");
  });

  it("bytes of requests and answers in their direction", async () => {
    await using server = await startScraped();
    const value = Buffer.alloc(3_000_000, 1);
    await server.client.put(put("a/s/o", value));
    const bytesOf = async (direction: string) =>
      (await server.valueOf(`flame_cache_${direction}_bytes_total`, { protocol: "grpc" }))!;
    const [received, sent] = [await bytesOf("received"), await bytesOf("sent")];
    expect(received).toBeGreaterThan(value.length);
    expect(sent).toBeLessThan(10_000);
    await server.client.get("a/s/o");
    expect((await bytesOf("sent")) - sent).toBeGreaterThan(value.length);
    expect((await bytesOf("received")) - received).toBeLessThan(10_000);
    expect(await server.valueOf("flame_cache_sent_bytes_total", { protocol: "http" })).toBeGreaterThan(1000);
  });

  it("objects and bytes, also when objects are replaced, patched and deleted", async () => {
    await using server = await startScraped(ownDirectory());
    const held = async () => [
      await server.valueOf("flame_cache_objects"),
      await server.valueOf("flame_cache_object_bytes"),
    ];
    expect(await held()).toEqual([0, 0]);
    await server.client.put(put("a/s/o", Buffer.alloc(1000)));
    const [, first] = await held();
    expect(first).toBeGreaterThan(1000);
    await server.client.put(put("a/s/o", Buffer.alloc(1000)));
    expect(await held()).toEqual([1, first]);
    await server.client.action("DELETE", "a/s/o");
    expect(await held()).toEqual([0, 0]);
  });

  it("evictions by their reason", async () => {
    const eviction = { policy: "lru", maxMemoryBytes: 2 ** 20, maxObjects: 2 } as const;
    await using server = await startScraped(undefined, { eviction });
    for (const key of ["a/s/1", "a/s/2", "a/s/3"]) await server.client.put(put(key));
    expect(await server.valueOf("flame_cache_evictions_total", { reason: "objects" })).toBe(1);
    for (const key of ["a/s/4", "a/s/5"]) await server.client.put(put(key, Buffer.alloc(600_000)));
    expect(await server.valueOf("flame_cache_evictions_total", { reason: "bytes" })).toBeGreaterThan(0);
    await expect(server.client.put(put("a/s/6", Buffer.alloc(2_000_000)))).rejects.toThrow();
    expect(await server.valueOf("flame_cache_refused_puts_total")).toBe(1);
    const max = await server.valueOf("flame_cache_space_max_bytes");
    expect(await server.valueOf("flame_cache_space_used_bytes")).toBeLessThanOrEqual(max!);
  });

  it("reads by tier", async () => {
    await using server = await startScraped(ownDirectory());
    // A smaller object stays in memory when it is put.
    await server.client.put(put("a/s/o", Buffer.alloc(200_000)));
    for (let i = 0; i < 3; i += 1) await server.client.get("a/s/o");
    const reads = async (tier: string, result: string) =>
      await server.valueOf("flame_cache_tier_reads_total", { tier, result });
    expect([await reads("memory", "miss"), await reads("memory", "hit"), await reads("disk", "hit")]).toEqual(
      [1, 2, 1],
    );
  });

  it("syncs and the bytes of the log", async () => {
    await using server = await startScraped(ownDirectory(), { durability: "power-loss" });
    await server.client.put(put("a/s/small"));
    await server.client.put(put("a/s/large", Buffer.alloc(200_000)));
    for (const kind of ["file", "directory", "log"]) {
      expect(await server.valueOf("flame_cache_sync_duration_seconds_count", { kind })).toBeGreaterThan(0);
    }
    expect(await server.valueOf("flame_cache_commit_log_bytes")).toBeGreaterThan(0);
    expect(await server.valueOf("flame_cache_disk_free_bytes")).toBeGreaterThan(0);
  });

  it("open calls and connections", async () => {
    await using server = await startScraped();
    await server.client.list();
    expect(await server.valueOf("flame_cache_connections", { protocol: "grpc" })).toBe(1);
    expect(await server.valueOf("flame_cache_connections", { protocol: "http" })).toBeGreaterThan(0);
    expect(await server.valueOf("flame_cache_open_calls")).toBe(0);
    const watch = server.client.grpc.open(HEALTH_METHODS.Watch.path);
    await watch.write([encodeHealthRequest("")]);
    watch.endRequests();
    await watch.responses.next();
    expect(await server.valueOf("flame_cache_open_calls")).toBe(1);
    watch.cancel();
  });

  it("connections that it refused", async () => {
    const limits = { callsMemoryBytes: 2 ** 26, connections: 1, idleCallMs: 60_000 };
    await using server = await startScraped(undefined, { limits });
    const refused = () => server.valueOf("flame_cache_refused_connections_total", { protocol: "grpc" });
    expect(await refused()).toBe(0);
    const watch = server.client.grpc.open(HEALTH_METHODS.Watch.path);
    await watch.write([encodeHealthRequest("")]);
    watch.endRequests();
    await watch.responses.next();
    const second = connect(Number(new URL(server.endpoint).port), "127.0.0.1").on("error", () => {});
    await once(second.resume(), "close");
    expect(await refused()).toBe(1);
    watch.cancel();
  });
});

describe("the start time of the process", () => {
  it("is the same in every scrape, because a change of it means a restart", async () => {
    await using server = await startScraped();
    const scrapes = [1, 2, 3].map(() => server.valueOf("process_start_time_seconds"));
    expect(new Set(await Promise.all(scrapes)).size).toBe(1);
    expect(await scrapes[0]).toBeLessThan(Date.now() / 1000);
  });
});

describe("the snapshot of a server", () => {
  it("agrees with the scrape", async () => {
    await using server = await startScraped(ownDirectory(), { capacityBytes: 2 ** 30 });
    await server.client.put(put("a/s/o", Buffer.alloc(200_000)));
    await server.client.get("a/s/o");
    const stats = await server.stats();
    expect(stats.calls.by_method.DoPut).toMatchObject({ count: 1, errors: 0 });
    expect(stats.calls.by_method.DoGet?.p50_seconds).toBeGreaterThan(0);
    expect(stats.calls.by_code.OK).toBeGreaterThanOrEqual(2);
    expect(stats.objects).toMatchObject({ count: 1, count_max: null });
    expect(stats.space).toMatchObject({ bytes_max: 2 ** 30, staged_bytes: 0, pinned_bytes: 0 });
    expect(stats.memory).toMatchObject({ hits: 0, misses: 1 });
    expect(stats.disk?.free_bytes).toBeGreaterThan(0);
    expect(stats.space.used_bytes).toBe(await server.valueOf("flame_cache_space_used_bytes"));
  });

  it("has null for what the server does not have", async () => {
    await using server = await startScraped();
    const stats = await server.stats();
    expect([stats.disk, stats.objects.count_max]).toEqual([null, null]);
    expect(stats.memory?.bytes_max).toBe(1024 ** 3);
  });
});
