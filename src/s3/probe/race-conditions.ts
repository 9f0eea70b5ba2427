/**
 * Races the conditions of a store by itself: several writers at once, over connections of their
 * own. At most one may win.
 *
 * A store that checks a condition and then writes passes every check that is not raced. Released
 * versions of several stores did that.
 */
import { LIMITS } from "../../limits.ts";
import type { WriteOutcome } from "../bucket.ts";
import { type ProbeRun, StoreRefused } from "./probe-run.ts";

/** Races of each kind that run side by side, on different keys. */
const LANES = 4;

export async function raceConditions(run: ProbeRun): Promise<void> {
  const endMs = performance.now() + LIMITS.s3ProbeRaceMs;
  const mayRemove = run.found.removeIfMatch === "works";
  const lane = async (): Promise<void> => {
    for (let round = 0; round < LIMITS.s3ProbeRounds / LANES; round += 1) {
      // The first round of each lane is complete, however slow the store is.
      if (round > 0 && performance.now() > endMs) return;
      // Side by side, because some stores let losers of a race wait for seconds.
      await allEnded([raceCreate(run), raceIncrements(run, endMs), ...(mayRemove ? [raceRemove(run)] : [])]);
    }
  };
  await allEnded(Array.from({ length: LANES }, lane));
  run.found.createIfAbsent = "atomic";
  run.found.replaceIfMatch = "atomic";
  if (run.found.removeIfMatch === "works") run.found.removeIfMatch = "atomic";
}

/** Fails if one fails, but only after all have ended: nothing is written behind the cleaning. */
async function allEnded(races: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(races);
  await Promise.all(races);
}

/** All writers create the same object. */
async function raceCreate(run: ProbeRun): Promise<void> {
  const key = run.newKey();
  const outcomes = await raceOf((writer) =>
    run.bucket.write(key, [Buffer.from(`writer ${writer}`)], { ifAbsent: true }),
  );
  const problem = problemOf(outcomes, await run.textOf(key));
  if (problem !== undefined)
    throw refused(run, "createIfAbsent", `If-None-Match: * is not atomic: ${problem}`);
}

/** All writers increment the same counter, each until it has won once. */
async function raceIncrements(run: ProbeRun, endMs: number): Promise<void> {
  const key = run.newKey();
  await run.write(key, "0");
  const wins: number[] = [];
  let isDoubtful = false;
  await raceOf(async (writer) => {
    for (let attempt = 0; ; attempt += 1) {
      const { count, etag } = await readCounter(run, key);
      const body = [Buffer.from(`${count + 1} by ${writer} in attempt ${attempt}`)];
      const outcome = await run.bucket.write(key, body, { ifMatch: etag });
      if (outcome.kind === "done") wins.push(count + 1);
      isDoubtful ||= outcome.kind === "doubtful";
      // One attempt of each writer is a race already.
      if (outcome.kind === "done" || performance.now() > endMs) return outcome;
    }
  });
  const problem = counterProblem(wins, (await readCounter(run, key)).count, isDoubtful);
  if (problem !== undefined) throw refused(run, "replaceIfMatch", `If-Match is not atomic: ${problem}`);
}

async function readCounter(run: ProbeRun, key: string): Promise<{ count: number; etag: string }> {
  const outcome = await run.bucket.read(key, { bytesMax: 100 });
  if (outcome.kind !== "found") throw new StoreRefused("it lost an object that was written a moment ago");
  return { count: Number.parseInt(outcome.body.toString("utf8"), 10), etag: outcome.etag };
}

/** What is wrong with a counter; undefined if nothing is. */
export function counterProblem(
  wins: readonly number[],
  count: number,
  isDoubtful: boolean,
): string | undefined {
  if (new Set(wins).size < wins.length) return "two writers replaced the same version";
  if (count < Math.max(0, ...wins)) return "an increment was lost";
  return !isDoubtful && count !== wins.length ? `${wins.length} increments made ${count}` : undefined;
}

/** Half of the writers remove the version that the others replace. */
async function raceRemove(run: ProbeRun): Promise<void> {
  const key = run.newKey();
  const etag = await run.write(key, "base");
  const outcomes = await raceOf((writer) =>
    writer % 2 === 0
      ? run.bucket.remove(key, etag)
      : run.bucket.write(key, [Buffer.from(`writer ${writer}`)], { ifMatch: etag }),
  );
  const wins = outcomes.filter(({ kind }) => kind === "done").length;
  // The engine can do without conditional removals, so this is not a reason to refuse the store.
  if (wins > 1) run.found.removeIfMatch = "not atomic";
}

function raceOf(write: (writer: number) => Promise<WriteOutcome>): Promise<WriteOutcome[]> {
  return Promise.all(Array.from({ length: LIMITS.s3ProbeWriters }, (_, writer) => write(writer)));
}

/** What is wrong with the end of a race; undefined if nothing is. */
export function problemOf(outcomes: readonly WriteOutcome[], text: string | undefined): string | undefined {
  const winners = outcomes.flatMap(({ kind }, writer) => (kind === "done" ? [writer] : []));
  if (winners.length > 1) return `${winners.length} of ${outcomes.length} writers won at once`;
  const isDoubtful = outcomes.some(({ kind }) => kind === "doubtful" || kind === "retry");
  if (winners.length === 1 && text !== `writer ${winners[0]}` && !isDoubtful) {
    return "another write than the winner's was kept";
  }
  return winners.length === 0 && !isDoubtful ? "no writer won" : undefined;
}

function refused(run: ProbeRun, what: "createIfAbsent" | "replaceIfMatch", text: string): StoreRefused {
  run.found[what] = "not atomic";
  return new StoreRefused(text);
}
