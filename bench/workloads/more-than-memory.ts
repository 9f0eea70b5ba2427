/**
 * Ten gigabytes put and got through a server that has 256 MiB for objects: its peak of resident memory, and its rates.
 *
 * On files all of it has to come back; in memory what was evicted may be missing, what is there has to be right. The peak is VmHWM
 * of /proc/PID/status, which the kernel keeps, so no sample can miss it.
 */
import { peakMemoryMibOf } from "../machine.ts";
import { CACHE_IN_MEMORY, CACHE_ON_FILES, KIB, MIB, type Operation } from "../names.ts";
import { linesOf, type Server } from "../processes.ts";
import type { Workbench } from "../workbench.ts";

const MAX_MEMORY_MIB = 256;
const FULL = {
  totalBytes: 10 * 1024 * MIB,
  smallestBytes: KIB,
  largestBytes: 64 * MIB,
  clients: 4,
  seed: 10,
};
const SMOKE: typeof FULL = { ...FULL, totalBytes: 8 * MIB, largestBytes: MIB };

interface Pass {
  readonly operation: Operation;
  readonly objects: number;
  /** Of the objects that were put, or came back as they were put. */
  readonly bytes: number;
  readonly seconds: number;
  readonly missing: number;
  readonly different: number;
}

export interface MoreThanMemoryRow extends Pass {
  readonly server: string;
  /** From the start of the server on. */
  readonly peakMib: number;
}

export interface MoreThanMemoryResult {
  readonly totalBytes: number;
  readonly maxMemoryMib: number;
  readonly rows: readonly MoreThanMemoryRow[];
}

async function measureOne(bench: Workbench, server: Server, plan: typeof FULL): Promise<MoreThanMemoryRow[]> {
  const task = JSON.stringify({ ...plan, uri: `grpc://${server.address}` });
  const child = bench.processes.start(bench.python, ["bench/more_than_memory.py", task]);
  const rows: MoreThanMemoryRow[] = [];
  for await (const line of linesOf(child)) {
    const pass = JSON.parse(line) as Pass;
    rows.push({ ...pass, server: server.name, peakMib: peakMemoryMibOf(server.pid) });
  }
  return rows;
}

export async function measureMoreThanMemory(
  bench: Workbench,
  isSmoke: boolean,
): Promise<MoreThanMemoryResult> {
  const plan = isSmoke ? SMOKE : FULL;
  const environment = { FLAME_CACHE_MAX_MEMORY: `${MAX_MEMORY_MIB}M` };
  const servers = [
    await bench.startCache(CACHE_ON_FILES, { storage: "files", environment }),
    await bench.startCache(CACHE_IN_MEMORY, { storage: "none", environment }),
  ];
  const rows: MoreThanMemoryRow[] = [];
  for (const server of servers) rows.push(...(await measureOne(bench, server, plan)));
  return { totalBytes: plan.totalBytes, maxMemoryMib: MAX_MEMORY_MIB, rows };
}
