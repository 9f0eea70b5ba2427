/**
 * All workloads by name, and the lines of results.jsonl: one per run, with what each workload of it measured.
 *
 * A line of before these workloads existed has none of them and is passed over by whoever reads.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import type { Circumstances } from "./machine.ts";
import { formatGrid } from "./tables/grid-table.ts";
import { formatMillion, formatMoreThanMemory, formatPatches } from "./tables/growth-tables.ts";
import { formatLoad, formatMixed } from "./tables/load-table.ts";
import type { Workbench } from "./workbench.ts";
import { type LoadReport, measureClients } from "./workloads/clients.ts";
import { measureDurable } from "./workloads/durable.ts";
import { type GridResult, measureGrid } from "./workloads/grid.ts";
import { type MillionResult, measureMillion } from "./workloads/million.ts";
import { type MixedResult, measureMixed } from "./workloads/mixed.ts";
import { type MoreThanMemoryResult, measureMoreThanMemory } from "./workloads/more-than-memory.ts";
import { measurePatches, type PatchesResult } from "./workloads/patches.ts";

const RESULTS_FILE = "bench/results.jsonl";

export interface ResultOf {
  readonly grid: GridResult;
  readonly clients: LoadReport;
  readonly mixed: MixedResult;
  readonly durable: LoadReport;
  readonly patches: PatchesResult;
  readonly memory: MoreThanMemoryResult;
  readonly million: MillionResult;
}

export type WorkloadName = keyof ResultOf;
export type Results = { -readonly [Name in WorkloadName]?: ResultOf[Name] };

/** A part of the bench that can be run by itself: measured first, shown as tables from plain data later. */
export interface Workload<Result> {
  /** @param isSmoke everything once and small, only to see that it works. */
  measure(bench: Workbench, isSmoke: boolean): Promise<Result>;
  /** Markdown. */
  format(result: Result): string;
}

export const WORKLOADS: { readonly [Name in WorkloadName]: Workload<ResultOf[Name]> } = {
  grid: { measure: measureGrid, format: formatGrid },
  clients: { measure: measureClients, format: formatLoad },
  mixed: { measure: measureMixed, format: formatMixed },
  durable: { measure: measureDurable, format: formatLoad },
  patches: { measure: measurePatches, format: formatPatches },
  memory: { measure: measureMoreThanMemory, format: formatMoreThanMemory },
  million: { measure: measureMillion, format: formatMillion },
};

export const WORKLOAD_NAMES = Object.keys(WORKLOADS) as WorkloadName[];

/** A line of results.jsonl. */
export interface Run extends Circumstances {
  readonly workloads: Results;
}

/** The tables of one workload; undefined when the run has not measured it. */
export function formatResult<Name extends WorkloadName>(name: Name, results: Results): string | undefined {
  const result = results[name];
  return result === undefined ? undefined : WORKLOADS[name].format(result);
}

/** What is measured is not known to more than four digits. */
function withFewDigits(_name: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}

export function appendRun(run: Run): void {
  appendFileSync(RESULTS_FILE, `${JSON.stringify(run, withFewDigits)}\n`);
}

/** The runs that were kept, the latest last. */
export function readRuns(): Run[] {
  if (!existsSync(RESULTS_FILE)) return [];
  const lines = readFileSync(RESULTS_FILE, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Run).filter((run) => run.workloads !== undefined);
}
