/**
 * The grid as a table, with what a call's time is made of: the server's processor time, and what the bare file takes of a call to files.
 *
 * What is in neither is the client, the socket and being woken. Server and disk may work at once, so the shares may be over 100.
 */
import { BARE_FILES, CACHE_ON_FILES, CPP_SERVER, MEMORY_FILES, MIB, type Operation } from "../names.ts";
import type { GridResult, GridRow } from "../workloads/grid.ts";
import { formatSize, formatSpread, formatTable } from "./markdown.ts";

const HEAD = [
  "call",
  "server",
  "median ms",
  "range ms",
  "p99 ms",
  "MB/s",
  "server CPU ms",
  "ratio",
  "p99 ratio",
  "share of time",
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

const percent = (part: number, whole: number): string => `${Math.round((part / whole) * 100)} %`;

function shares(result: GridResult, row: GridRow): string {
  const { server, serverCpuMs, timeMs } = row;
  if (server === BARE_FILES || server === MEMORY_FILES) return "";
  const cpu = `server ${percent(serverCpuMs, timeMs.median)}`;
  const file = findRow(result, { ...row, server: BARE_FILES });
  if (server !== CACHE_ON_FILES || file === undefined) return cpu;
  return `${cpu}, bare file ${percent(file.timeMs.median, timeMs.median)}`;
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
    shares(result, row),
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
