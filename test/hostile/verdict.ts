/**
 * Judges what was measured by bounds.ts, and writes it as a table.
 *
 * Whatever the verdict is, all figures are printed: a suite that is green says little without them.
 */
import { quantile } from "../../bench/statistics.ts";
import { BOUNDS } from "./bounds.ts";
import type { HonestSamples } from "./honest-plan.ts";
import type { Measured } from "./measure-attack.ts";

const MIB = 2 ** 20;

export interface VerdictOptions {
  /** Whether times are judged: only where the machine is the suite's own. */
  readonly judgesTime: boolean;
}

type Size = "small" | "large";

function percentile(samples: HonestSamples, size: Size, q: number): number {
  return samples[size].length === 0 ? Number.NaN : quantile(samples[size], q);
}

/** What the server did that it should not have done; empty when it stood. */
export function faultsOf(measured: Measured, { judgesTime }: VerdictOptions): string[] {
  if (measured.skipped !== undefined) return [];
  return [
    ...(measured.isAlive ? [] : ["the server died"]),
    ...measured.complaints,
    ...memoryFaults(measured),
    ...Object.entries(measured.during.failures).map(
      ([text, count]) => `honest calls failed: ${count} x ${text}`,
    ),
    ...(judgesTime ? timeFaults(measured) : []),
  ];
}

function memoryFaults({ peakRssBytes, recoveredMs, ...rest }: Measured): string[] {
  const faults: string[] = [];
  if (peakRssBytes > BOUNDS.peakRssBytes) faults.push(`held ${mib(peakRssBytes)} MiB`);
  if (rest.isAlive && recoveredMs === Number.POSITIVE_INFINITY) {
    faults.push(
      `${mib(rest.afterRssBytes)} MiB and ${rest.afterDescriptors} descriptors 10 s later, ` +
        `${mib(rest.beforeRssBytes)} and ${rest.beforeDescriptors} before`,
    );
  }
  return faults;
}

function timeFaults({ idle, during, longestTurnMs }: Measured): string[] {
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
  ["peak", ({ peakRssBytes }) => mib(peakRssBytes)],
  ["heap", ({ peakHeapBytes }) => mib(peakHeapBytes)],
  ["external", ({ peakExternalBytes }) => mib(peakExternalBytes)],
  ["small p50/p99 idle", ({ idle }) => pair(idle, "small")],
  ["during", ({ during }) => pair(during, "small")],
  ["large p50/p99 idle", ({ idle }) => pair(idle, "large")],
  ["during", ({ during }) => pair(during, "large")],
  ["failed", ({ during }) => failed(during)],
  [
    "turn (wall)",
    ({ longestTurnMs, longestTurnWallMs }) => `${longestTurnMs.toFixed(0)} (${longestTurnWallMs.toFixed(0)})`,
  ],
  ["before, after", ({ beforeRssBytes, afterRssBytes }) => `${mib(beforeRssBytes)}, ${mib(afterRssBytes)}`],
  [
    "fds before, peak, after",
    (each) => `${each.beforeDescriptors}, ${each.peakDescriptors}, ${each.afterDescriptors}`,
  ],
  [
    "back after",
    ({ recoveredMs }) => (Number.isFinite(recoveredMs) ? `${(recoveredMs / 1000).toFixed(1)} s` : "never"),
  ],
];

function pair(samples: HonestSamples, size: Size): string {
  return [0.5, 0.99].map((q) => percentile(samples, size, q).toFixed(1)).join("/");
}

function failed({ small, large, failures }: HonestSamples): string {
  const count = Object.values(failures).reduce((sum, each) => sum + each, 0);
  return `${count} of ${small.length + large.length + count}`;
}

/** All figures of some attacks, memory in MiB, times in ms; then what was wrong, and what there is to say. */
export function verdictTable(all: readonly Measured[], options: VerdictOptions): string {
  const rows = all.filter(({ skipped }) => skipped === undefined);
  const titles = [...COLUMNS.map(([title]) => title), "verdict"];
  const cells = rows.map((measured) => [
    ...COLUMNS.map(([, cell]) => cell(measured)),
    verdictOf(measured, options),
  ]);
  const widths = titles.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ");
  return [
    line(titles),
    ...cells.map(line),
    ...all.flatMap((measured) => remarks(measured, options)),
    "",
  ].join("\n");
}

function verdictOf(measured: Measured, options: VerdictOptions): string {
  if (!measured.isAlive) return "DIED";
  return faultsOf(measured, options).length === 0 ? "stands" : "FAILS";
}

function remarks(measured: Measured, options: VerdictOptions): string[] {
  const { attack, skipped, notes, boundedBy } = measured;
  const lines = [
    ...(skipped === undefined ? [] : [`skipped: ${skipped}`]),
    ...(boundedBy === undefined ? [] : [boundedBy]),
    ...notes,
    ...faultsOf(measured, options).map((fault) => `! ${fault}`),
  ];
  return lines.map((each) => `  ${attack.name}: ${each}`);
}
