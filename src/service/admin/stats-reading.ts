/**
 * All numbers of the server at one moment, as its parts count them. Types only.
 *
 * `/metrics` and the snapshot for JSON are two forms of one reading.
 */
import type { CacheCounts } from "../../cache/cache-counts.ts";
import type { GrpcServer } from "../../grpc/server.ts";
import type { CallMetrics } from "../../metrics/call-metrics.ts";
import type { DiskSpace } from "../../storage/storage-counts.ts";
import type { HttpTraffic } from "../http/http-traffic.ts";
import type { OpenFiles, ProcessFacts } from "./process-facts.ts";
import type { RuntimeMonitor } from "./runtime-monitor.ts";

/** The part of the gRPC server that is counted. */
export type CountedServer = Pick<
  GrpcServer,
  "openCalls" | "sessions" | "refusedConnections" | "traffic" | "refusals" | "memory"
>;

export interface StatsReading {
  readonly cache: CacheCounts;
  readonly server: CountedServer;
  readonly calls: CallMetrics;
  readonly http: HttpTraffic;
  readonly runtime: RuntimeMonitor;
  readonly space: DiskSpace | undefined;
  readonly process: ProcessFacts;
  readonly openFiles: OpenFiles | undefined;
  readonly uptimeSeconds: number;
}
