/**
 * The tables that a run prints, for people; the numbers themselves are in results.jsonl.
 */
import type { BulkResult } from "./bulk.ts";
import type { Circumstances } from "./machine.ts";
import type { SmallCallsResult } from "./small-calls.ts";

/** From this size on throughput counts, below it the time of a call. */
const BULK_BYTES_MIN = 2 ** 20;

/** What the project promises, against the peer. */
const GOALS = { smallTimeRatioMax: 1.2, getRateRatioMin: 0.9, putRateRatioMin: 0.7 } as const;

function formatSize(sizeBytes: number): string {
  if (sizeBytes >= 2 ** 20) return `${sizeBytes / 2 ** 20} MiB`;
  return `${sizeBytes / 2 ** 10} KiB`;
}

function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const formatRow = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(" | ")} |`;
  const rule = `|${widths.map((width, i) => (i < 2 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [formatRow(head), rule, ...rows.map(formatRow)].join("\n");
}

/** What the cache is measured against has no goals of its own. */
const OURS = /^cache,/;

function goalCell(result: BulkResult): string {
  if (!OURS.test(result.server)) return "";
  return isGoalMet(result) ? "yes" : "NO";
}

function isGoalMet({ operation, sizeBytes, timeRatio }: BulkResult): boolean {
  if (sizeBytes < BULK_BYTES_MIN) return timeRatio <= GOALS.smallTimeRatioMax;
  return 1 / timeRatio >= (operation === "get" ? GOALS.getRateRatioMin : GOALS.putRateRatioMin);
}

function bulkRow(result: BulkResult, peer: string): string[] {
  const { sizeBytes, timeMs } = result;
  const isBulk = sizeBytes >= BULK_BYTES_MIN;
  const rate = (ms: number): string => `${Math.round(sizeBytes / 1e3 / ms)}`;
  const ratio = isBulk ? `${(1 / result.timeRatio).toFixed(2)} rate` : `${result.timeRatio.toFixed(2)} time`;
  return [
    `${result.operation} ${formatSize(sizeBytes)}`,
    result.server,
    timeMs.median.toFixed(3),
    `${timeMs.lowest.toFixed(3)} - ${timeMs.highest.toFixed(3)}`,
    timeMs.p99.toFixed(3),
    isBulk ? rate(timeMs.median) : "",
    result.serverCpuMs.toFixed(2),
    result.server === peer ? "" : ratio,
    goalCell(result),
  ];
}

function smallCallsRow(result: SmallCallsResult, peer: string): string[] {
  const { callsPerSecond, latencyMs } = result;
  return [
    `${result.operation} x ${result.clients}`,
    result.server,
    `${Math.round(callsPerSecond.median)}`,
    `${Math.round(callsPerSecond.lowest)} - ${Math.round(callsPerSecond.highest)}`,
    latencyMs.p50.toFixed(3),
    latencyMs.p99.toFixed(3),
    result.serverCpuUs.toFixed(0),
    result.generatorLoad.toFixed(2),
    result.server === peer ? "" : result.rateRatio.toFixed(2),
  ];
}

export function formatReport(
  where: Circumstances,
  bulk: readonly BulkResult[],
  smallCalls: readonly SmallCallsResult[],
): string {
  const peer = bulk[0]?.server ?? "";
  const { machine } = where;
  return [
    `commit ${where.commit}, Node ${where.node}, pyarrow ${where.pyarrow}, ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB`,
    "",
    `One call at a time with pyarrow's client. Ratios are against ${peer}, of each round, their median.`,
    `Goals: get ${GOALS.getRateRatioMin} and put ${GOALS.putRateRatioMin} of its rate from 1 MiB on, below that ${GOALS.smallTimeRatioMax} of its time.`,
    "",
    formatTable(
      ["call", "server", "median ms", "rounds ms", "p99 ms", "MB/s", "server CPU ms", "ratio", "goal met"],
      bulk.map((result) => bulkRow(result, peer)),
    ),
    "",
    "Calls per second of 1 KiB from the load generator, by number of clients (one connection and one call each).",
    "",
    formatTable(
      [
        "calls",
        "server",
        "per second",
        "rounds",
        "p50 ms",
        "p99 ms",
        "server CPU us",
        "generator CPU",
        "ratio",
      ],
      smallCalls.map((result) => smallCallsRow(result, peer)),
    ),
  ].join("\n");
}
