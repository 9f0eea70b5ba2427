/**
 * Writes the tables of docs/performance.md anew between their markers, from the runs that were kept in results.jsonl.
 *
 * Each section takes the latest run that measured it, and says below it which one that was. What stands outside of the markers
 * is written by hand and is not touched. A section without a run stays as it is.
 *
 *     <!-- bench NAME -->
 *     ...
 *     <!-- end of NAME -->
 */
import { readFileSync, writeFileSync } from "node:fs";
import { formatGoals } from "./goals.ts";
import { formatResult, type Results, type Run, readRuns, WORKLOAD_NAMES } from "./results.ts";

export const DOCUMENT = "docs/performance.md";
const SECTION = /<!-- bench (\w+) -->\n[\s\S]*?<!-- end of \1 -->/g;
const GOALS = "goals";

export function formatCircumstances({ at, commit, node, pyarrow, redis, loadBefore, machine }: Run): string {
  const peers = `pyarrow ${pyarrow}, ${redis === undefined ? "no Redis" : `Redis ${redis}`}`;
  const where = `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB`;
  const load = `load ${loadBefore.toFixed(1)} before the run`;
  return `Commit ${commit}, ${at.slice(0, 10)}, Node ${node}, ${peers},\n${where}, ${load}.`;
}

/** The latest result of each workload, whichever run it is from. */
function latest(runs: readonly Run[]): Results {
  return Object.assign({}, ...runs.map((run) => run.workloads)) as Results;
}

/** What stands between the markers of a section; undefined when no run has it. */
function sectionOf(name: string, runs: readonly Run[]): string | undefined {
  const newest = runs.at(-1);
  if (newest === undefined) return undefined;
  if (name === GOALS) return `${formatGoals(latest(runs))}\n\n${formatCircumstances(newest)}`;
  const workload = WORKLOAD_NAMES.find((each) => each === name);
  if (workload === undefined) throw new Error(`${DOCUMENT} has a section ${name}, which is no workload`);
  const run = runs.findLast((each) => each.workloads[workload] !== undefined);
  return run && `${formatResult(workload, run.workloads)}\n\n${formatCircumstances(run)}`;
}

export interface Rewritten {
  readonly text: string;
  /** The sections that were written anew. */
  readonly names: readonly string[];
}

/** @throws {Error} when a section is none of a workload. */
export function rewriteText(text: string, runs: readonly Run[]): Rewritten {
  const names: string[] = [];
  const rewritten = text.replace(SECTION, (old, name: string) => {
    const section = sectionOf(name, runs);
    if (section === undefined) return old;
    names.push(name);
    return `<!-- bench ${name} -->\n\n${section}\n\n<!-- end of ${name} -->`;
  });
  return { text: rewritten, names };
}

/** @returns the names of the sections that were written anew. */
export function rewriteDocument(): readonly string[] {
  const { text, names } = rewriteText(readFileSync(DOCUMENT, "utf8"), readRuns());
  writeFileSync(DOCUMENT, text);
  return names;
}
