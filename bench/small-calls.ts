/**
 * Calls per second: the load generator (load-generator.ts) against one server after the other, round by round.
 */
import { execFileSync } from "node:child_process";
import { createInterface } from "node:readline";
import { OPERATIONS, type Operation } from "./bulk.ts";
import type { LoadResult, LoadTask } from "./load-generator.ts";
import { cpuSecondsOf } from "./machine.ts";
import type { Processes, Server } from "./processes.ts";
import { ratioByRound, type Summary, summarize } from "./statistics.ts";

export interface LoadPlan {
  readonly rounds: number;
  readonly clients: readonly number[];
  readonly durationMs: number;
  readonly sizeBytes: number;
}

export interface SmallCallsResult {
  readonly server: string;
  readonly operation: Operation;
  readonly clients: number;
  readonly callsPerSecond: Summary;
  /** Calls per second by those of the first server, the peer. */
  readonly rateRatio: number;
  readonly latencyMs: Summary;
  /** CPU time the server spent on one call, microseconds. */
  readonly serverCpuUs: number;
  /** CPU time of the generator as a part of the time that passed: near 1 it is what is measured. */
  readonly generatorLoad: number;
}

interface Sample extends LoadResult {
  readonly serverCpuSeconds: number;
}

type Ask = (task: LoadTask) => Promise<LoadResult>;

function startGenerator(processes: Processes): Ask {
  const child = processes.start(process.execPath, ["--import", "tsx", "bench/load-generator.ts", "--serve"]);
  if (child.stdin === null || child.stdout === null) throw new Error("the load generator has no pipes");
  const { stdin } = child;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (task) => {
    stdin.write(`${JSON.stringify(task)}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error("the load generator ended");
    return JSON.parse(value) as LoadResult;
  };
}

async function measureOnce(ask: Ask, server: Server, task: LoadTask): Promise<Sample> {
  const before = cpuSecondsOf(server.pid);
  const result = await ask(task);
  return { ...result, serverCpuSeconds: cpuSecondsOf(server.pid) - before };
}

function sumUp(samples: readonly Sample[], peerSamples: readonly Sample[]) {
  const rates = samples.map((sample) => [sample.callsPerSecond]);
  const latencies = samples.map((sample) => sample.latenciesMs);
  const cpuSeconds = samples.reduce((sum, sample) => sum + sample.serverCpuSeconds, 0);
  return {
    callsPerSecond: summarize(rates),
    rateRatio: ratioByRound(
      rates,
      peerSamples.map((sample) => [sample.callsPerSecond]),
    ),
    latencyMs: summarize(latencies),
    serverCpuUs: (cpuSeconds * 1e6) / latencies.flat().length,
    generatorLoad: samples.reduce((sum, sample) => sum + sample.generatorLoad, 0) / samples.length,
  };
}

/** The servers from the n-th on, then those before it. */
function rotated(servers: readonly Server[], round: number): Server[] {
  const first = round % servers.length;
  return [...servers.slice(first), ...servers.slice(0, first)];
}

/** @param servers the peer first */
export async function measureSmallCalls(
  processes: Processes,
  python: string,
  servers: readonly Server[],
  plan: LoadPlan,
): Promise<SmallCallsResult[]> {
  const most = Math.max(...plan.clients);
  const frames = execFileSync(python, ["bench/client.py", "frames", `${most}`, `${plan.sizeBytes}`]);
  const requests = JSON.parse(frames.toString()) as { put: string; get: string }[];
  const ask = startGenerator(processes);
  const results: SmallCallsResult[] = [];
  for (const clients of plan.clients) {
    for (const operation of OPERATIONS) {
      const samples = new Map<Server, Sample[]>(servers.map((server) => [server, []]));
      const bodies = requests.slice(0, clients).map((request) => request[operation]);
      for (let round = 0; round <= plan.rounds; round += 1) {
        for (const server of rotated(servers, round)) {
          const task = {
            url: `http://${server.address}`,
            operation,
            requests: bodies,
            durationMs: plan.durationMs,
          };
          const sample = await measureOnce(ask, server, task);
          // Round 0 warms the server up.
          if (round > 0) samples.get(server)?.push(sample);
        }
      }
      const peerSamples = [...samples.values()][0] ?? [];
      for (const [{ name }, own] of samples) {
        results.push({ server: name, operation, clients, ...sumUp(own, peerSamples) });
      }
    }
  }
  return results;
}
