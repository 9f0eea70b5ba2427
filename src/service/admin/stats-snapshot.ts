/**
 * The numbers of the server as plain JSON: the answer of `/v1/admin/stats`.
 *
 * Counts are since the start; a reader that wants rates takes two snapshots. Names end with their
 * unit. `null` means: unlimited, unknown, or nothing was observed.
 */
import { Histogram } from "../../metrics/histogram.ts";
import type { DiskCounts, MemoryCounts } from "../../storage/storage-counts.ts";
import { BUILD_VERSION } from "./build-version.ts";
import type { StatsReading } from "./stats-reading.ts";

export interface DurationStats {
  readonly count: number;
  readonly sum_seconds: number;
  readonly p50_seconds: number | null;
  readonly p90_seconds: number | null;
  readonly p99_seconds: number | null;
}

export interface MethodStats extends DurationStats {
  /** Calls that did not end with OK. */
  readonly errors: number;
}

export interface StatsSnapshot {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly version: string;
  readonly node: string;
  readonly uptime_seconds: number;
  readonly calls: {
    readonly open: number;
    readonly by_method: Readonly<Record<string, MethodStats>>;
    /** All calls by the code they ended with, `OK` included. */
    readonly by_code: Readonly<Record<string, number>>;
    readonly memory: { readonly used_bytes: number; readonly bytes_max: number };
  };
  /** Over gRPC and HTTP. */
  readonly traffic: { readonly received_bytes: number; readonly sent_bytes: number };
  readonly connections: {
    readonly grpc: number;
    readonly http: number;
    readonly refused: number;
  };
  readonly objects: {
    /** Null over a bucket: no server counts what all of them put. */
    readonly count: number | null;
    readonly count_max: number | null;
    readonly bytes: number | null;
    /** True while the scan of the start may still find objects. */
    readonly scanning: boolean;
  };
  /** What the capacity, or the memory of storage none, is used for. */
  readonly space: {
    readonly used_bytes: number | null;
    readonly bytes_max: number | null;
    readonly staged_bytes: number;
    readonly pinned_bytes: number;
  };
  readonly removals: {
    readonly evicted_objects: number;
    readonly evicted_bytes: number;
    readonly expired_objects: number;
    readonly quarantined_objects: number;
    /** Puts refused with STORAGE_FULL. */
    readonly refused_puts: number;
  };
  /** The memory tier, or storage none; null without either. */
  readonly memory: {
    readonly hits: number;
    readonly misses: number;
    readonly evictions: number;
    readonly used_bytes: number;
    readonly bytes_max: number | null;
  } | null;
  /** Null with storage none. */
  readonly disk: {
    readonly reads: number;
    readonly free_bytes: number | null;
    readonly total_bytes: number | null;
    readonly syncs: DurationStats;
    readonly commit_log_bytes: number;
    readonly checkpoints: number;
  } | null;
  readonly process: {
    readonly resident_bytes: number;
    readonly heap_used_bytes: number;
    readonly cpu_seconds: number;
    readonly open_files: number | null;
    readonly event_loop_delay: DurationStats & { readonly max_seconds: number };
    readonly gc_seconds: number;
  };
}

export function formatStats(reading: StatsReading): StatsSnapshot {
  const { cache, server, http } = reading;
  const { budget, removals, storage } = cache;
  const [grpc, web] = [server.traffic, http.bytes];
  return {
    at: new Date().toISOString(),
    version: BUILD_VERSION,
    node: process.versions.node,
    uptime_seconds: reading.uptimeSeconds,
    calls: callStats(reading),
    traffic: {
      received_bytes: grpc.receivedBytes + web.receivedBytes,
      sent_bytes: grpc.sentBytes + web.sentBytes,
    },
    connections: {
      grpc: server.sessions,
      http: http.connections,
      refused: server.refusedConnections + http.refusedConnections,
    },
    objects: {
      count: cache.objects ?? null,
      count_max: finite(budget?.objectsMax),
      bytes: cache.objectBytes ?? null,
      scanning: cache.isScanning,
    },
    space: {
      used_bytes: budget?.usedBytes ?? cache.objectBytes ?? null,
      bytes_max: finite(budget?.bytesMax),
      staged_bytes: budget?.stagedBytes ?? storage.stagedBytes,
      pinned_bytes: budget?.pinnedBytes ?? 0,
    },
    removals: {
      evicted_objects: removals.evictedObjects,
      evicted_bytes: removals.evictedBytes,
      expired_objects: removals.expiredObjects,
      quarantined_objects: storage.disk?.quarantined ?? 0,
      refused_puts: removals.refusals,
    },
    memory: storage.memory === undefined ? null : memoryStats(storage.memory),
    disk: storage.disk === undefined ? null : diskStats(storage.disk, reading.space),
    process: processStats(reading),
  };
}

function callStats({ calls, server }: StatsReading): StatsSnapshot["calls"] {
  const byMethod: Record<string, MethodStats> = {};
  const byCode: Record<string, number> = Object.fromEntries(server.refusals);
  for (const method of calls.methods) {
    const duration = durationStats([method.seconds]);
    byMethod[method.name] = { ...duration, errors: duration.count - method.calls("OK") };
    for (const [code, count] of method.codes()) byCode[code] = (byCode[code] ?? 0) + count;
  }
  const { usedBytes, bytesMax } = server.memory;
  const memory = { used_bytes: usedBytes, bytes_max: bytesMax };
  return { open: server.openCalls, by_method: byMethod, by_code: byCode, memory };
}

function memoryStats(counts: MemoryCounts): StatsSnapshot["memory"] {
  const { hits, misses, droppedCopies: evictions, heldBytes, bytesMax } = counts;
  return { hits, misses, evictions, used_bytes: heldBytes, bytes_max: finite(bytesMax) };
}

function diskStats(disk: DiskCounts, space: StatsReading["space"]): StatsSnapshot["disk"] {
  return {
    reads: disk.opens,
    free_bytes: space?.freeBytes ?? null,
    total_bytes: space?.totalBytes ?? null,
    syncs: durationStats(Object.values(disk.syncs)),
    commit_log_bytes: disk.log.bytes,
    checkpoints: disk.log.checkpoints,
  };
}

function processStats({ process, runtime, openFiles }: StatsReading): StatsSnapshot["process"] {
  const { residentBytes, heapUsedBytes, cpuSeconds } = process;
  const delay = durationStats([runtime.loopDelaySeconds]);
  return {
    resident_bytes: residentBytes,
    heap_used_bytes: heapUsedBytes,
    cpu_seconds: cpuSeconds,
    open_files: openFiles?.open ?? null,
    event_loop_delay: { ...delay, max_seconds: runtime.loopDelaySecondsMax },
    gc_seconds: Object.values(runtime.gcSeconds).reduce((sum, each) => sum + each.sum, 0),
  };
}

/** @param histograms of the same bounds, as one */
function durationStats(histograms: readonly Histogram[]): DurationStats {
  const all = new Histogram(histograms[0]!.bounds);
  for (const each of histograms) all.add(each);
  return {
    count: all.count,
    sum_seconds: all.sum,
    p50_seconds: all.quantile(0.5) ?? null,
    p90_seconds: all.quantile(0.9) ?? null,
    p99_seconds: all.quantile(0.99) ?? null,
  };
}

/** JSON has no infinity. */
function finite(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : value;
}
