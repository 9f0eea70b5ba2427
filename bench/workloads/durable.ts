/**
 * Puts of 1 KiB that survive a loss of power, by one client and by sixteen: the disk itself, the cache, and Redis.
 *
 * The peer is the disk: a bare file written aside, synced, renamed, its directory synced. A cache that does not know the setting
 * `durability` is told to be absent.
 */
import { execFileSync } from "node:child_process";
import type { LoadServer } from "../load/load-task.ts";
import { makeObjects, measureLoad, startGenerator } from "../load/measure-load.ts";
import { BARE_FILES_SYNCED, CACHE_POWER_LOSS, KIB } from "../names.ts";
import type { Server } from "../processes.ts";
import { type Absence, CLI_FILE, isAbsent, isPresent, loadServerOf, type Workbench } from "../workbench.ts";
import type { LoadReport } from "./clients.ts";

const FULL = { rounds: 7, clients: [1, 16], durationMs: 1000 };
const SMOKE = { rounds: 1, clients: [1, 4], durationMs: 50 };
const ENVIRONMENT = { FLAME_CACHE_DURABILITY: "power-loss" };
/** Keys of one client, so that not every put replaces the one before. */
const KEYS_PER_CLIENT = 16;

async function startDurableCache(bench: Workbench): Promise<Server | Absence> {
  const settings = execFileSync(process.execPath, [CLI_FILE, "--print-config"], { encoding: "utf8" });
  if (!/^\s*durability:/m.test(settings)) {
    return { server: CACHE_POWER_LOSS, reason: "this version has no setting `durability`" };
  }
  return await bench.startCache(CACHE_POWER_LOSS, { storage: "files", environment: ENVIRONMENT });
}

export async function measureDurable(bench: Workbench, isSmoke: boolean): Promise<LoadReport> {
  const { rounds, clients: counts, durationMs } = isSmoke ? SMOKE : FULL;
  const started = [await startDurableCache(bench), await bench.startRedis({ isDurable: true })];
  const servers: LoadServer[] = [
    { name: BARE_FILES_SYNCED, pid: undefined, target: { kind: "files", directory: bench.newDirectory() } },
    ...started.filter(isPresent).map(loadServerOf),
  ];
  const most = Math.max(...counts);
  const objects = makeObjects(bench, most * KEYS_PER_CLIENT, KIB);
  const generator = startGenerator(bench, most);
  const plans = counts.map((clients) => {
    return { clients, keys: clients * KEYS_PER_CLIENT, sizeBytes: KIB, getPercent: 0, durationMs };
  });
  const rows = await measureLoad(generator, { servers, objects, plans, rounds });
  return { rounds, rows, absent: started.filter(isAbsent) };
}
