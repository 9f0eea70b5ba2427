/**
 * What a start with many objects costs: the time to the first correct get, to a complete list, and of gets meanwhile.
 *
 *     npx tsx bench/million.ts --directory DIR [--sessions 100] [--objects 10000] [--list pyarrow,own] [--rounds 1] [--cold]
 *
 * Makes the store when DIR holds none (a million files take minutes and 4 GB) and leaves it there. Times are from before the
 * server's process is started; the lister waits with its libraries loaded. One client gets objects by chance, one call after the
 * other with a pause, until the list is complete. `--cold` drops the page cache first, which only root may. Needs a build.
 */
import type { ChildProcess } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { FlightClient } from "../src/client/flight/flight-client.ts";
import { cleanEnvironment } from "../test/support/clean-environment.ts";
import {
  makeStore,
  objectName,
  STORE_APPLICATION,
  type StorePlan,
  sessionName,
  valueUnder,
} from "../test/support/many-objects.ts";
import { pythonEnvironment } from "../test/support/python-environment.ts";
import { cpuSecondsOf } from "./machine.ts";
import { linesOf, Processes, stopOnSignals } from "./processes.ts";
import { quantile } from "./statistics.ts";

const PAUSE_MS = 20;
const MIB_KIB = 1024;

const { values: options } = parseArgs({
  options: {
    directory: { type: "string" },
    sessions: { type: "string", default: "100" },
    objects: { type: "string", default: "10000" },
    list: { type: "string", default: "pyarrow,own" },
    rounds: { type: "string", default: "1" },
    cold: { type: "boolean", default: false },
  },
});

interface Listed {
  readonly objects: number;
  readonly distinct: number;
  /** Milliseconds since 1970. */
  readonly endedAt: number;
}

class Run {
  readonly #plan: StorePlan;
  readonly #processes: Processes;
  readonly #startedAt = Date.now();

  constructor(plan: StorePlan, processes: Processes) {
    this.#plan = plan;
    this.#processes = processes;
  }

  async measure(lister: ChildProcess): Promise<string[]> {
    const listed = lastLine(lister);
    const serve = ["serve", "--endpoint", "grpc://127.0.0.1:0", "--log", "warn", "--storage"];
    const server = await this.#processes.startServer("cache", "dist/cli.js", [
      ...serve,
      this.#plan.directory,
    ]);
    const listening = this.#elapsedMs();
    const client = new FlightClient({ endpoint: `grpc://${server.address}` });
    await this.#get(client);
    const firstGet = this.#elapsedMs();
    lister.stdin?.end(`grpc://${server.address}\n`);
    const getsMs: number[] = [];
    let isListed = false;
    const list = listed.finally(() => {
      isListed = true;
    });
    while (!isListed) {
      const before = performance.now();
      await this.#get(client);
      getsMs.push(performance.now() - before);
      await pause(PAUSE_MS);
    }
    const { objects, distinct, endedAt } = JSON.parse(await list) as Listed;
    if (objects !== this.#total || distinct !== this.#total)
      throw new Error(`listed ${objects}, ${distinct} of them distinct`);
    const cpuSeconds = cpuSecondsOf(server.pid);
    const memory = readFileSync(`/proc/${server.pid}/status`, "utf8");
    await client.close();
    const [p50, p99, max] = [0.5, 0.99, 1].map((q) => quantile(getsMs, q).toFixed(1));
    const mib = (field: string): string =>
      (Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(memory)?.[1]) / MIB_KIB).toFixed(0);
    return [
      listening.toFixed(0),
      firstGet.toFixed(0),
      ((endedAt - this.#startedAt) / 1000).toFixed(2),
      `${p50} / ${p99} / ${max} (${getsMs.length})`,
      cpuSeconds.toFixed(1),
      `${mib("VmRSS")} / ${mib("VmHWM")}`,
    ];
  }

  get #total(): number {
    return this.#plan.sessions * this.#plan.objectsPerSession;
  }

  #elapsedMs(): number {
    return Date.now() - this.#startedAt;
  }

  /** Gets one object by chance and compares it. */
  async #get(client: FlightClient): Promise<void> {
    const session = sessionName(Math.floor(Math.random() * this.#plan.sessions));
    const object = objectName(Math.floor(Math.random() * this.#plan.objectsPerSession));
    const key = `${STORE_APPLICATION}/${session}/${object}`;
    const bodies: Buffer[] = [];
    for await (const data of client.doGet(key)) bodies.push(await data.collect());
    if (!Buffer.concat(bodies).includes(valueUnder(key, this.#plan.valueSizeBytes)))
      throw new Error(`not the value of ${key}`);
  }
}

async function lastLine(child: ChildProcess): Promise<string> {
  let last = "";
  for await (const line of linesOf(child)) last = line;
  return last;
}

async function main(): Promise<void> {
  const { directory } = options;
  if (directory === undefined) throw new Error("say where the store is to be: --directory DIR");
  const plan = {
    directory,
    sessions: Number(options.sessions),
    objectsPerSession: Number(options.objects),
    valueSizeBytes: 1_000,
  };
  await makeStore(plan);
  const environment = await pythonEnvironment();
  const python = "python" in environment ? environment.python : "python3";
  const processes = new Processes(cleanEnvironment());
  stopOnSignals(() => processes.close());
  const listers: Record<string, () => ChildProcess> = {
    pyarrow: () => processes.start(python, ["bench/list_flights.py"]),
    own: () => processes.start(process.execPath, ["--import", "tsx", "bench/list-flights.ts"]),
  };
  console.log(
    "| list by | cache | listening ms | first get ms | list complete s | gets meanwhile p50 / p99 / max ms | server CPU s | memory MiB now / most |",
  );
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- |");
  for (let round = 0; round < Number(options.rounds); round += 1) {
    for (const name of options.list.split(",")) {
      const start = listers[name];
      if (start === undefined) throw new Error(`nobody lists by the name ${name}`);
      if (options.cold) writeFileSync("/proc/sys/vm/drop_caches", "3");
      const lister = start();
      await pause(3_000);
      try {
        const row = await new Run(plan, processes).measure(lister);
        console.log(`| ${[name, options.cold ? "cold" : "warm", ...row].join(" | ")} |`);
      } finally {
        await processes.stopAll();
      }
    }
  }
}

await main();
