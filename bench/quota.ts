/**
 * What an application over its quota costs another one: `npx tsx bench/quota.ts`.
 *
 * Two applications put 64 KiB values to one server. `calm` is within its quota and keeps 200 objects.
 * `greedy` puts without a pause from eight clients of another process; it may hold 200 objects and put
 * 500 times a second.
 * Rounds with and without greedy's puts alternate. Prints calm's latencies, refusals and objects.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { FlameCache, isCacheError } from "../src/client/index.ts";
import { accessText } from "../test/support/access-file.ts";
import { tokenOf } from "../test/support/access-table.ts";

const ROUNDS = 5;
const ROUND_MS = 2_000;
const GREEDY_CLIENTS = 8;
const KEPT = 200;
const VALUE = new Uint8Array(64 * 1024).fill(7);

interface Round {
  readonly latenciesMs: number[];
  refused: number;
}

/** Puts one after the other until the time is over. */
async function putAll(cache: FlameCache, application: string, untilMs: number): Promise<Round> {
  const round: Round = { latenciesMs: [], refused: 0 };
  for (let index = 0; performance.now() < untilMs; index += 1) {
    const startedMs = performance.now();
    try {
      const id = application === "calm" ? index % KEPT : `${index}-${Math.random()}`;
      await cache.put(`${application}/s/${id}`, VALUE);
      round.latenciesMs.push(performance.now() - startedMs);
    } catch (error) {
      if (!isCacheError(error, "QUOTA_EXCEEDED")) throw error;
      round.refused += 1;
    }
  }
  return round;
}

function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
}

const median = (values: readonly number[]): number => percentile(values, 0.5);

/** The other process: puts from all clients for one round, after a line on standard input. */
async function beGreedy(endpoint: string): Promise<void> {
  const caches = await Promise.all(
    Array.from({ length: GREEDY_CLIENTS }, () => FlameCache.connect({ endpoint, token: tokenOf("greedy") })),
  );
  for await (const _ of createInterface({ input: process.stdin })) {
    const untilMs = performance.now() + ROUND_MS;
    const rounds = await Promise.all(caches.map((cache) => putAll(cache, "greedy", untilMs)));
    const stored = rounds.reduce((sum, { latenciesMs }) => sum + latenciesMs.length, 0);
    console.log(JSON.stringify({ stored, refused: rounds.reduce((sum, round) => sum + round.refused, 0) }));
  }
  await Promise.all(caches.map((cache) => cache.close()));
}

async function measure(directory: string): Promise<void> {
  const file = join(directory, "access.yaml");
  const names = ["calm", "greedy"];
  const rules = accessText(names.map((name) => ({ name, allow: ["get", "put", "list"] })));
  const rates = { calm: 100_000, greedy: 500 };
  const quotas = Object.entries(rates).map(
    ([name, rate]) => `{name: ${name}, quota: {objects: ${KEPT}, puts_per_second: ${rate}}}`,
  );
  writeFileSync(file, `${rules}applications: [${quotas.join(", ")}]\n`);
  const args = ["--endpoint", "grpc://127.0.0.1:0", "--access-file", file];
  const server = spawn("dist/cli.js", args, { stdio: ["ignore", "pipe", "ignore"] });
  const [first] = (await once(server.stdout, "data")) as [Buffer];
  const endpoint = /listening on (\S+)/.exec(String(first))![1]!;
  const other = spawn(process.execPath, ["--import", "tsx", "bench/quota.ts", endpoint], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    await compare(endpoint, other);
  } finally {
    other.stdin.end();
    server.kill("SIGTERM");
  }
}

async function compare(endpoint: string, other: ChildProcess): Promise<void> {
  await using calm = await FlameCache.connect({ endpoint, token: tokenOf("calm") });
  const lines = createInterface({ input: other.stdout! })[Symbol.asyncIterator]();
  const rounds: Record<string, Round[]> = { alone: [], beside: [] };
  let [stored, refused] = [0, 0];
  for (let index = -1; index < ROUNDS; index += 1) {
    for (const kind of index % 2 === 0 ? ["alone", "beside"] : ["beside", "alone"]) {
      if (kind === "beside") other.stdin!.write("go\n");
      const round = await putAll(calm, "calm", performance.now() + ROUND_MS);
      const { value } = kind === "beside" ? await lines.next() : { value: '{"stored":0,"refused":0}' };
      const counts = JSON.parse(value) as { stored: number; refused: number };
      stored += counts.stored;
      refused += counts.refused;
      // The first rounds warm up.
      if (index >= 0) rounds[kind]!.push(round);
    }
  }
  for (const [kind, all] of Object.entries(rounds)) {
    const p50 = median(all.map(({ latenciesMs }) => median(latenciesMs)));
    const p99 = median(all.map(({ latenciesMs }) => percentile(latenciesMs, 0.99)));
    const puts = median(all.map(({ latenciesMs }) => latenciesMs.length)) / (ROUND_MS / 1000);
    const refusals = all.reduce((sum, round) => sum + round.refused, 0);
    console.log(
      `calm ${kind}: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, ${puts.toFixed(0)} puts/s, ${refusals} refused`,
    );
  }
  let kept = 0;
  for await (const _ of calm.list("calm")) kept += 1;
  console.log(`greedy: ${stored} stored, ${refused} refused; calm has ${kept} of ${KEPT} objects`);
}

const [greedyEndpoint] = process.argv.slice(2);
if (greedyEndpoint !== undefined) await beGreedy(greedyEndpoint);
else {
  const directory = mkdtempSync(join(tmpdir(), "quota-"));
  await measure(directory).finally(() => rmSync(directory, { recursive: true }));
}
