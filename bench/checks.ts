/**
 * What checking costs: tables that are validated while they are put, and files that are compared while they are read.
 *
 *     npx tsx bench/checks.ts [--rounds 9] [--only puts|gets|alone]
 *
 * Servers that differ in one setting run side by side, and rounds go from one to the next, so that what else the machine does meets
 * all of them. One client calls, one call after the other. Told are processor time of the server and the time on the clock, both
 * of one call, medians over the rounds. On a busy machine processes differ more than the settings do: `alone` walks the same tables
 * in this process, without a server, and tells the best of its rounds. Needs Linux and a build.
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { decodeSchema } from "../src/arrow/schema.ts";
import { checkedSchemaSteps, TableValidator } from "../src/arrow/validate/table-validator.ts";
import { atOnce } from "../src/turns.ts";
import { FlightTestClient } from "../test/support/flight-client.ts";
import { pathDescriptor, putMessages, valuePut } from "../test/support/flight-messages.ts";
import { pythonEnvironment } from "../test/support/python-environment.ts";
import { startServer } from "../test/support/start-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../test/support/temporary-directory.ts";
import { splitStream } from "../test/unit/arrow/golden.ts";
import { median } from "./statistics.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const { values: options } = parseArgs({
  options: { rounds: { type: "string", default: "9" }, only: { type: "string" } },
});
const ROUNDS = Number(options.rounds);
/** Calls of one round. */
const callsOf = (sizeBytes: number): number => (sizeBytes <= 64 * KIB ? 400 : sizeBytes <= MIB ? 60 : 12);

interface Arm {
  readonly name: string;
  readonly client: FlightTestClient;
  readonly pid: number;
}

interface Cost {
  readonly clockMs: number;
  readonly processorMs: number;
}

/** Processor time that all threads of a process have had, ms. */
function processorMs(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const each = tasks.map((task) =>
    Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "latin1").split(" ")[0]),
  );
  return each.reduce((sum, ns) => sum + ns, 0) / 1e6;
}

/** What one call costs, by arm. */
async function interleaved(
  arms: readonly Arm[],
  calls: number,
  call: (client: FlightTestClient) => Promise<unknown>,
): Promise<ReadonlyMap<string, Cost>> {
  const costs = new Map<string, Cost[]>(arms.map(({ name }) => [name, []]));
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const { name, client, pid } of round % 2 === 0 ? arms : [...arms].reverse()) {
      const [clock, processor] = [performance.now(), processorMs(pid)];
      for (let done = 0; done < calls; done += 1) await call(client);
      const clockMs = (performance.now() - clock) / calls;
      // The first round warms up.
      if (round > 0) costs.get(name)!.push({ clockMs, processorMs: (processorMs(pid) - processor) / calls });
    }
  }
  const medianOf = (all: readonly Cost[]): Cost => ({
    clockMs: median(all.map(({ clockMs }) => clockMs)),
    processorMs: median(all.map((cost) => cost.processorMs)),
  });
  return new Map([...costs].map(([name, all]) => [name, medianOf(all)]));
}

function tell(what: string, found: ReadonlyMap<string, Cost>, base: string): void {
  const baseMs = found.get(base)!.processorMs;
  const cells = [...found].map(([name, cost]) => {
    const share = ((cost.processorMs / baseMs - 1) * 100).toFixed(1);
    return `${name} ${cost.processorMs.toFixed(3)} (${share} %, clock ${cost.clockMs.toFixed(3)})`;
  });
  console.log(`${what.padEnd(28)} ms a call: ${cells.join("  ")}`);
}

const CHUNK_BYTES = 16 * KIB;
const TABLES = ["ints", "strings", "nested"].flatMap((kind) =>
  [KIB, MIB, 16 * MIB].map((sizeBytes) => [kind, sizeBytes] as const),
);

async function writtenTables(): Promise<TemporaryDirectory> {
  const environment = await pythonEnvironment();
  if (!("python" in environment)) throw new Error(environment.missing);
  const tables = temporaryDirectory("check-tables");
  execFileSync(environment.python, [new URL("check_tables.py", import.meta.url).pathname, tables.path]);
  return tables;
}

