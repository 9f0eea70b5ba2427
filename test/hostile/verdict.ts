/**
 * Judges what was measured by bounds.ts, and writes it as a table.
 *
 * Whatever the verdict is, all figures are printed: a suite that is green says little without them.
 */
import { quantile } from "../../bench/statistics.ts";
import { BOUNDS } from "./bounds.ts";
import type { HonestSamples } from "./honest-plan.ts";
import type { Measured, Skipped } from "./measured.ts";

const MIB = 2 ** 20;

export interface VerdictOptions {
  /**
   * `everything`: only where the machine is the suite's own. `bounds`: what holds on any machine: the server lives, its memory does not
   * run away, its descriptors come back. `survival`: whether the server is still there.
   */
  readonly judges: "everything" | "bounds" | "survival";
}

type Size = "small" | "large";

function percentile(samples: HonestSamples, size: Size, q: number): number {
  return samples[size].length === 0 ? Number.NaN : quantile(samples[size], q);
}

/** What the server did that it should not have done; empty when it stood. */
export function faultsOf(measured: Measured | Skipped, { judges }: VerdictOptions): string[] {
  if ("skipped" in measured) return [];
  const death = measured.isAlive ? [] : ["the server died"];
  if (judges === "survival") return death;
  if (judges === "bounds") return [...death, ...boundFaults(measured)];
  const failures = Object.entries(measured.during.failures);
  return [
    ...death,
    ...measured.complaints,
    ...memoryFaults(measured),
    ...failures.map(([text, count]) => `honest calls failed: ${count} x ${text}`),
    ...timeFaults(measured),
  ];
}

function boundFaults({ peak, before, after, isAlive }: Measured): string[] {
  const faults: string[] = [];
  if (peak.rssBytes > BOUNDS.runawayRssBytes) faults.push(`held ${mib(peak.rssBytes)} MiB`);
  if (isAlive && after.descriptors > before.descriptors + BOUNDS.keptDescriptors) {
    faults.push(`${after.descriptors} descriptors 10 s later, ${before.descriptors} before`);
  }
  return faults;
}

function memoryFaults({ peak, before, after, recoveredMs, isAlive }: Measured): string[] {
  const faults: string[] = [];
  if (peak.rssBytes > BOUNDS.peakRssBytes) faults.push(`held ${mib(peak.rssBytes)} MiB`);
  if (isAlive && recoveredMs === Number.POSITIVE_INFINITY) {
    faults.push(
      `${mib(after.rssBytes)} MiB and ${after.descriptors} descriptors 10 s later, ` +
        `${mib(before.rssBytes)} and ${before.descriptors} before`,
    );
  }
  return faults;
}

function timeFaults({ idle, during, inside: { longestTurnMs } }: Measured): string[] {
  const slow = (["small", "large"] as const).flatMap((size) => {
    const allowed = Math.max(BOUNDS.honestMs, BOUNDS.honestFactor * percentile(idle, size, 0.99));
    const seen = percentile(during, size, 0.99);
    return seen <= allowed
      ? []
      : [`p99 of ${size} calls ${seen.toFixed(1)} ms, ${allowed.toFixed(1)} allowed`];
  });
  const turn = longestTurnMs > BOUNDS.turnMs ? [`a turn of ${longestTurnMs.toFixed(0)} ms`] : [];
  return [...slow, ...turn];
}

const mib = (bytes: number): string => (bytes / MIB).toFixed(0);

const COLUMNS: readonly (readonly [title: string, cell: (measured: Measured) => string])[] = [
  ["attack", ({ attack }) => attack.name],
  ["peak", ({ peak }) => mib(peak.rssBytes)],
  ["heap", ({ inside }) => mib(inside.peakHeapBytes)],
  ["external", ({ inside }) => mib(inside.peakExternalBytes)],
  ["small p50/p99 idle", ({ idle }) => pair(idle, "small")],
  ["during", ({ during }) => pair(during, "small")],
  ["large p50/p99 idle", ({ idle }) => pair(idle, "large")],
  ["during", ({ during }) => pair(during, "large")],
  ["failed", ({ during }) => failed(during)],
  [
    "turn (wall)",
    ({ inside }) => `${inside.longestTurnMs.toFixed(0)} (${inside.longestTurnWallMs.toFixed(0)})`,
  ],
  ["before, after", ({ before, after }) => `${mib(before.rssBytes)}, ${mib(after.rssBytes)}`],
  [
    "fds before, peak, after",
    ({ before, peak, after }) => [before, peak, after].map(({ descriptors }) => descriptors).join(", "),
  ],
  ["back after", ({ recoveredMs }) => secondsText(recoveredMs)],
];

function secondsText(ms: number | undefined): string {
  if (ms === undefined) return "-";
  return Number.isFinite(ms) ? `${(ms / 1000).toFixed(1)} s` : "never";
}

function pair(samples: HonestSamples, size: Size): string {
  return [0.5, 0.99].map((q) => percentile(samples, size, q).toFixed(1)).join("/");
}

function failed({ small, large, failures }: HonestSamples): string {
  const count = Object.values(failures).reduce((sum, each) => sum + each, 0);
  return `${count} of ${small.length + large.length + count}`;
}

/** All figures of some attacks, memory in MiB, times in ms; then what was wrong, and what there is to say. */
export function verdictTable(all: readonly (Measured | Skipped)[], options: VerdictOptions): string {
  const titles = [...COLUMNS.map(([title]) => title), "verdict"];
  const rows = all.flatMap((measured) => ("skipped" in measured ? [] : [cellsOf(measured, options)]));
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ");
  const lines = [titles, ...rows].map(line);
  return [...lines, ...all.flatMap((measured) => remarks(measured, options)), ""].join("\n");
}

function cellsOf(measured: Measured, options: VerdictOptions): string[] {
  const isFaultless = faultsOf(measured, options).length === 0;
  const verdict = isFaultless ? "stands" : "FAILS";
  return [...COLUMNS.map(([, cell]) => cell(measured)), measured.isAlive ? verdict : "DIED"];
}

function remarks(measured: Measured | Skipped, options: VerdictOptions): string[] {
  const lines =
    "skipped" in measured
      ? [`skipped: ${measured.skipped}`]
      : [
          ...(measured.boundedBy === undefined ? [] : [measured.boundedBy]),
          ...measured.notes,
          ...faultsOf(measured, options).map((fault) => `! ${fault}`),
        ];
  return lines.map((each) => `  ${measured.attack.name}: ${each}`);
}
