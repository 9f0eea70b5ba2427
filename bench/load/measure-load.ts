/**
 * Many clients against one server after the other, round by round, by the load generator; and what comes out of it per server.
 *
 * Round 0 warms up and is not counted; in it every key is put once, so that each get finds something.
 */
import { execFileSync } from "node:child_process";
import { createInterface } from "node:readline";
import { cpuSecondsOf } from "../machine.ts";
import { ratioByRound, type Summary, summarize } from "../statistics.ts";
import type { Workbench } from "../workbench.ts";
import type { LoadObjects, LoadResult, LoadServer, LoadTask } from "./load-task.ts";

export interface LoadPlan {
  readonly clients: number;
  readonly keys: number;
  readonly sizeBytes: number;
  readonly getPercent: number;
  readonly durationMs: number;
}

export interface LoadRow {
  readonly server: string;
  readonly clients: number;
  readonly sizeBytes: number;
  readonly getPercent: number;
  readonly callsPerSecond: Summary;
  /** Calls per second by those of the first server, the peer. */
  readonly rateRatio: number;
  /** Calls per second by those of the same server in the first plan with the same calls, that of the fewest clients. */
  readonly planRatio: number;
  readonly getMs: Summary | undefined;
  readonly putMs: Summary | undefined;
  /** CPU time the server spent on one call, microseconds. */
  readonly serverCpuUs: number;
  /** CPU time as a part of the time that passed, of the server and of the generator: near 1 a thread is what is measured. */
  readonly serverLoad: number;
  readonly generatorLoad: number;
}

interface Sample extends LoadResult {
  readonly serverCpuSeconds: number;
}

export type Generator = (task: LoadTask) => Promise<LoadResult>;

/** @param fileThreads for bare files: how many of them may be synced at once. */
export function startGenerator(bench: Workbench, fileThreads = 4): Generator {
  const args = ["--import", "tsx", "bench/load/load-generator.ts"];
  const environment = { UV_THREADPOOL_SIZE: `${fileThreads}` };
  const { stdin, stdout } = bench.processes.start(process.execPath, args, { environment });
  if (stdin === null || stdout === null) throw new Error("the load generator has no pipes");
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  return async (task) => {
    stdin.write(`${JSON.stringify(task)}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error("the load generator ended");
    return JSON.parse(value) as LoadResult;
  };
}

export function makeObjects(bench: Workbench, keys: number, sizeBytes: number): LoadObjects {
  const frames = execFileSync(bench.python, ["bench/frames.py", `${keys}`, `${sizeBytes}`], {
    maxBuffer: 1 << 28,
  });
  return JSON.parse(frames.toString()) as LoadObjects;
}

async function measureOnce(generator: Generator, server: LoadServer, task: LoadTask): Promise<Sample> {
  const cpuSeconds = (): number => (server.pid === undefined ? 0 : cpuSecondsOf(server.pid));
  const before = cpuSeconds();
  const result = await generator(task);
  return { ...result, serverCpuSeconds: cpuSeconds() - before };
}

const summaryOf = (rounds: readonly (readonly number[])[]): Summary | undefined =>
  rounds.every((round) => round.length > 0) ? summarize(rounds) : undefined;

interface Samples {
  readonly own: readonly Sample[];
  /** Of the first server, in the same plan. */
  readonly peer: readonly Sample[];
  /** Of the same server, in the first plan with the same calls. */
  readonly first: readonly Sample[];
}

const ratesOf = (samples: readonly Sample[]): number[][] =>
  samples.map(({ callsPerSecond }) => [callsPerSecond]);

function sumUp(server: string, plan: LoadPlan, { own, peer, first }: Samples): LoadRow {
  const cpuSeconds = own.reduce((sum, sample) => sum + sample.serverCpuSeconds, 0);
  const calls = own.reduce((sum, sample) => sum + sample.getMs.length + sample.putMs.length, 0);
  const { clients, sizeBytes, getPercent, durationMs } = plan;
  return {
    server,
    clients,
    sizeBytes,
    getPercent,
    callsPerSecond: summarize(ratesOf(own)),
    rateRatio: ratioByRound(ratesOf(own), ratesOf(peer)),
    planRatio: ratioByRound(ratesOf(own), ratesOf(first)),
    getMs: summaryOf(own.map((sample) => sample.getMs)),
    putMs: summaryOf(own.map((sample) => sample.putMs)),
    serverCpuUs: (cpuSeconds * 1e6) / calls,
    serverLoad: (cpuSeconds * 1000) / (own.length * durationMs),
    generatorLoad: own.reduce((sum, sample) => sum + sample.generatorLoad, 0) / own.length,
  };
}

/** The servers from the n-th on, then those before it. */
function rotated(servers: readonly LoadServer[], round: number): LoadServer[] {
  const first = round % servers.length;
  return [...servers.slice(first), ...servers.slice(0, first)];
}

export interface LoadWork {
  readonly servers: readonly LoadServer[];
  /** As many keys as the largest plan has. */
  readonly objects: LoadObjects;
  readonly plans: readonly LoadPlan[];
  readonly rounds: number;
}

/** In each round every plan with every server. @param work the peer is its first server */
export async function measureLoad(generator: Generator, work: LoadWork): Promise<LoadRow[]> {
  const { servers, objects, plans, rounds } = work;
  const samples = plans.map(() => new Map<LoadServer, Sample[]>(servers.map((server) => [server, []])));
  for (let round = 0; round <= rounds; round += 1) {
    for (const [i, plan] of plans.entries()) {
      const own = { ...objects, keys: objects.keys.slice(0, plan.keys) };
      for (const server of rotated(servers, round)) {
        const task = { ...plan, objects: own, target: server.target, isFilled: round === 0 };
        const sample = await measureOnce(generator, server, task);
        if (round > 0) samples[i]?.get(server)?.push(sample);
      }
    }
  }
  const samplesOf = (i: number, server: LoadServer | undefined): Sample[] =>
    (server && samples[i]?.get(server)) ?? [];
  return plans.flatMap((plan, i) =>
    servers.map((server) => {
      const first = samplesOf(
        plans.findIndex((each) => each.getPercent === plan.getPercent),
        server,
      );
      return sumUp(server.name, plan, { own: samplesOf(i, server), peer: samplesOf(i, servers[0]), first });
    }),
  );
}
