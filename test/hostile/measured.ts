/**
 * What was seen of one attack: figures of the server and of the honest client, judged by verdict.ts.
 *
 * Memory in bytes, times in milliseconds.
 */
import type { Attack } from "./attack-run.ts";
import type { HonestSamples } from "./honest-plan.ts";
import type { TurnRecord } from "./recorded-server.ts";

/** The process as it is at one moment. */
export interface ProcessState {
  readonly rssBytes: number;
  readonly descriptors: number;
}

/** What the server's own recorder saw, of the whole attack. */
export interface InsideFigures {
  /** The longest turn of the event loop by what it had of a processor: what waits for a disk or for other programs is not its work. */
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

export interface TimeSpan {
  readonly begunMs: number;
  readonly endedMs: number;
}

/** @param records all that there are, up to now: of the attack are turns that began in its time, also where they ended later */
export function insideFigures(records: readonly TurnRecord[], { begunMs, endedMs }: TimeSpan): InsideFigures {
  const attacked = records.filter(({ time, turnMs }) => time >= begunMs && time - turnMs <= endedMs);
  const unfinished = unfinishedTurn(records, endedMs);
  const longest = [...attacked, unfinished].reduce((most, each) =>
    each.workedMs > most.workedMs ? each : most,
  );
  const most = (of: (record: TurnRecord) => number): number => Math.max(0, ...attacked.map(of));
  return {
    longestTurnMs: longest.workedMs,
    longestTurnWallMs: longest.turnMs,
    peakHeapBytes: most(({ heapUsed }) => heapUsed),
    peakExternalBytes: most(({ external }) => external),
    peakRssBytes: most(({ rss }) => rss),
  };
}

/** A recorder that writes nothing any more is in a turn that has not ended, or died in one. */
function unfinishedTurn(records: readonly TurnRecord[], endedMs: number): Turn {
  const last = records.at(-1)?.time ?? endedMs;
  const silentMs = endedMs - last;
  return silentMs > SILENT_MS_MAX ? { turnMs: silentMs, workedMs: silentMs } : NO_TURN;
}

/** Many times what lies between two records of a server that runs. */
const SILENT_MS_MAX = 1_000;

type Turn = Pick<TurnRecord, "turnMs" | "workedMs">;

const NO_TURN: Turn = { turnMs: 0, workedMs: 0 };
