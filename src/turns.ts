/**
 * Divides long loops among turns of the event loop, so that other work runs in between.
 *
 * A turn is timed from the first loop that checks it, so twenty loops that wake in one turn share
 * its time. Waiting loops continue in FIFO order, one per turn, with I/O in between. Pure code is a
 * generator that yields every few items (`inTurns`, `atOnce`).
 * Cost of a check: 50 ns, and some microseconds for the first in a turn. Check every few items if
 * an item costs less than a microsecond; do not check in small work that happens once per call.
 */
import { LIMITS } from "./limits.ts";

/** Start of the current turn; undefined if no loop has checked it yet. */
let startedMs: number | undefined;
/** Loops that wait for a turn: a queue, read from `next` on. */
let waiting: (() => void)[] = [];
let next = 0;

/**
 * For loops: a promise of a later turn if the time of this one is used up, else undefined. Await
 * only a promise, because awaiting undefined costs more than the check.
 */
export function turnIfDue(): Promise<void> | undefined {
  const nowMs = performance.now();
  if (startedMs === undefined) {
    startedMs = nowMs;
    setImmediate(endTurn);
    return undefined;
  }
  return nowMs - startedMs < LIMITS.turnMs ? undefined : nextTurn();
}

/** The same for work that takes long only with many bytes. */
export function turnIfLarge(sizeBytes: number): Promise<void> | undefined {
  return sizeBytes < LIMITS.smallWorkBytes ? undefined : turnIfDue();
}

/** Resolves in a later turn of the loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length - next === 1) setImmediate(resumeOne);
  });
}

function endTurn(): void {
  startedMs = undefined;
}

function resumeOne(): void {
  startedMs = performance.now();
  setImmediate(endTurn);
  const resume = waiting[next]!;
  next += 1;
  if (next === waiting.length) {
    waiting = [];
    next = 0;
  } else setImmediate(resumeOne);
  resume();
}

/** Runs a generator to its end, in several turns if necessary. It yields every few items. */
export async function inTurns<Result>(steps: Generator<void, Result>): Promise<Result> {
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return step.value;
    const turn = turnIfDue();
    if (turn !== undefined) await turn;
  }
}

/** Runs it to its end in this turn: for small work, and for clients. */
export function atOnce<Result>(steps: Generator<void, Result>): Result {
  for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
}
