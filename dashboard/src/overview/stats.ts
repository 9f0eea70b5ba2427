/**
 * The statistics that the overview shows, whatever the server's snapshot has besides them.
 *
 * Counters grow since the start of the server; `history.ts` makes rates of them. Undefined: the
 * server does not report it.
 */

export interface Bounded {
  readonly used: number;
  readonly bound: number | undefined;
}

export interface MethodStats {
  readonly name: string;
  readonly calls: number;
  readonly errors: number;
  /** Seconds. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
}

export interface SlowCall {
  readonly method: string;
  readonly seconds: number;
  readonly code: string;
  readonly at: string;
}

export interface Stats {
  /** When the page got it, ms since 1970. */
  readonly atMs: number;
  readonly uptimeSeconds: number | undefined;
  readonly objects: Bounded | undefined;
  readonly stored: Bounded | undefined;
  readonly memory: Bounded | undefined;
  readonly disk: Bounded | undefined;
  readonly residentBytes: number | undefined;
  readonly connections: number | undefined;
  readonly loopDelaySeconds: number | undefined;
  readonly calls: number;
  readonly errors: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  readonly methods: readonly MethodStats[];
  readonly slowest: readonly SlowCall[];
  readonly errorsByCode: readonly (readonly [code: string, count: number])[];
}
