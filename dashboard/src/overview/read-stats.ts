/**
 * Reads the server's snapshot into the statistics of the overview. Pure.
 *
 * Calls of the admin listener are left out of the totals: the page itself makes them.
 */
import type { Bounded, MethodStats, SlowCall, Stats } from "./stats.ts";

interface DurationAnswer {
  readonly count: number;
  readonly p50_seconds: number | null;
  readonly p99_seconds: number | null;
}

/** The members of an event that the page uses. */
export interface StatsAnswer {
  readonly uptime_seconds: number;
  readonly calls: {
    readonly by_method: Readonly<Record<string, DurationAnswer & { readonly errors: number }>>;
    readonly by_code: Readonly<Record<string, number>>;
  };
  readonly traffic: { readonly received_bytes: number; readonly sent_bytes: number };
  readonly connections: { readonly grpc: number; readonly http: number };
  readonly objects: { readonly count: number | null; readonly count_max: number | null };
  readonly space: { readonly used_bytes: number | null; readonly bytes_max: number | null };
  readonly removals: { readonly evicted_objects: number };
  readonly memory: {
    readonly hits: number;
    readonly misses: number;
    readonly used_bytes: number;
    readonly bytes_max: number | null;
  } | null;
  readonly disk: { readonly free_bytes: number | null; readonly total_bytes: number | null } | null;
  readonly process: { readonly resident_bytes: number; readonly event_loop_delay: DurationAnswer };
  readonly slowest?: readonly SlowCall[];
  readonly recent?: { readonly p50_seconds: number | null; readonly p99_seconds: number | null };
}

const OBJECT_METHOD = /^(?!Health\/)[^\s/]+(\/\S+)?$|^[A-Z]+ \/v1\/objects/;

export function readStats(answer: StatsAnswer, atMs: number): Stats {
  const { calls, traffic, connections, objects, space, removals, memory, disk, process, recent } = answer;
  const methods = methodsOf(calls.by_method);
  // With storage none, the memory is the storage.
  const isStorage = disk === null && objects.count !== null;
  return {
    atMs,
    uptimeSeconds: answer.uptime_seconds,
    objects: bounded(objects.count, objects.count_max),
    stored: bounded(space.used_bytes, space.bytes_max),
    memory: isStorage || memory === null ? undefined : bounded(memory.used_bytes, memory.bytes_max),
    disk: diskOf(disk),
    residentBytes: process.resident_bytes,
    connections: connections.grpc + connections.http,
    loopDelaySeconds: process.event_loop_delay.p99_seconds ?? undefined,
    calls: sum(methods.map((method) => method.calls)),
    errors: sum(methods.map((method) => method.errors)),
    bytesIn: traffic.received_bytes,
    bytesOut: traffic.sent_bytes,
    hits: memory?.hits ?? 0,
    misses: memory?.misses ?? 0,
    evictions: removals.evicted_objects,
    p50: recent?.p50_seconds ?? undefined,
    p99: recent?.p99_seconds ?? undefined,
    methods,
    slowest: answer.slowest ?? [],
    errorsByCode: Object.entries(calls.by_code)
      .filter(([code, count]) => code !== "OK" && count > 0)
      .sort(([, a], [, b]) => b - a),
  };
}

function methodsOf(byMethod: StatsAnswer["calls"]["by_method"]): MethodStats[] {
  return Object.entries(byMethod)
    .filter(([name, { count }]) => count > 0 && OBJECT_METHOD.test(name) && name !== "HTTP")
    .map(([name, { count, errors, p50_seconds, p99_seconds }]) => ({
      name,
      calls: count,
      errors,
      p50: p50_seconds ?? undefined,
      p99: p99_seconds ?? undefined,
    }))
    .sort((a, b) => b.calls - a.calls);
}

function bounded(used: number, bound: number | null): Bounded;
function bounded(used: number | null, bound: number | null): Bounded | undefined;
function bounded(used: number | null, bound: number | null): Bounded | undefined {
  return used === null ? undefined : { used, bound: bound ?? undefined };
}

function diskOf(disk: StatsAnswer["disk"]): Bounded | undefined {
  if (disk === null || disk.free_bytes === null || disk.total_bytes === null) return undefined;
  return { used: disk.total_bytes - disk.free_bytes, bound: disk.total_bytes };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
