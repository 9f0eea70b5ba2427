/**
 * Prints the hit ratios of the eviction policies on every workload, and of the optimum beside them;
 * then those of a memory tier, by what it admits.
 *
 *     npm run bench:traces [-- EVENTS]
 *
 * The figures are the same on every machine: seeds are fixed and nothing depends on the time. Cache sizes are parts of a
 * workload's footprint.
 */
import { openPolicy, POLICIES, type PolicyName } from "../../src/eviction/open-policy.ts";
import { LIMITS } from "../../src/limits.ts";
import { playOptimum } from "./belady.ts";
import { type HitRatios, play } from "./player.ts";
import { tierWorkloads, workloads } from "./workloads.ts";

const EVENTS = 300_000;
const CACHE_PARTS = [0.01, 0.1, 0.3, 0.8];
/** The tier's policy, if none is chosen. */
const TIER_POLICY = "adaptive";
/** Which puts a tier admits, beside first gets. */
const TIERS = [
  { title: "gets", putBytesMax: 0 },
  { title: "small puts", putBytesMax: LIMITS.putAdmittedBytesMax },
  { title: "all puts", putBytesMax: Number.POSITIVE_INFINITY },
];

const cell = ({ objects, bytes }: HitRatios): string =>
  [objects, bytes].map((ratio) => (100 * ratio).toFixed(1).padStart(5)).join(" ");

function row(cells: readonly string[]): string {
  const widths = [19, 5];
  return `| ${cells.map((text, i) => text.padEnd(widths[i] ?? 11)).join(" | ")} |`;
}

const sizeCell = (part: number): string => `${100 * part} %`.padStart(5);

const events = Number(process.argv[2] ?? EVENTS);
const names = Object.keys(POLICIES) as PolicyName[];
console.log(row(["workload", "cache", ...names, "optimum"]));
console.log(row(["---", "---:", ...names.map(() => "---:"), "---:"]));
for (const open of workloads(events)) {
  const trace = open();
  for (const part of CACHE_PARTS) {
    const bytesMax = Math.floor(trace.footprintBytes * part);
    const ratios = names.map((name) => play(trace, openPolicy(name), { bytesMax }));
    console.log(row([trace.name, sizeCell(part), ...[...ratios, playOptimum(trace, bytesMax)].map(cell)]));
  }
}

console.log();
console.log(row(["workload", "tier", ...TIERS.map(({ title }) => title)]));
console.log(row(["---", "---:", ...TIERS.map(() => "---:")]));
for (const open of tierWorkloads(events)) {
  const trace = open();
  for (const part of CACHE_PARTS) {
    const bytesMax = Math.floor(trace.footprintBytes * part);
    const ratios = TIERS.map((tier) => play(trace, openPolicy(TIER_POLICY), { bytesMax, tier }));
    console.log(row([trace.name, sizeCell(part), ...ratios.map(cell)]));
  }
}
