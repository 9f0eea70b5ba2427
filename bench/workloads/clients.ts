/**
 * Calls per second of small objects, puts only and gets only, by the number of clients: what one more client brings.
 */
import { type LoadRow, makeObjects, measureLoad, startGenerator } from "../load/measure-load.ts";
import { CACHE_IN_MEMORY, CACHE_ON_FILES, KIB } from "../names.ts";
import { type Absence, isAbsent, isPresent, loadServerOf, type Workbench } from "../workbench.ts";

const FULL = { rounds: 5, clients: [1, 4, 16], durationMs: 1000 };
const SMOKE = { rounds: 1, clients: [1, 4], durationMs: 50 };

export interface LoadReport {
  readonly rounds: number;
  readonly rows: readonly LoadRow[];
  readonly absent: readonly Absence[];
}

export async function measureClients(bench: Workbench, isSmoke: boolean): Promise<LoadReport> {
  const { rounds, clients: counts, durationMs } = isSmoke ? SMOKE : FULL;
  const started = [
    await bench.startCppServer(),
    await bench.startBareHttp2(),
    await bench.startCache(CACHE_IN_MEMORY, { storage: "none" }),
    await bench.startCache(CACHE_ON_FILES, { storage: "files" }),
    await bench.startRedis({ isDurable: false }),
  ];
  const servers = started.filter(isPresent).map(loadServerOf);
  const objects = makeObjects(bench, Math.max(...counts), KIB);
  const generator = startGenerator(bench);
  const plans = counts.flatMap((clients) =>
    [0, 100].map((getPercent) => ({ clients, keys: clients, sizeBytes: KIB, getPercent, durationMs })),
  );
  const rows = await measureLoad(generator, { servers, objects, plans, rounds });
  return { rounds, rows, absent: started.filter(isAbsent) };
}
