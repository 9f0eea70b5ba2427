/**
 * What access rules and metrics cost: `npx tsx bench/protected.ts [ROOT_OF_A_BUILD_BEFORE]`.
 *
 * Servers of one run, which take turns: without rules and without an admin listener; with an access file,
 * a token, and metrics that are scraped each second; and, if another build is named, that build. Prints the
 * rate of each as a ratio to the first, and processor time of the server for each call. Objects are in
 * memory: equal servers with files differ by a fifth, by where the disk puts their directories.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessText } from "../test/support/access-file.ts";
import { tokenOf } from "../test/support/access-table.ts";
import { pythonEnvironment } from "../test/support/python-environment.ts";
import { makeObjects, measureLoad, startGenerator } from "./load/measure-load.ts";
import { stopOnSignals } from "./processes.ts";
import { loadServerOf, Workbench } from "./workbench.ts";

const ROUNDS = 9;
const KIB = 1024;
const SCRAPE_MS = 1_000;
const ADMIN_PORT = 19_191;
const [before] = process.argv.slice(2);

/** Size, keys, clients and part of gets of each row. */
const ROWS = [
  [KIB, 256, 16, 100],
  [KIB, 256, 16, 0],
  [KIB, 256, 1, 100],
  [KIB, 256, 1, 0],
  [64 * KIB, 256, 8, 90],
  [KIB * KIB, 96, 4, 90],
] as const;

const environment = await pythonEnvironment();
if ("missing" in environment) throw new Error(environment.missing);
process.env.BENCH_TOKEN = tokenOf("bench");
const directory = mkdtempSync(join(tmpdir(), "protected-"));
const file = join(directory, "access.yaml");
writeFileSync(file, accessText([{ name: "bench", allow: ["get", "put", "list", "admin"] }]));
const bench = new Workbench(environment.python, directory);
stopOnSignals(() => bench.close());

const serve = async (name: string, root: string, ...flags: string[]) =>
  loadServerOf(
    await bench.processes.startServer(name, `${root}/dist/cli.js`, [
      ...["serve", "--endpoint", "grpc://127.0.0.1:0", "--log", "warn", "--storage", "none"],
      ...flags,
    ]),
  );

async function scrape(): Promise<void> {
  const authorization = `Bearer ${tokenOf("bench")}`;
  const answer = await fetch(`http://127.0.0.1:${ADMIN_PORT}/metrics`, { headers: { authorization } });
  if (!answer.ok) throw new Error(`the scrape failed: ${answer.status}`);
  await answer.arrayBuffer();
}

const servers = [
  await serve("open", "."),
  await serve("protected", ".", "--access-file", file, "--admin", `127.0.0.1:${ADMIN_PORT}`),
  ...(before === undefined ? [] : [await serve("before", before)]),
];
const scraping = setInterval(() => void scrape(), SCRAPE_MS);
const generator = startGenerator(bench);
for (const [sizeBytes, keys, clients, getPercent] of ROWS) {
  const plans = [{ clients, keys, sizeBytes, getPercent, durationMs: 1000 }];
  const objects = makeObjects(bench, keys, sizeBytes);
  for (const row of await measureLoad(generator, { servers, objects, plans, rounds: ROUNDS })) {
    console.log(
      `${sizeBytes / KIB} KiB, ${clients} clients, ${getPercent} % gets, ${row.server}: ` +
        `${row.callsPerSecond.median.toFixed(0)} calls/s, ratio ${row.rateRatio.toFixed(3)}, ${row.serverCpuUs.toFixed(0)} us a call`,
    );
  }
}
clearInterval(scraping);
await bench.close();
rmSync(directory, { recursive: true, force: true });
