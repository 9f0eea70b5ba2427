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
  readonly rounds: number;
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

function sumUp(
  server: string,
  plan: LoadPlan,
  samples: readonly Sample[],
  peers: readonly Sample[],
): LoadRow {
  const ratesOf = (of: readonly Sample[]): number[][] => of.map((sample) => [sample.callsPerSecond]);
  const cpuSeconds = samples.reduce((sum, sample) => sum + sample.serverCpuSeconds, 0);
  const calls = samples.reduce((sum, sample) => sum + sample.getMs.length + sample.putMs.length, 0);
  const { clients, sizeBytes, getPercent, durationMs } = plan;
  return {
    server,
    clients,
    sizeBytes,
    getPercent,
    callsPerSecond: summarize(ratesOf(samples)),
    rateRatio: ratioByRound(ratesOf(samples), ratesOf(peers)),
    getMs: summaryOf(samples.map((sample) => sample.getMs)),
    putMs: summaryOf(samples.map((sample) => sample.putMs)),
    serverCpuUs: (cpuSeconds * 1e6) / calls,
    serverLoad: (cpuSeconds * 1000) / (samples.length * durationMs),
    generatorLoad: samples.reduce((sum, sample) => sum + sample.generatorLoad, 0) / samples.length,
  };
}

/** The servers from the n-th on, then those before it. */
function rotated(servers: readonly LoadServer[], round: number): LoadServer[] {
  const first = round % servers.length;
  return [...servers.slice(first), ...servers.slice(0, first)];
}

/** @param servers the peer first */
export async function measureLoad(
  generator: Generator,
  servers: readonly LoadServer[],
  objects: LoadObjects,
  plan: LoadPlan,
): Promise<LoadRow[]> {
  const samples = new Map<LoadServer, Sample[]>(servers.map((server) => [server, []]));
  for (let round = 0; round <= plan.rounds; round += 1) {
    for (const server of rotated(servers, round)) {
      const task = { ...plan, objects, target: server.target, isFilled: round === 0 };
      const sample = await measureOnce(generator, server, task);
      if (round > 0) samples.get(server)?.push(sample);
    }
  }
  const peers = [...samples.values()][0] ?? [];
  return [...samples].map(([{ name }, own]) => sumUp(name, plan, own, peers));
}