async function puts(storageKind: "none" | "files"): Promise<void> {
  const tables = await writtenTables();
  const storages = ["off", "structure", "full"].map((name) => ({
    name,
    directory: temporaryDirectory("checks"),
  }));
  const servers = await Promise.all(
    storages.map(({ name, directory }) =>
      startServer({
        storage: storageKind === "none" ? "none" : directory.path,
        environment: { FLAME_CACHE_VALIDATE_TABLES: name },
      }),
    ),
  );
  const arms = servers.map((server, at) => ({
    name: storages[at]!.name,
    client: new FlightTestClient(server.endpoint),
    pid: server.pid,
  }));
  for (const [kind, sizeBytes] of TABLES) {
    const [schema, ...batches] = splitStream(readFileSync(join(tables.path, `${kind}-${sizeBytes}.arrows`)));
    const messages = putMessages(pathDescriptor("bench/checks/table"), schema!.header, batches);
    const found = await interleaved(arms, callsOf(sizeBytes), (client) => client.put(messages));
    tell(`put ${kind} ${sizeBytes / KIB} KiB, ${storageKind}`, found, "off");
  }
  for (const { client } of arms) await client.close();
  for (const server of servers) await server.stop();
  for (const { directory } of [...storages, { directory: tables }]) directory.remove();
}

async function gets(): Promise<void> {
  const names = ["found", "always"];
  const directories = names.map(() => temporaryDirectory("checks"));
  const servers = await Promise.all(
    names.map((name, at) =>
      startServer({
        storage: directories[at]!.path,
        environment: { FLAME_CACHE_VERIFY_READS: name, FLAME_CACHE_MAX_MEMORY: "0" },
      }),
    ),
  );
  const arms = servers.map((server, at) => ({
    name: names[at]!,
    client: new FlightTestClient(server.endpoint),
    pid: server.pid,
  }));
  for (const sizeBytes of [KIB, 64 * KIB, MIB, 16 * MIB]) {
    const key = `bench/checks/value-${sizeBytes}`;
    const value = randomBytes(sizeBytes);
    for (const { client } of arms) await client.put(valuePut(pathDescriptor(key), value));
    const found = await interleaved(arms, callsOf(sizeBytes), (client) => client.get(key));
    tell(`get ${sizeBytes / KIB} KiB, no tier`, found, "found");
  }
  for (const { client } of arms) await client.close();
  for (const server of servers) await server.stop();
  for (const directory of directories) directory.remove();
}

/** The validator alone, bodies in chunks of 16 KiB as they come from a socket. */
async function alone(): Promise<void> {
  const tables = await writtenTables();
  for (const [kind, sizeBytes] of TABLES) {
    const [schema, ...batches] = splitStream(readFileSync(join(tables.path, `${kind}-${sizeBytes}.arrows`)));
    const plan = atOnce(checkedSchemaSteps(schema!.header, decodeSchema(schema!.header)));
    const chunks = batches.map(({ body }) => {
      const starts = Array.from(
        { length: Math.ceil(body.length / CHUNK_BYTES) },
        (_, index) => index * CHUNK_BYTES,
      );
      return starts.map((start) => [body.subarray(start, start + CHUNK_BYTES)]);
    });
    const costs = (["structure", "full"] as const).map((level) => {
      const runs = callsOf(sizeBytes) * 4;
      const rounds = Array.from({ length: ROUNDS + 1 }, () => {
        const before = performance.now();
        for (let run = 0; run < runs; run += 1) {
          const validator = new TableValidator(plan, level);
          for (const [index, { header, message }] of batches.entries()) {
            validator.begin(header, message as Exclude<typeof message, { kind: "schema" }>);
            for (const views of chunks[index]!) validator.take(views);
            validator.end();
          }
        }
        return (1000 * (performance.now() - before)) / runs;
      });
      return `${level} ${Math.min(...rounds).toFixed(1)} us`;
    });
    console.log(`${kind} ${sizeBytes / KIB} KiB, alone`.padEnd(28), costs.join("  "));
  }
  tables.remove();
}

if (options.only === undefined || options.only === "alone") await alone();
if (options.only === undefined || options.only === "gets") await gets();
if (options.only === undefined || options.only === "puts") {
  await puts("none");
  await puts("files");
}
