/**
 * The last minutes of the statistics as series for charts: rates between two snapshots. Pure.
 *
 * A counter that falls means that the server started again: that moment has no rate.
 */
import type { Stats } from "./stats.ts";

/** One column for each series; null where there is no value. */
export interface Series {
  /** Seconds since 1970. */
  readonly times: readonly number[];
  readonly calls: readonly (number | null)[];
  readonly errors: readonly (number | null)[];
  readonly bytesIn: readonly (number | null)[];
  readonly bytesOut: readonly (number | null)[];
  /** From 0 to 1. */
  readonly hitRatio: readonly (number | null)[];
  readonly evictions: readonly (number | null)[];
  readonly p50: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
}

type Point = { readonly [name in keyof Series]: number | null };

export const POINTS_MAX = 300;
/** Two snapshots closer than this are too noisy for a rate. */
const INTERVAL_MIN_SECONDS = 0.2;

export class History {
  readonly #points: Point[] = [];
  #last: Stats | undefined;

  add(stats: Stats): void {
    const last = this.#last;
    if (last !== undefined && (stats.atMs - last.atMs) / 1000 < INTERVAL_MIN_SECONDS) return;
    this.#last = stats;
    if (last === undefined) return;
    this.#points.push(pointBetween(last, stats));
    if (this.#points.length > POINTS_MAX) this.#points.shift();
  }

  series(): Series {
    const column = (name: keyof Series) => this.#points.map((point) => point[name]);
    return {
      times: column("times") as number[],
      calls: column("calls"),
      errors: column("errors"),
      bytesIn: column("bytesIn"),
      bytesOut: column("bytesOut"),
      hitRatio: column("hitRatio"),
      evictions: column("evictions"),
      p50: column("p50"),
      p99: column("p99"),
    };
  }
}

function pointBetween(last: Stats, now: Stats): Point {
  const seconds = (now.atMs - last.atMs) / 1000;
  const rate = (name: "calls" | "errors" | "bytesIn" | "bytesOut" | "evictions") => {
    const grown = now[name] - last[name];
    return grown < 0 ? null : grown / seconds;
  };
  const hits = now.hits - last.hits;
  const reads = hits + now.misses - last.misses;
  return {
    times: now.atMs / 1000,
    calls: rate("calls"),
    errors: rate("errors"),
    bytesIn: rate("bytesIn"),
    bytesOut: rate("bytesOut"),
    evictions: rate("evictions"),
    hitRatio: reads > 0 && hits >= 0 ? hits / reads : null,
    p50: now.p50 ?? null,
    p99: now.p99 ?? null,
  };
}
