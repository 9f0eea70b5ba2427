/**
 * Three replicas over one SeaweedFS, with faults and SIGKILL, and the check of what clients saw:
 *
 *     npx tsx bench/replicas.ts [--calls 100000] [--share 0.02] [--kills 0.002] [--seed 1] [--seconds N]
 *         [--defect "forgets operations" | "ignores conditions" | "reads stale"]
 *
 * Prints a table; ends with 1 if a rule is broken. The same in small is test/slow/replicas.test.ts.
 */
import { parseArgs } from "node:util";
import { checkHistory } from "../test/contract/bucket-model/history.ts";
import type { Defect } from "../test/slow/replicas/defective-bucket.ts";
import { ReplicasLoad } from "../test/slow/replicas/replicas-load.ts";
import { startReplicasStore } from "../test/slow/replicas/replicas-store.ts";
import { quantile } from "./statistics.ts";

const { values: options } = parseArgs({
  options: {
    calls: { type: "string", default: "100000" },
    share: { type: "string", default: "0.02" },
    kills: { type: "string", default: "0.002" },
    keys: { type: "string", default: "12" },
    seed: { type: "string", default: "1" },
    seconds: { type: "string", default: "86400" },
    defect: { type: "string" },
  },
});

const [calls, share, kills, keys, seed] = [
  Number(options.calls),
  Number(options.share),
  Number(options.kills),
  Number(options.keys),
  Number(options.seed),
];
const started = await startReplicasStore();
const defect = options.defect as Defect | undefined;
const replicas = started.replicas(seed, share, defect && { defect });
const load = new ReplicasLoad({ seed, calls, kills, keys, replicas, lastMs: 1000 * Number(options.seconds) });
const begunMs = performance.now();
const progress = setInterval(() => {
  process.stderr.write(
    `${load.tookMs.length} calls, ${Math.round((performance.now() - begunMs) / 1000)} s\n`,
  );
}, 30_000);
try {
  await load.run();
} finally {
  clearInterval(progress);
  await started.stop();
}
const seconds = (performance.now() - begunMs) / 1000;
const { violations, checks } = checkHistory(load.calls);
const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((a, b) => a + b, 0);
const list = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join("; ");
const took = load.tookMs.toSorted((a, b) => a - b);
const rows: [string, string | number][] = [
  ["calls", took.length],
  ["seconds", seconds.toFixed(0)],
  ["requests to the store", load.replicas.reduce((all, { proxy }) => all + proxy.requests, 0)],
  ["faults", `${sum(load.faults)}: ${list(load.faults)}`],
  ["replicas killed", `${sum(load.kills)}: ${list(load.kills)}`],
  ["outcome unknown", load.unknown],
  ["ms of a call, p50, p99, max", [0.5, 0.99, 1].map((q) => Math.round(quantile(took, q))).join(", ")],
  ["checks", checks],
  ["violations", violations.length],
  ["errors of the wrong kind", load.broken.length],
];
for (const [name, value] of rows) process.stdout.write(`| ${name} | ${value} |\n`);
for (const text of [...violations.slice(0, 10), ...load.broken.slice(0, 10)])
  process.stdout.write(`- ${text}\n`);
process.exitCode = violations.length + load.broken.length > 0 ? 1 : 0;
