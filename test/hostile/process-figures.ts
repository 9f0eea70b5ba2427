/**
 * What Linux tells of a process from outside: resident memory, its peak, descriptors. Costs a read of /proc each.
 *
 * The peak (VmHWM) can be set back, so that what went before an attack does not count.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

function statusField(pid: number, name: string): number {
  const [, kib] = new RegExp(`${name}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib ?? 0) * 1024;
}

/** False also for a process that ended and whose parent has not asked for its exit code. */
export function isRunning(pid: number): boolean {
  try {
    return statusField(pid, "VmRSS") > 0;
  } catch {
    return false;
  }
}

export function residentBytes(pid: number): number {
  return statusField(pid, "VmRSS");
}

/** The most since `forgetPeak`. */
export function peakBytes(pid: number): number {
  return statusField(pid, "VmHWM");
}

/** Source: proc(5), clear_refs: 5 sets the peak back to what is resident now. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
