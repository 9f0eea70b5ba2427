/**
 * What was seen of one attack: figures of the server and of the honest client, judged by verdict.ts.
 *
 * Memory in bytes, times in milliseconds.
 */
import type { Attack } from "./attack-run.ts";
import type { TurnRecord } from "./attacked-cache.ts";
import type { HonestSamples } from "./honest-plan.ts";

/** The process as it is at one moment. */
export interface ProcessState {
  readonly rssBytes: number;
  readonly descriptors: number;
}

/** What the server's own recorder saw, of the whole attack. */
export interface InsideFigures {
  /** The longest turn of the event loop, without what the kernel gave to other programs meanwhile. */
  readonly longestTurnMs: number;
  /** That turn by the clock. */
  readonly longestTurnWallMs: number;
  readonly peakHeapBytes: number;
  readonly peakExternalBytes: number;
  readonly peakRssBytes: number;
}

export interface Measured {
  readonly attack: Attack;
  readonly isAlive: boolean;
  readonly before: ProcessState;
  readonly peak: ProcessState;
  readonly after: ProcessState;
  /** Until memory and descriptors were as before; Infinity when they were not in time; undefined when nobody waited. */
  readonly recoveredMs: number | undefined;
  readonly idle: HonestSamples;
  readonly during: HonestSamples;
  readonly inside: InsideFigures;
  /** How memory was bounded, when it was. */
  readonly boundedBy: string | undefined;
  readonly notes: readonly string[];
  readonly complaints: readonly string[];
}

/** An attack that could not be run here, and why. */
export interface Skipped {
  readonly attack: Attack;
  readonly skipped: string;
}

/** @param records of the attack's time */
export function insideFigures(records: readonly TurnRecord[]): InsideFigures {
  const longest = records.reduce((most, each) => (ownMs(each) > ownMs(most) ? each : most), NO_TURN);
  const most = (of: (record: TurnRecord) => number): number => Math.max(0, ...records.map(of));
  return {
    longestTurnMs: ownMs(longest),
    longestTurnWallMs: longest.turnMs,
    peakHeapBytes: most(({ heapUsed }) => heapUsed),
    peakExternalBytes: most(({ external }) => external),
    peakRssBytes: most(({ rss }) => rss),
  };
}

type Turn = Pick<TurnRecord, "turnMs" | "waitedMs">;

const NO_TURN: Turn = { turnMs: 0, waitedMs: 0 };

function ownMs({ turnMs, waitedMs }: Turn): number {
  return Math.max(0, turnMs - waitedMs);
}
