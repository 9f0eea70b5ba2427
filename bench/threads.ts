/**
 * `npx tsx bench/threads.ts`: calls per second by the number of threads that serve connections, storage none.
 *
 *     --smoke      once and small, in seconds
 *
 * Interleaved rounds against a server each for 1, 2 and 4 threads. Beside the rate stands what a call costs all threads of the
 * server and what it costs the one that runs the calls: that one bounds what more cores can bring. The generator is one
 * thread, and takes a core. Needs a build, the tests' Python environment, and a Node that can share a port out.
 */
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { canSharePort } from "../src/relay/share-port.ts";
import { pythonEnvironment } from "../test/support/python-environment.ts";
import type { LoadObjects } from "./load/load-task.ts";
import { type Generator, makeObjects, startGenerator } from "./load/measure-load.ts";
import { cpuSecondsOf } from "./machine.ts";
import { KIB, MIB } from "./names.ts";
import { type Server, stopOnSignals } from "./processes.ts";
import { median } from "./statistics.ts";
import { formatSize, formatTable } from "./tables/markdown.ts";
import { loadServerOf, Workbench } from "./workbench.ts";

const isSmoke = process.argv.includes("--smoke");
const ROUNDS = isSmoke ? 1 : 5;
const DURATION_MS = isSmoke ? 50 : 1000;
const THREADS = [1, 2, 4];
const PLANS = [
  { sizeBytes: KIB, clients: 16, getPercent: 100 },
  { sizeBytes: KIB, clients: 128, getPercent: 100 },
  { sizeBytes: KIB, clients: 16, getPercent: 0 },
  { sizeBytes: MIB, clients: 8, getPercent: 100 },
  { sizeBytes: MIB, clients: 8, getPercent: 0 },
] as const;

type Plan = (typeof PLANS)[number];

interface Sample {
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  /** Of all threads of the server, and of the one that runs the calls. */
  readonly cpuUs: number;
  readonly callsCpuUs: number;
}

const TICKS_PER_SECOND = 100;

/** CPU time of a process's first thread, which is the one that runs the calls. */
function firstThreadSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/task/${pid}/stat`, "utf8");
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return ((user ?? 0) + (system ?? 0)) / TICKS_PER_SECOND;
}

async function measureOnce(
  generator: Generator,
  server: Server,
  plan: Plan & { readonly objects: LoadObjects; readonly isFilled: boolean },
): Promise<Sample> {
  const before = [cpuSecondsOf(server.pid), firstThreadSecondsOf(server.pid)] as const;
  const task = { ...plan, durationMs: DURATION_MS, target: loadServerOf(server).target };
  const { callsPerSecond, getMs, putMs } = await generator(task);
  const calls = getMs.length + putMs.length;
  return {
    callsPerSecond,
    p50Ms: median([...getMs, ...putMs]),
    cpuUs: ((cpuSecondsOf(server.pid) - before[0]) * 1e6) / calls,
    callsCpuUs: ((firstThreadSecondsOf(server.pid) - before[1]) * 1e6) / calls,
  };
}

function formatRow(plan: Plan, threads: number, samples: readonly Sample[]): string[] {
  const of = (name: keyof Sample): number => median(samples.map((sample) => sample[name]));
  const callsCpuUs = of("callsCpuUs");
  return [
    `${plan.getPercent === 0 ? "put" : "get"} ${formatSize(plan.sizeBytes)} x ${plan.clients}`,
    `${threads}`,
    `${Math.round(of("callsPerSecond"))}`,
    of("p50Ms").toFixed(2),
    of("cpuUs").toFixed(0),
    callsCpuUs.toFixed(0),
    `${Math.round(1e6 / callsCpuUs)}`,
  ];
}

async function run(bench: Workbench): Promise<void> {
  const servers = await Promise.all(
    THREADS.map((threads) =>
      bench.startCache(`${threads}`, {
        storage: "none",
        environment: { FLAME_CACHE_THREADS: `${threads}` },
      }),
    ),
  );
  const generator = startGenerator(bench);
  const rows: string[][] = [];
  for (const plan of PLANS) {
    const objects = makeObjects(bench, plan.clients, plan.sizeBytes);
    const samples = servers.map((): Sample[] => []);
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const [i, server] of servers.entries()) {
        const sample = await measureOnce(generator, server, { ...plan, objects, isFilled: round === 0 });
        if (round > 0) samples[i]?.push(sample);
      }
    }
    for (const [i, own] of samples.entries()) rows.push(formatRow(plan, THREADS[i] ?? 0, own));
  }
  const head = ["calls x clients", "threads", "per second", "p50 ms", "CPU us", "of it calls", "bound by it"];
  process.stdout.write(`Node ${process.version}, ${ROUNDS} rounds\n\n${formatTable(head, rows)}\n`);
}

if (!canSharePort()) throw new Error("this Node cannot share a port out: it needs 22.12 or later on Linux");
const environment = await pythonEnvironment();
if ("missing" in environment) throw new Error(`the bench needs Python: ${environment.missing}`);
const bench = new Workbench(environment.python, tmpdir());
stopOnSignals(() => bench.close());
try {
  await run(bench);
} finally {
  await bench.close();
}
