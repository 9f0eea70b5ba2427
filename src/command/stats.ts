/**
 * `stats`: what the server holds and does, and its bounds; with `--watch` again and again.
 *
 * Counts are since the start of the server. A watched view adds the rates since the view before.
 */
import { fetchStats } from "../client/cache/observing-calls.ts";
import { escapeInvisible } from "../log-format.ts";
import { jsonLine } from "./json-line.ts";
import { type LiveOptions, showViews } from "./live-view.ts";
import { readStats, type StatsView, statsLines } from "./stats-lines.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export interface StatsOptions extends VerbOptions, LiveOptions {}

export async function stats(options: StatsOptions, run: VerbRun): Promise<"ok"> {
  const client = run.open(options);
  const isTerminal = run.context.stdout.isTTY === true;
  let before: StatsView | undefined;
  const draw = async (): Promise<readonly string[]> => {
    const answer = await fetchStats(client, { signal: run.signal });
    if (options.json === true) return [jsonLine(answer).trimEnd()];
    const now = readStats(answer);
    const lines = statsLines(now, before);
    before = now;
    // Views in a pipe follow each other.
    const gap = options.watch === true && !isTerminal ? [""] : [];
    return [...lines.map(escapeInvisible), ...gap];
  };
  await showViews(draw, options, run);
  return "ok";
}
