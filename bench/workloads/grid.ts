/**
 * The grid: puts and gets of each size, one call at a time, with pyarrow's client (client.py) or what is as lean for Redis and files.
 *
 * Two servers are floors rather than peers: bare node:http2 is what Node's HTTP/2 costs, bare files what the disk does.
 */
import { join } from "node:path";
import {
  BARE_FILES,
  CACHE_IN_MEMORY,
  CACHE_ON_FILES,
  KIB,
  MEMORY_FILES,
  MIB,
  OPERATIONS,
  type Operation,
} from "../names.ts";
import { linesOf, type Server } from "../processes.ts";
import { ratioByRound, type Summary, summarize } from "../statistics.ts";
import {
  type Absence,
  isAbsent,
  isPresent,
  type StoreDescription,
  storeOf,
  type Workbench,
} from "../workbench.ts";

interface GridPlan {
  readonly rounds: number;
  readonly form: "table" | "opaque";
  readonly sizes: readonly {
    readonly sizeBytes: number;
    /** How many make one block of a round. */
    readonly calls: number;
    /** Puts and gets that each server is given before the first round: a compiler that learns while code runs learns each size anew. */
    readonly warmUpCalls: number;
  }[];
}

const FULL: GridPlan = {
  rounds: 9,
  form: "table",
  sizes: [
    { sizeBytes: 1 * KIB, calls: 400, warmUpCalls: 10_000 },
    { sizeBytes: 64 * KIB, calls: 300, warmUpCalls: 3_000 },
    { sizeBytes: 1 * MIB, calls: 50, warmUpCalls: 3_000 },
    { sizeBytes: 16 * MIB, calls: 8, warmUpCalls: 50 },
    { sizeBytes: 256 * MIB, calls: 2, warmUpCalls: 1 },
  ],
};

const SMOKE: GridPlan = {
  rounds: 1,
  form: "table",
  sizes: [
    { sizeBytes: 1 * KIB, calls: 5, warmUpCalls: 5 },
    { sizeBytes: 1 * MIB, calls: 2, warmUpCalls: 1 },
  ],
};

interface Block {
  readonly server: string;
  readonly operation: Operation;
  readonly sizeBytes: number;
  readonly round: number;
  readonly seconds: readonly number[];
  readonly serverCpuSeconds: number;
}

/** Times in milliseconds. */
export interface GridRow {
  readonly server: string;
  readonly operation: Operation;
  readonly sizeBytes: number;
  readonly timeMs: Summary;
  /** Time of this server by the time of the first one, the peer. */
  readonly timeRatio: number;
  /** The same of each round's 99th percentile. */
  readonly p99Ratio: number;
  /** CPU time the server spent on one call. */
  readonly serverCpuMs: number;
}

export interface GridResult {
  readonly rounds: number;
  readonly rows: readonly GridRow[];
  readonly absent: readonly Absence[];
}

const millisecondsOf = (blocks: readonly Block[]): number[][] =>
  blocks.map((block) => block.seconds.map((seconds) => seconds * 1000));

function sumUp(blocks: readonly Block[], peerBlocks: readonly Block[]): GridRow {
  const [first] = blocks;
  if (first === undefined) throw new Error("the client has measured nothing");
  const rounds = millisecondsOf(blocks);
  const peerRounds = millisecondsOf(peerBlocks);
  const cpuSeconds = blocks.reduce((sum, block) => sum + block.serverCpuSeconds, 0);
  return {
    server: first.server,
    operation: first.operation,
    sizeBytes: first.sizeBytes,
    timeMs: summarize(rounds),
    timeRatio: ratioByRound(rounds, peerRounds),
    p99Ratio: ratioByRound(rounds, peerRounds, 0.99),
    serverCpuMs: (cpuSeconds * 1000) / rounds.flat().length,
  };
}

/** The C++ server first: the ratios are against it. */
async function startServers(bench: Workbench): Promise<(Server | Absence)[]> {
  return [
    await bench.startCppServer(),
    await bench.startBareHttp2(),
    await bench.startCache(CACHE_IN_MEMORY, { storage: "none" }),
    await bench.startCache(CACHE_ON_FILES, { storage: "files" }),
    await bench.startRedis({ isDurable: false }),
  ];
}

export async function measureGrid(bench: Workbench, isSmoke: boolean): Promise<GridResult> {
  const plan = isSmoke ? SMOKE : FULL;
  const started = await startServers(bench);
  const absent = started.filter(isAbsent);
  const stores: StoreDescription[] = [
    ...started.filter(isPresent).map(storeOf),
    { name: BARE_FILES, directory: bench.newDirectory() },
  ];
  if (bench.memoryDirectory === undefined) absent.push({ server: MEMORY_FILES, reason: "no /dev/shm" });
  else stores.push({ name: MEMORY_FILES, directory: join(bench.memoryDirectory, "grid") });
  const child = bench.processes.start(bench.python, [
    "bench/client.py",
    JSON.stringify({ ...plan, servers: stores }),
  ]);
  const blocks: Block[] = [];
  for await (const line of linesOf(child)) blocks.push(JSON.parse(line) as Block);
  const rows = plan.sizes.flatMap(({ sizeBytes }) =>
    OPERATIONS.flatMap((operation) => {
      const alike = blocks.filter((block) => block.sizeBytes === sizeBytes && block.operation === operation);
      const byServer = stores.map(({ name }) => alike.filter((block) => block.server === name));
      return byServer.map((own) => sumUp(own, byServer[0] ?? []));
    }),
  );
  return { rounds: plan.rounds, rows, absent };
}
