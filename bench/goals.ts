/**
 * What the project promises, line by line, and whether a run kept it: `met`, `MISSED`, or nothing where it was not measured.
 *
 * Ratios are against pyarrow's C++ server unless a line says otherwise. Where a promise is that something does not matter, a fifth
 * is allowed for the noise of a shared machine.
 */
import { CACHE_IN_MEMORY, CACHE_ON_FILES, CACHE_POWER_LOSS, KIB, MIB, type Operation } from "./names.ts";
import type { Results } from "./results.ts";
import { findRow } from "./tables/grid-table.ts";
import { formatSize, formatTable } from "./tables/markdown.ts";
import { mediansOf } from "./workloads/million.ts";

const CACHES = [CACHE_IN_MEMORY, CACHE_ON_FILES] as const;
const SAME_RATIO_MAX = 1.2;
/** What a process may take beside the objects it holds. */
const BESIDE_OBJECTS_MIB = 192;
const SMALL_SIZES = [KIB, 64 * KIB];
const LARGE_SIZES = [16 * MIB, 256 * MIB];

interface Goal {
  readonly what: string;
  readonly value: number | undefined;
  readonly bound: { readonly max: number } | { readonly min: number };
  readonly unit: string;
}

const TIME = "of the peer's time";
const RATE = "of the peer's rate";

function gridGoals({ grid }: Results, operation: Operation, servers: readonly string[]): Goal[] {
  const row = (server: string, sizeBytes: number) => grid && findRow(grid, { server, operation, sizeBytes });
  const isGet = operation === "get";
  const name = (server: string, sizeBytes: number) => `${operation} ${formatSize(sizeBytes)}, ${server}`;
  const rateOf = (timeRatio: number | undefined) => timeRatio && 1 / timeRatio;
  return servers.flatMap((server) => [
    ...[...SMALL_SIZES, ...(isGet ? [MIB] : [])].map((size) => ({
      what: `${name(server, size)}: p50`,
      value: row(server, size)?.timeRatio,
      bound: { max: isGet ? 1.0 : 1.1 },
      unit: TIME,
    })),
    ...[...SMALL_SIZES, ...(isGet ? [MIB] : [])].map((size) => ({
      what: `${name(server, size)}: p99`,
      value: row(server, size)?.p99Ratio,
      bound: { max: 3 },
      unit: TIME,
    })),
    ...LARGE_SIZES.map((size) => ({
      what: name(server, size),
      value: rateOf(row(server, size)?.timeRatio),
      bound: { min: isGet ? 1.0 : 0.8 },
      unit: RATE,
    })),
  ]);
}

function durableGoals({ durable }: Results): Goal[] {
  const row = (clients: number) =>
    durable?.rows.find((each) => each.server === CACHE_POWER_LOSS && each.clients === clients);
  const rateRatio = row(1)?.rateRatio;
  return [
    {
      what: "durable put of 1 KiB, one client, vs a synced bare file",
      value: rateRatio && 1 / rateRatio,
      bound: { max: 2 },
      unit: TIME,
    },
    {
      what: "durable puts of 16 clients vs one client",
      value: row(16)?.planRatio,
      bound: { min: 5 },
      unit: RATE,
    },
  ];
}

function patchGoals({ patches }: Results): Goal[] {
  return CACHES.flatMap((server) => {
    const rows = patches?.rows.filter((row) => row.server === server) ?? [];
    const worst = (ratios: number[]) => (ratios.length === 0 ? undefined : Math.max(...ratios));
    return [
      {
        what: `newest of ${patches?.patches ?? "1000"} patches vs the newest of one, worst base, ${server}`,
        value: worst(rows.map((row) => row.newestRatio)),
        bound: { max: SAME_RATIO_MAX },
        unit: TIME,
      },
      {
        what: `patching the largest base vs the smallest, ${server}`,
        value: rows.at(-1)?.patchRatio,
        bound: { max: SAME_RATIO_MAX },
        unit: TIME,
      },
    ];
  });
}

function memoryGoals({ mixed, memory }: Results): Goal[] {
  return CACHES.flatMap((server) => {
    const mixedPeak = mixed?.peaks.find((peak) => peak.server === server)?.peakMib;
    const peaks = memory?.rows.filter((row) => row.server === server).map((row) => row.peakMib) ?? [];
    const max = (given: number | undefined) => (given ?? 256) + BESIDE_OBJECTS_MIB;
    return [
      {
        what: `resident during the mixed calls, ${server}`,
        value: mixedPeak,
        bound: { max: max(mixed?.maxMemoryMib) },
        unit: "MiB",
      },
      {
        what: `resident during a store larger than memory, ${server}`,
        value: peaks.length === 0 ? undefined : Math.max(...peaks),
        bound: { max: max(memory?.maxMemoryMib) },
        unit: "MiB",
      },
    ];
  });
}

function startGoals({ million }: Results): Goal[] {
  const medians = million?.rows.length ? mediansOf(million.rows) : undefined;
  const objects = million?.objects ?? 1_000_000;
  return [
    { what: `first get of ${objects} objects`, value: medians?.firstGetMs, bound: { max: 1000 }, unit: "ms" },
    { what: `list of ${objects} objects`, value: medians?.listSeconds, bound: { max: 20 }, unit: "s" },
  ];
}

function goalsOf(results: Results): Goal[] {
  return [
    ...gridGoals(results, "get", CACHES),
    ...gridGoals(results, "put", [CACHE_IN_MEMORY]),
    ...durableGoals(results),
    ...patchGoals(results),
    ...memoryGoals(results),
    ...startGoals(results),
  ];
}

function formatGoal({ what, value, bound, unit }: Goal): string[] {
  const digits = unit === "MiB" || unit === "ms" ? 0 : 2;
  const limit = "max" in bound ? `at most ${bound.max}` : `at least ${bound.min}`;
  if (value === undefined) return [what, `${limit} ${unit}`, "", "not measured"];
  const isMet = "max" in bound ? value <= bound.max : value >= bound.min;
  return [what, `${limit} ${unit}`, value.toFixed(digits), isMet ? "met" : "MISSED"];
}

/**
 * @param isWhole false: what was not measured is left out.
 * @returns a table as Markdown
 */
export function formatGoals(results: Results, isWhole = true): string {
  const goals = goalsOf(results).filter(({ value }) => isWhole || value !== undefined);
  return formatTable(["goal", "bound", "measured", ""], goals.map(formatGoal), 2);
}
