/**
 * What many clients reach, as a table, with the share of a core that the server and the generator took.
 *
 * What limits a row is read from these shares: a thread that works all the time, both cores together, or neither, and then
 * somebody waits, for a disk or for being woken.
 */
import type { LoadRow } from "../load/measure-load.ts";
import type { Summary } from "../statistics.ts";
import type { LoadReport } from "../workloads/clients.ts";
import type { MixedResult } from "../workloads/mixed.ts";
import { formatSize, formatSpread, formatTable } from "./markdown.ts";

const HEAD = [
  "calls x clients",
  "server",
  "per second",
  "range",
  "get p50 ms",
  "get p99 ms",
  "put p50 ms",
  "put p99 ms",
  "server CPU us",
  "server CPU",
  "generator CPU",
  "ratio",
  "limited by",
];
/** Stands before the last column where the numbers of clients differ. */
const BY_FEWEST = "vs fewest clients";

/** A thread that works this part of the time is taken for busy, and two cores for full. */
const BUSY_MIN = 0.9;
const BOTH_BUSY_MIN = 1.7;

function limitOf({ serverLoad, generatorLoad }: LoadRow): string {
  if (generatorLoad >= BUSY_MIN) return serverLoad >= BUSY_MIN ? "both threads" : "the generator";
  if (serverLoad + generatorLoad >= BOTH_BUSY_MIN) return "both cores";
  return serverLoad >= BUSY_MIN ? "the server's work" : "waiting";
}

function callOf({ getPercent, sizeBytes, clients }: LoadRow): string {
  if (getPercent === 0) return `put x ${clients}`;
  if (getPercent === 100) return `get x ${clients}`;
  return `${getPercent}/${100 - getPercent} of ${formatSize(sizeBytes)} x ${clients}`;
}

function latency(summary: Summary | undefined): string[] {
  return summary === undefined ? ["", ""] : [summary.p50.toFixed(3), summary.p99.toFixed(3)];
}

function formatRow(row: LoadRow, isPeer: boolean): string[] {
  return [
    callOf(row),
    row.server,
    `${Math.round(row.callsPerSecond.median)}`,
    formatSpread(row.callsPerSecond, 0),
    ...latency(row.getMs),
    ...latency(row.putMs),
    row.serverCpuUs.toFixed(0),
    row.serverLoad.toFixed(2),
    row.generatorLoad.toFixed(2),
    isPeer ? "" : row.rateRatio.toFixed(2),
    limitOf(row),
  ];
}

export function formatLoad({ rows, absent }: LoadReport): string {
  const peer = rows[0]?.server;
  const isGrowing = new Set(rows.map(({ clients }) => clients)).size > 1;
  const withGrowth = (cells: string[], growth: string): string[] =>
    isGrowing ? cells.toSpliced(-1, 0, growth) : cells;
  const cells = rows.flatMap((row, i) => {
    const next = rows[i + 1];
    const call = callOf(row);
    const isLastOfCall = next === undefined || callOf(next) !== call;
    const missing = isLastOfCall ? absent.map(({ server, reason }) => [call, server, reason]) : [];
    return [withGrowth(formatRow(row, row.server === peer), row.planRatio.toFixed(2)), ...missing];
  });
  return formatTable(withGrowth(HEAD, BY_FEWEST), cells);
}

export function formatMixed(result: MixedResult): string {
  const peaks = result.peaks.map(({ server, peakMib }) => [server, peakMib.toFixed(0)]);
  return [
    formatLoad(result),
    "",
    `Peak resident memory of each server; the caches have ${result.maxMemoryMib} MiB for objects:`,
    "",
    formatTable(["server", "MiB"], peaks, 1),
  ].join("\n");
}
