/**
 * Turns of the event loop, shared by all long loops: who has worked for long lets the others in.
 *
 * A turn is measured from the first loop that asks in it, so twenty loops that wake in one turn share it instead of taking one each.
 * Those that wait go on one per turn, first come, first served, and I/O comes in between. Pure code stops by `yield` in a generator
 * (`inTurns`, `atOnce`). Cost of asking: 50 ns, and for the first one in a turn some microseconds; ask every few items where an item
 * costs less than a microsecond, and not at all for what is small and happens once in a call.
 */
import { LIMITS } from "./limits.ts";

/** When the turn began that somebody works in; undefined: nobody has asked in this one. */
let startedMs: number | undefined;
/** Those that wait for a turn; a queue read from `next` on. */
let waiting: (() => void)[] = [];
let next = 0;

/** For loops: undefined while the turn is young, else a promise of a new one. Await it only when there is one. */
export function turnIfDue(): Promise<void> | undefined {
  const nowMs = performance.now();
  if (startedMs === undefined) {
    startedMs = nowMs;
    setImmediate(endTurn);
    return undefined;
  }
  return nowMs - startedMs < LIMITS.turnMs ? undefined : nextTurn();
}

/** The same for work that takes long with many bytes only. */
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

/** Runs a generator that stops every few items to its end, in as many turns as it takes. */
export async function inTurns<Result>(steps: Generator<void, Result>): Promise<Result> {
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return step.value;
    const turn = turnIfDue();
    if (turn !== undefined) await turn;
  }
}

/** The same without a stop: for what is known to be small, and for clients. */
export function atOnce<Result>(steps: Generator<void, Result>): Result {
  for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
}
