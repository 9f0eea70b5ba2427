/**
 * Sixteen clients that get nine times and put once, over a set of keys: calls per second, latencies, and how much memory the server
 * took for it.
 *
 * The caches have 256 MiB for objects, less than one and a half times what all keys together hold. Their peak of resident memory
 * is read after each size, from the start of the process on.
 */
import { type LoadRow, makeObjects, measureLoad, startGenerator } from "../load/measure-load.ts";
import { peakMemoryMibOf } from "../machine.ts";
import { CACHE_IN_MEMORY, CACHE_ON_FILES, KIB } from "../names.ts";
import { isAbsent, isPresent, loadServerOf, type Workbench } from "../workbench.ts";
import type { LoadReport } from "./clients.ts";

const MAX_MEMORY_MIB = 256;
const GET_PERCENT = 90;

const FULL = {
  rounds: 5,
  clients: 16,
  durationMs: 1500,
  sets: [
    { sizeBytes: 1 * KIB, keys: 2048 },
    { sizeBytes: 64 * KIB, keys: 512 },
    { sizeBytes: 1024 * KIB, keys: 96 },
  ],
};
const SMOKE = { rounds: 1, clients: 4, durationMs: 50, sets: [{ sizeBytes: 1 * KIB, keys: 16 }] };

export interface PeakMemory {
  readonly server: string;
  readonly peakMib: number;
}

export interface MixedResult extends LoadReport {
  /** Given to the caches. */
  readonly maxMemoryMib: number;
  readonly peaks: readonly PeakMemory[];
}

export async function measureMixed(bench: Workbench, isSmoke: boolean): Promise<MixedResult> {
  const { rounds, clients, durationMs, sets } = isSmoke ? SMOKE : FULL;
  const environment = { FLAME_CACHE_MAX_MEMORY: `${MAX_MEMORY_MIB}M` };
  const started = [
    await bench.startCppServer(),
    await bench.startBareHttp2(),
    await bench.startCache(CACHE_IN_MEMORY, { storage: "none", environment }),
    await bench.startCache(CACHE_ON_FILES, { storage: "files", environment }),
    await bench.startRedis({ isDurable: false }),
  ];
  const present = started.filter(isPresent);
  const servers = present.map(loadServerOf);
  const generator = startGenerator(bench);
  const rows: LoadRow[] = [];
  for (const { sizeBytes, keys } of sets) {
    const plans = [{ clients, keys, sizeBytes, getPercent: GET_PERCENT, durationMs }];
    const objects = makeObjects(bench, keys, sizeBytes);
    rows.push(...(await measureLoad(generator, { servers, objects, plans, rounds })));
  }
  const peaks = present.map(({ name, pid }) => ({ server: name, peakMib: peakMemoryMibOf(pid) }));
  return { rounds, rows, absent: started.filter(isAbsent), maxMemoryMib: MAX_MEMORY_MIB, peaks };
}
