/**
 * A cache server in this process with an admin listener, and its metrics as a scrape reads them.
 */
import type { CacheConfig } from "../../src/config/cache-config.ts";
import type { MetricsFormat } from "../../src/service/admin/metrics/metrics-text.ts";
import type { StatsSnapshot } from "../../src/service/admin/stats-snapshot.ts";
import { type RunningCache, startServer } from "../../src/service/start-server.ts";
import { FlightTestClient } from "./flight-client.ts";
import { serverConfig } from "./in-process-server.ts";
import { type ParsedFamily, parseMetrics } from "./parse-metrics.ts";

const ACCEPT: Readonly<Record<MetricsFormat, string>> = {
  prometheus: "text/plain;version=0.0.4",
  openmetrics: "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
};

export class ScrapedServer {
  readonly client: FlightTestClient;
  readonly admin: string;
  readonly endpoint: string;
  readonly #server: RunningCache;

  constructor(server: RunningCache) {
    this.#server = server;
    this.endpoint = server.endpoint;
    this.admin = server.admin ?? "";
    this.client = new FlightTestClient(server.endpoint);
  }

  async scrapeText(format: MetricsFormat = "openmetrics"): Promise<string> {
    const response = await fetch(`${this.admin}/metrics`, { headers: { accept: ACCEPT[format] } });
    return await response.text();
  }

  async scrape(format: MetricsFormat = "openmetrics"): Promise<Map<string, ParsedFamily>> {
    return parseMetrics(await this.scrapeText(format), format);
  }

  /** The value of one series; undefined if the server has none. @param name of the sample */
  async valueOf(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number | undefined> {
    const wanted = Object.entries(labels);
    const samples = [...(await this.scrape("prometheus")).values()].flatMap((family) => family.samples);
    return samples.find(
      (sample) => sample.name === name && wanted.every(([key, value]) => sample.labels[key] === value),
    )?.value;
  }

  async stats(): Promise<StatsSnapshot> {
    return (await (await fetch(`${this.admin}/v1/admin/stats`)).json()) as StatsSnapshot;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    await this.#server.stop();
  }
}

/** @param directory where objects are kept; absent: in memory. */
export async function startScraped(
  directory?: string,
  more: Partial<CacheConfig> = {},
): Promise<ScrapedServer> {
  const admin = { scheme: "http", host: "127.0.0.1", port: 0 } as const;
  return new ScrapedServer(await startServer(serverConfig(directory, { admin, ...more })));
}
