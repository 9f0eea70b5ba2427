/**
 * `npm run bench`: our server, without and with storage, beside pyarrow's own C++ Flight server, same client, same minute.
 *
 * Prints the tables of report.ts and appends one line to results.jsonl. `--smoke` runs everything once, small, and keeps
 * nothing: the tests do that. `--only bulk` leaves the load generator out and keeps nothing either. Needs a build (`npm run build`) and the tests' Python environment.
 */
import { appendFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cleanEnvironment } from "../test/support/clean-environment.ts";
import { pythonEnvironment } from "../test/support/python-environment.ts";
import { type BulkPlan, measureBulk } from "./bulk.ts";
import { circumstances } from "./machine.ts";
import { Processes, type Server } from "./processes.ts";
import { formatReport } from "./report.ts";
import { type LoadPlan, measureSmallCalls } from "./small-calls.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const RESULTS_FILE = "bench/results.jsonl";
const CLI_FILE = "dist/cli.js";

const FULL: { bulk: Omit<BulkPlan, "form" | "bareFilesDirectory">; load: LoadPlan } = {
  bulk: {
    rounds: 9,
    warmUpCalls: 10_000,
    sizes: [
      { sizeBytes: 1 * KIB, calls: 300 },
      { sizeBytes: 64 * KIB, calls: 200 },
      { sizeBytes: 1 * MIB, calls: 50 },
      { sizeBytes: 16 * MIB, calls: 8 },
      { sizeBytes: 256 * MIB, calls: 2 },
    ],
  },
  load: { rounds: 7, clients: [1, 4, 16], durationMs: 1500, sizeBytes: 1 * KIB },
};

const SMOKE: typeof FULL = {
  bulk: {
    rounds: 1,
    warmUpCalls: 5,
    sizes: [
      { sizeBytes: 1 * KIB, calls: 5 },
      { sizeBytes: 1 * MIB, calls: 2 },
    ],
  },
  load: { rounds: 1, clients: [1, 4], durationMs: 50, sizeBytes: 1 * KIB },
};

const { values: options } = parseArgs({
  options: {
    smoke: { type: "boolean", default: false },
    rounds: { type: "string" },
    form: { type: "string", default: "table" },
    only: { type: "string" },
  },
});

/** The peer first: the ratios are against it. */
async function startServers(processes: Processes, python: string, directory: string): Promise<Server[]> {
  const serve = [CLI_FILE, "serve", "--endpoint", "grpc://127.0.0.1:0", "--log", "warn", "--storage"];
  return [
    await processes.startServer("pyarrow C++", python, ["bench/peer_server.py"]),
    await processes.startServer("node:http2 alone", process.execPath, [
      "--import",
      "tsx",
      "bench/http2-peer.ts",
    ]),
    await processes.startServer("cache, memory", process.execPath, [...serve, "none"]),
    await processes.startServer("cache, files", process.execPath, [...serve, join(directory, "objects")]),
  ];
}

/** For JSON: what is measured is not known to more than four digits. */
function withFewDigits(_name: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}

async function run(): Promise<void> {
  if (!existsSync(CLI_FILE)) throw new Error(`${CLI_FILE} is missing: npm run build`);
  const environment = await pythonEnvironment();
  if ("missing" in environment) throw new Error(`the bench needs Python: ${environment.missing}`);
  const { python, pyarrow } = environment;
  const plan = options.smoke ? SMOKE : FULL;
  const form = options.form === "opaque" ? "opaque" : "table";
  const rounds = Number(options.rounds ?? plan.bulk.rounds);
  const directory = mkdtempSync(join(tmpdir(), "flame-bench-"));
  const processes = new Processes(cleanEnvironment({ FLAME_HOME: directory }));
  try {
    const servers = await startServers(processes, python, directory);
    const where = circumstances(pyarrow);
    const bulk = await measureBulk(processes, python, servers, {
      ...plan.bulk,
      rounds,
      form,
      bareFilesDirectory: join(directory, "bare"),
    });
    const smallCalls =
      options.only === "bulk" ? [] : await measureSmallCalls(processes, python, servers, plan.load);
    process.stdout.write(`${formatReport(where, bulk, smallCalls)}\n`);
    if (!options.smoke && options.only === undefined) {
      const result = { ...where, form, rounds, bulk, smallCalls };
      appendFileSync(RESULTS_FILE, `${JSON.stringify(result, withFewDigits)}\n`);
    }
  } finally {
    await processes.stopAll();
    rmSync(directory, { recursive: true, force: true });
  }
}

await run();
