/**
 * How long the calls of the latest moment took: what the histograms, which count since the start,
 * gained since the last look.
 *
 * Only calls for objects count: requests of the admin listener, such as a stream of events that is
 * open for hours, would hide them.
 */
import { LIMITS } from "../../limits.ts";
import type { CallMetrics } from "../../metrics/call-metrics.ts";
import { CALL_SECONDS, Histogram } from "../../metrics/histogram.ts";

/** A part of each event; null if there was no call. */
export interface RecentCalls {
  readonly calls: number;
  readonly p50_seconds: number | null;
  readonly p99_seconds: number | null;
}

/** Methods of gRPC have no space in their names; routes of HTTP begin with GET, PUT and so on. */
const OBJECT_METHOD = /^\S+$|^[A-Z]+ \/v1\/objects/;
const HEALTH_METHOD = /^Health\//;

export function isObjectMethod(name: string): boolean {
  return OBJECT_METHOD.test(name) && !HEALTH_METHOD.test(name) && name !== "HTTP";
}

/** A part of each event. */
export interface SlowMethodCall {
  readonly method: string;
  readonly seconds: number;
  /** `OK` or a code of the error table. */
  readonly code: string;
  /** ISO 8601, UTC. */
  readonly at: string;
}

/** For each method its slowest call of the last minutes, the slowest first. */
export function slowestCalls(metrics: CallMetrics, nowMs: number): SlowMethodCall[] {
  return metrics.methods
    .filter(({ name }) => isObjectMethod(name))
    .flatMap((method): SlowMethodCall[] => {
      const slowest = method.slowestSince(nowMs - LIMITS.slowestCallsMs);
      if (slowest === undefined) return [];
      const { seconds, code, atMs } = slowest;
      return [{ method: method.name, seconds, code, at: new Date(atMs).toISOString() }];
    })
    .sort((a, b) => b.seconds - a.seconds);
}

export class RecentCallsMeter {
  #before: Histogram | undefined;

  /** The calls since the last one of this. */
  take(metrics: CallMetrics): RecentCalls {
    const now = new Histogram(CALL_SECONDS);
    for (const { name, seconds } of metrics.methods) if (isObjectMethod(name)) now.add(seconds);
    const recent = now.since(this.#before ?? now);
    this.#before = now;
    return {
      calls: recent.count,
      p50_seconds: recent.quantile(0.5) ?? null,
      p99_seconds: recent.quantile(0.99) ?? null,
    };
  }
}
