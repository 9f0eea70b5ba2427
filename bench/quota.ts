/**
 * What an application over its quota costs another one: `npx tsx bench/quota.ts`.
 *
 * Two applications put 64 KiB values to one server. `calm` is within its quota and keeps 200 objects.
 * `greedy` puts without a pause from eight clients; it may hold 200 objects and put 500 times a second.
 * Rounds with and without greedy's puts alternate. Prints calm's latencies, refusals and objects.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FlameCache, isCacheError } from "../src/client/index.ts";
import { accessText } from "../test/support/access-file.ts";
import { tokenOf } from "../test/support/access-table.ts";

const ROUNDS = 7;
const ROUND_MS = 3_000;
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

const directory = mkdtempSync(join(tmpdir(), "quota-"));
const file = join(directory, "access.yaml");
const names = ["calm", "greedy"];
const rules = accessText(names.map((name) => ({ name, allow: ["get", "put", "list"] })));
const quotas = names.map(
  (name) => `{name: ${name}, quota: {objects: ${KEPT}, puts_per_second: ${name === "calm" ? 100_000 : 500}}}`,
);
writeFileSync(file, `${rules}applications: [${quotas.join(", ")}]\n`);

const args = ["dist/cli.js", "--endpoint", "grpc://127.0.0.1:0", "--access-file", file];
const server = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
try {
  const [first] = (await once(server.stdout, "data")) as [Buffer];
  const endpoint = /listening on (\S+)/.exec(String(first))![1]!;
  const open = (name: string) => FlameCache.connect({ endpoint, token: tokenOf(name) });
  await using calm = await open("calm");
  const greedy = await Promise.all(Array.from({ length: GREEDY_CLIENTS }, () => open("greedy")));
  const rounds: Record<string, Round[]> = { alone: [], beside: [] };
  let stored = 0;
  let refused = 0;
  await putAll(calm, "calm", performance.now() + ROUND_MS);
  for (let index = 0; index < ROUNDS; index += 1) {
    for (const kind of index % 2 === 0 ? ["alone", "beside"] : ["beside", "alone"]) {
      const untilMs = performance.now() + ROUND_MS;
      const others = kind === "alone" ? [] : greedy.map((cache) => putAll(cache, "greedy", untilMs));
      rounds[kind]!.push(await putAll(calm, "calm", untilMs));
      for (const { latenciesMs, refused: refusals } of await Promise.all(others)) {
        stored += latenciesMs.length;
        refused += refusals;
      }
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
  await Promise.all(greedy.map((cache) => cache.close()));
} finally {
  server.kill("SIGTERM");
  rmSync(directory, { recursive: true });
}
