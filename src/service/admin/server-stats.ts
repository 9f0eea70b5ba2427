/**
 * What the server counts and holds, gathered from its parts: the source of `/metrics`, of
 * `/v1/admin/stats` and of the command `stats`.
 *
 * The parts know nothing of this: they count for themselves, and are read here when somebody asks.
 * Disk space and open files take a system call that may wait, so their last known values are used
 * and `refresh` renews them.
 */
import type { ObjectCache } from "../../cache/object-cache.ts";
import { logFor } from "../../log.ts";
import { CallMetrics } from "../../metrics/call-metrics.ts";
import type { DiskSpace } from "../../storage/storage-counts.ts";
import { HttpTraffic } from "../http/http-traffic.ts";
import { countOpenFiles, type OpenFiles, processFacts } from "./process-facts.ts";
import { RuntimeMonitor } from "./runtime-monitor.ts";
import type { CountedServer, StatsReading } from "./stats-reading.ts";
import { formatStats, type StatsSnapshot } from "./stats-snapshot.ts";

const log = logFor("service");

/** How old the values of `refresh` may be when a snapshot uses them, ms. */
const REFRESH_MS = 5_000;

export interface StatsOptions {
  readonly cache: Pick<ObjectCache, "counts" | "space">;
  readonly server: CountedServer;
}

export class ServerStats {
  readonly calls = new CallMetrics();
  readonly http = new HttpTraffic();
  readonly #runtime = new RuntimeMonitor();
  readonly #options: StatsOptions;
  readonly #startedMs = performance.now();
  #space: DiskSpace | undefined;
  #openFiles: OpenFiles | undefined;
  #refreshedMs = Number.NEGATIVE_INFINITY;
  #refreshing: Promise<void> | undefined;

  constructor(options: StatsOptions) {
    this.#options = options;
  }

  /** Begins to measure the event loop and the garbage collection. */
  start(): void {
    this.#runtime.start();
  }

  stop(): void {
    this.#runtime.stop();
  }

  /** Renews disk space and open files. Never rejects. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** All numbers now; disk space and open files are at most a few seconds old. */
  snapshot(): StatsSnapshot {
    if (performance.now() - this.#refreshedMs > REFRESH_MS) void this.refresh();
    return formatStats(this.read());
  }

  /** The same numbers as the parts count them. */
  read(): StatsReading {
    const { cache, server } = this.#options;
    return {
      cache: cache.counts,
      server,
      calls: this.calls,
      http: this.http,
      runtime: this.#runtime,
      space: this.#space,
      process: processFacts(),
      openFiles: this.#openFiles,
      uptimeSeconds: (performance.now() - this.#startedMs) / 1000,
    };
  }

  async #refresh(): Promise<void> {
    this.#openFiles = await countOpenFiles();
    try {
      this.#space = await this.#options.cache.space();
    } catch (error) {
      this.#space = undefined;
      log.warn("the space of the disk cannot be measured", { error });
    }
    this.#refreshedMs = performance.now();
  }
}
