/**
 * Start with a million objects and list them: bench/million.ts, run as it is, its table read.
 *
 * A checkout that has no such file is told to be without it.
 */
import { existsSync } from "node:fs";
import { linesOf } from "../processes.ts";
import { median } from "../statistics.ts";
import type { Absence, Workbench } from "../workbench.ts";

const PROGRAM = "bench/million.ts";
const FULL = { sessions: 100, objects: 10_000, rounds: 5 };
const SMOKE: typeof FULL = { sessions: 2, objects: 10, rounds: 1 };

/** What the program prints of each start, by its columns. */
const ROW =
  /^\| (?<listBy>\w+) \| (?<pages>\w+) \| (?<listening>[\d.]+) \| (?<firstGet>[\d.]+) \| (?<list>[\d.]+) \| (?<gets>[^|]+) \| (?<cpu>[\d.]+) \| (?<memory>[^|]+) \|$/;

export interface MillionRow {
  readonly listBy: string;
  readonly listeningMs: number;
  readonly firstGetMs: number;
  readonly listSeconds: number;
  /** p50 / p99 / highest, and how many. */
  readonly getsMs: string;
  /** Processor time of the server until the list was complete. */
  readonly serverCpuSeconds: number;
  /** Resident now / at most. */
  readonly memoryMib: string;
}

export interface MillionResult {
  readonly objects: number;
  readonly rows: readonly MillionRow[];
  readonly absent: readonly Absence[];
}

function readRow(line: string): MillionRow | undefined {
  const cells = ROW.exec(line)?.groups;
  if (cells === undefined) return undefined;
  return {
    listBy: cells.listBy ?? "",
    listeningMs: Number(cells.listening),
    firstGetMs: Number(cells.firstGet),
    listSeconds: Number(cells.list),
    getsMs: cells.gets ?? "",
    serverCpuSeconds: Number(cells.cpu),
    memoryMib: cells.memory ?? "",
  };
}

/** Medians over the starts of one lister. */
export function mediansOf(rows: readonly MillionRow[]): Pick<MillionRow, "firstGetMs" | "listSeconds"> {
  return {
    firstGetMs: median(rows.map((row) => row.firstGetMs)),
    listSeconds: median(rows.map((row) => row.listSeconds)),
  };
}

export async function measureMillion(bench: Workbench, isSmoke: boolean): Promise<MillionResult> {
  const { sessions, objects, rounds } = isSmoke ? SMOKE : FULL;
  const total = sessions * objects;
  if (!existsSync(PROGRAM))
    return { objects: total, rows: [], absent: [{ server: PROGRAM, reason: "not in this checkout" }] };
  const sizes = ["--sessions", `${sessions}`, "--objects", `${objects}`, "--rounds", `${rounds}`];
  const place = ["--directory", bench.newDirectory(), "--list", "pyarrow"];
  const child = bench.processes.start(process.execPath, ["--import", "tsx", PROGRAM, ...place, ...sizes]);
  const rows: MillionRow[] = [];
  for await (const line of linesOf(child)) {
    const row = readRow(line);
    if (row !== undefined) rows.push(row);
  }
  if (rows.length === 0) throw new Error(`${PROGRAM} has printed no row that can be read`);
  return { objects: total, rows, absent: [] };
}
