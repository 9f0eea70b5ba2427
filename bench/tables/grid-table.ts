/**
 * The grid as a table: for the cache also where a call's time goes, by what the floors of the same run took.
 *
 * `HTTP/2` is bare node:http2, `file` the bare file, `own` what is left: how long the cache itself works, or less than nothing
 * where it is faster than its floor.
 */
import {
  BARE_FILES,
  BARE_HTTP2,
  CACHE_IN_MEMORY,
  CACHE_ON_FILES,
  CPP_SERVER,
  MIB,
  type Operation,
} from "../names.ts";
import type { GridResult, GridRow } from "../workloads/grid.ts";
import { formatSize, formatSpread, formatTable } from "./markdown.ts";

const HEAD = [
  "call",
  "server",
  "median ms",
  "rounds ms",
  "p99 ms",
  "MB/s",
  "server CPU ms",
  "ratio",
  "p99 ratio",
  "where the time goes, ms",
];

/** Where throughput counts instead of the time of a call. */
export const BULK_BYTES_MIN = 2 * MIB;

export interface Cell {
  readonly server: string;
  readonly operation: Operation;
  readonly sizeBytes: number;
}

export function findRow({ rows }: GridResult, { server, operation, sizeBytes }: Cell): GridRow | undefined {
  return rows.find(
    (row) => row.server === server && row.operation === operation && row.sizeBytes === sizeBytes,
  );
}

function parts(result: GridResult, row: GridRow): string {
  if (row.server !== CACHE_IN_MEMORY && row.server !== CACHE_ON_FILES) return "";
  const floor = (server: string): number => findRow(result, { ...row, server })?.timeMs.median ?? 0;
  const http2 = floor(BARE_HTTP2);
  const file = row.server === CACHE_ON_FILES ? floor(BARE_FILES) : 0;
  const own = row.timeMs.median - http2 - file;
  const digits = row.sizeBytes >= BULK_BYTES_MIN ? 1 : 2;
  const texts = [`HTTP/2 ${http2.toFixed(digits)}`, `own ${own.toFixed(digits)}`];
  if (file > 0) texts.splice(1, 0, `file ${file.toFixed(digits)}`);
  return texts.join(", ");
}

function formatRow(result: GridResult, row: GridRow): string[] {
  const { sizeBytes, timeMs } = row;
  const isBulk = sizeBytes >= BULK_BYTES_MIN;
  const ratio = isBulk ? `${(1 / row.timeRatio).toFixed(2)} rate` : `${row.timeRatio.toFixed(2)} time`;
  const isPeer = row.server === CPP_SERVER;
  return [
    `${row.operation} ${formatSize(sizeBytes)}`,
    row.server,
    timeMs.median.toFixed(3),
    formatSpread(timeMs, 3),
    timeMs.p99.toFixed(3),
    sizeBytes >= MIB ? `${Math.round(sizeBytes / 1e3 / timeMs.median)}` : "",
    row.serverCpuMs.toFixed(2),
    isPeer ? "" : ratio,
    isPeer || isBulk ? "" : row.p99Ratio.toFixed(2),
    parts(result, row),
  ];
}

export function formatGrid(result: GridResult): string {
  const rows = result.rows.flatMap((row, i) => {
    const next = result.rows[i + 1];
    const isLastOfCall = next?.operation !== row.operation || next.sizeBytes !== row.sizeBytes;
    const call = `${row.operation} ${formatSize(row.sizeBytes)}`;
    const missing = isLastOfCall ? result.absent.map(({ server, reason }) => [call, server, reason]) : [];
    return [formatRow(result, row), ...missing];
  });
  return formatTable(HEAD, rows);
}
