/**
 * Facts about this process from the operating system: memory, processor time, open files.
 *
 * Open files are counted in /proc, which only Linux has. In a host process the facts are those of
 * the host.
 */
import { readdir, readFile } from "node:fs/promises";

export interface ProcessFacts {
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  readonly heapTotalBytes: number;
  /** Memory of buffers and of native objects. */
  readonly externalBytes: number;
  readonly cpuSeconds: number;
  /** Seconds since 1970. */
  readonly startedSeconds: number;
}

export interface OpenFiles {
  readonly open: number;
  readonly openMax: number;
}

/** Read once: the difference of two clocks is never the same twice, and a change means a restart. */
const STARTED_SECONDS = Date.now() / 1000 - process.uptime();

export function processFacts(): ProcessFacts {
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    residentBytes: rss,
    heapUsedBytes: heapUsed,
    heapTotalBytes: heapTotal,
    externalBytes: external,
    cpuSeconds: (user + system) / 1e6,
    startedSeconds: STARTED_SECONDS,
  };
}

/** Undefined where the system does not say. */
export async function countOpenFiles(): Promise<OpenFiles | undefined> {
  try {
    const [names, limits] = await Promise.all([
      readdir("/proc/self/fd"),
      readFile("/proc/self/limits", "utf8"),
    ]);
    const openMax = /^Max open files +(\d+)/m.exec(limits)?.[1];
    // The directory itself is open while it is read.
    return openMax === undefined ? undefined : { open: names.length - 1, openMax: Number(openMax) };
  } catch {
    return undefined;
  }
}
