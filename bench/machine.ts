/**
 * Where and on what a result was measured: what one has to know to compare two lines of results.jsonl.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";

/** What Linux counts in /proc/PID/stat, on every architecture. */
const TICKS_PER_SECOND = 100;

export interface Circumstances {
  readonly at: string;
  /** Short hash, with `+` behind it when the checkout differs from it. */
  readonly commit: string;
  readonly node: string;
  readonly pyarrow: string;
  /** undefined where it is not installed. */
  readonly redis: string | undefined;
  /** How many processes wanted a core in the minute before the run: above 0.5 or so others have slowed it down. */
  readonly loadBefore: number;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGiB: number };
}

function outputOf(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
}

function commit(): string {
  try {
    const changed =
      outputOf("git", [
        "status",
        "--porcelain",
        "--untracked-files=no",
        "src",
        "bench",
        ":!bench/results.jsonl",
      ]) !== "";
    return outputOf("git", ["rev-parse", "--short", "HEAD"]) + (changed ? "+" : "");
  } catch {
    return "unknown";
  }
}

export function circumstances({ pyarrow, redis }: Pick<Circumstances, "pyarrow" | "redis">): Circumstances {
  return {
    at: new Date().toISOString(),
    commit: commit(),
    node: process.version,
    pyarrow,
    redis,
    loadBefore: loadavg()[0] ?? 0,
    machine: {
      cpu: cpus()[0]?.model ?? "unknown",
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
    },
  };
}

/** User and system time of a process so far; 0 where the system does not tell. */
export function cpuSecondsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

/** The most memory that a process ever had resident, MiB; 0 where the system does not tell. */
export function peakMemoryMibOf(pid: number): number {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(kib ?? 0) / 1024;
  } catch {
    return 0;
  }
}
