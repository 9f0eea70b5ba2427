/**
 * `npm run bench`: the cache beside pyarrow's own C++ Flight server, Redis, bare node:http2 and bare files, in the same minutes.
 *
 *     --only NAME[,NAME]   these workloads (results.ts has the names); nothing is kept
 *     --keep               appends what was measured to results.jsonl also then
 *     --smoke              everything once and small, in seconds; nothing is kept
 *     --document           measures nothing: writes the tables of docs/performance.md anew from results.jsonl
 *     --directory DIR      where on the disk the run works; the system's temporary directory otherwise
 *
 * Prints each workload's tables when it is done, and at the end which promises were kept. A workload that fails is told and
 * the others go on; the exit code is 1 then. Needs a build (`npm run build`) and the tests' Python environment.
 */
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { pythonEnvironment } from "../test/support/python-environment.ts";
import { DOCUMENT, formatCircumstances, rewriteDocument } from "./document.ts";
import { formatGoals } from "./goals.ts";
import { circumstances } from "./machine.ts";
import { stopOnSignals } from "./processes.ts";
import { redisVersion } from "./redis-server.ts";
import {
  appendRun,
  formatResult,
  type Results,
  WORKLOAD_NAMES,
  WORKLOADS,
  type WorkloadName,
} from "./results.ts";
import { CLI_FILE, Workbench } from "./workbench.ts";

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    keep: { type: "boolean", default: false },
    smoke: { type: "boolean", default: false },
    document: { type: "boolean", default: false },
    directory: { type: "string", default: tmpdir() },
  },
});

function chosenWorkloads(): WorkloadName[] {
  if (options.only === undefined) return WORKLOAD_NAMES;
  return options.only.split(",").map((name) => {
    const known = WORKLOAD_NAMES.find((each) => each === name);
    if (known === undefined) throw new Error(`${name} is no workload: ${WORKLOAD_NAMES.join(", ")}`);
    return known;
  });
}

async function measure<Name extends WorkloadName>(
  bench: Workbench,
  name: Name,
  results: Results,
): Promise<void> {
  const startedAt = performance.now();
  const result: Results[Name] = await WORKLOADS[name].measure(bench, options.smoke);
  results[name] = result;
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  process.stdout.write(`\n${name} (${seconds} s)\n\n${formatResult(name, results)}\n`);
}

/** One after the other, each with servers of its own. @returns whether all of them were measured. */
async function measureAll(bench: Workbench, results: Results): Promise<boolean> {
  let isWhole = true;
  for (const name of chosenWorkloads()) {
    try {
      await measure(bench, name, results);
    } catch (error) {
      if (bench.isClosed) throw error;
      isWhole = false;
      console.error(`\n${name} failed:`, error);
    } finally {
      await bench.stopServers();
    }
  }
  return isWhole;
}

async function run(): Promise<void> {
  if (!existsSync(CLI_FILE)) throw new Error(`${CLI_FILE} is missing: npm run build`);
  const environment = await pythonEnvironment();
  if ("missing" in environment) throw new Error(`the bench needs Python: ${environment.missing}`);
  const bench = new Workbench(environment.python, options.directory);
  stopOnSignals(() => bench.close());
  try {
    const where = circumstances({ pyarrow: environment.pyarrow, redis: redisVersion() });
    const results: Results = {};
    const isWhole = await measureAll(bench, results);
    const done = { ...where, workloads: results };
    process.stdout.write(
      `\n${formatGoals(results, options.only === undefined)}\n\n${formatCircumstances(done)}\n`,
    );
    const isKept = options.keep || (!options.smoke && options.only === undefined);
    if (isKept && Object.keys(results).length > 0) appendRun(done);
    if (!isWhole) process.exitCode = 1;
  } catch (error) {
    // After a signal whatever was under way fails, and whoever stops the run says how it ended.
    if (!bench.isClosed) throw error;
  } finally {
    await bench.close();
  }
}

if (options.document) console.log(`${DOCUMENT}: ${rewriteDocument().join(", ")}`);
else await run();
