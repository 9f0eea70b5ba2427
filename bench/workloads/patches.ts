/**
 * An object that grows by a thousand pieces of 1 KiB: adding one and reading the newest, whatever the size of what they are added to.
 *
 * patches.py does it. Ratios are within one server: against its smallest base, and against an object of one piece. The C++ server
 * has no patches; who uses it puts the whole object again.
 */
import { BARE_FILES, CACHE_IN_MEMORY, CACHE_ON_FILES, KIB, MIB } from "../names.ts";
import { linesOf } from "../processes.ts";
import { ratioByRound, type Summary, summarize } from "../statistics.ts";
import {
  type Absence,
  isAbsent,
  isPresent,
  type StoreDescription,
  storeOf,
  type Workbench,
} from "../workbench.ts";

const FULL = {
  bases: [KIB, MIB, 256 * MIB],
  patches: 1000,
  patchBytes: KIB,
  rounds: 7,
  reads: 60,
};
const SMOKE: typeof FULL = { bases: [KIB, MIB], patches: 4, patchBytes: KIB, rounds: 1, reads: 2 };

type What = "patch" | "newest" | "newest of 1" | "get";

interface Block {
  readonly server: string;
  readonly baseBytes: number;
  readonly what: What;
  readonly round: number;
  readonly seconds: readonly number[];
}

/** Times in milliseconds. */
export interface PatchesRow {
  readonly server: string;
  readonly baseBytes: number;
  readonly patchMs: Summary;
  readonly newestMs: Summary;
  readonly newestOfOneMs: Summary;
  readonly getMs: Summary;
  /** Patching, by patching the smallest base. */
  readonly patchRatio: number;
  /** Patching in the last round by patching in the first: what the patches before cost. */
  readonly growthRatio: number;
  /** Reading the newest, by reading the newest of an object of one patch. */
  readonly newestRatio: number;
  /** The same by a get of an object as large as a patch. */
  readonly getRatio: number;
}

export interface PatchesResult {
  readonly rounds: number;
  readonly patches: number;
  readonly rows: readonly PatchesRow[];
  readonly absent: readonly Absence[];
}

function sumUp(blocks: readonly Block[], server: string, baseBytes: number): PatchesRow {
  const smallest = Math.min(...blocks.map((block) => block.baseBytes));
  const roundsOf = (what: What, base = baseBytes): number[][] =>
    blocks
      .filter((block) => block.server === server && block.baseBytes === base && block.what === what)
      .map(({ seconds }) => seconds.map((each) => each * 1000));
  const patch = roundsOf("patch");
  const newest = roundsOf("newest");
  return {
    server,
    baseBytes,
    patchMs: summarize(patch),
    newestMs: summarize(newest),
    newestOfOneMs: summarize(roundsOf("newest of 1")),
    getMs: summarize(roundsOf("get")),
    patchRatio: ratioByRound(patch, roundsOf("patch", smallest)),
    growthRatio: ratioByRound(patch.slice(-1), patch.slice(0, 1)),
    newestRatio: ratioByRound(newest, roundsOf("newest of 1")),
    getRatio: ratioByRound(newest, roundsOf("get")),
  };
}

export async function measurePatches(bench: Workbench, isSmoke: boolean): Promise<PatchesResult> {
  const plan = isSmoke ? SMOKE : FULL;
  const environment = { FLAME_CACHE_MAX_MEMORY: "1G" };
  const started = [
    await bench.startCache(CACHE_IN_MEMORY, { storage: "none", environment }),
    await bench.startCache(CACHE_ON_FILES, { storage: "files", environment }),
    await bench.startRedis({ isDurable: false }),
  ];
  const servers: StoreDescription[] = [
    ...started.filter(isPresent).map(storeOf),
    { name: BARE_FILES, directory: bench.newDirectory() },
  ];
  const child = bench.processes.start(bench.python, [
    "bench/patches.py",
    JSON.stringify({ ...plan, servers }),
  ]);
  const blocks: Block[] = [];
  for await (const line of linesOf(child)) blocks.push(JSON.parse(line) as Block);
  const rows = servers.flatMap(({ name }) => plan.bases.map((base) => sumUp(blocks, name, base)));
  return { rounds: plan.rounds, patches: plan.patches, rows, absent: started.filter(isAbsent) };
}
