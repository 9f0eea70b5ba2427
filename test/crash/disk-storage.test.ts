/**
 * What is left when the process dies: killed with SIGKILL at any moment, and before each named step.
 *
 * Every round goes on in the directory that the round before left, so that a next process always
 * cleans up. Files come to rest at once, or so late that most of them are in the log when the
 * process dies.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { DISK_STEPS, type DiskStep } from "../../src/storage/disk/disk-steps.ts";
import { DiskStorage } from "../../src/storage/disk/disk-storage.ts";
import { REASON_ENDING } from "../../src/storage/disk/quarantine-reason.ts";
import { bundledProgram } from "../support/bundled-program.ts";
import { campaign } from "../support/campaign.ts";
import { namesIn } from "../support/scanned-names.ts";
import { readWhole, scratchDirectory, watchedLog } from "../unit/storage/scratch-directory.ts";
import { sealedSerial } from "./sealed-bytes.ts";

const worker = await bundledProgram(fileURLToPath(new URL("storage-worker.ts", import.meta.url)));
afterAll(() => worker.remove());
const ROUNDS = campaign({ slice: 5, whole: 25 });
/** Which time of its step a process is killed at. */
const TIMES = campaign({ slice: [1], whole: [1, 4, 9] });
/** After how many ms files come to rest: at once, between two rounds, never. */
const DELAYS = [0, 30, 600_000];
/** Each step has its time in an engine whose files come to rest. */
const STEP_DELAYS = campaign({ slice: [0], whole: [0, 30] });

/** What the worker was promised before it died: the last number told for each word and key. */
type Promised = Map<string, number>;

function startWorker(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [worker.file, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

/** Lets a worker run until it dies, or for `lines` lines and then kills it. */
async function runUntilDeath(child: ChildProcess, lines: number): Promise<Promised> {
  const exited = once(child, "exit");
  const said = text(child.stderr!);
  const promised: Promised = new Map();
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout! })) {
    const [word, key, serial] = line.split(" ");
    promised.set(`${word} ${key}`, Number(serial));
    seen += 1;
    if (seen === lines) child.kill("SIGKILL");
  }
  expect([...(await exited), await said]).toEqual([null, "SIGKILL", ""]);
  return promised;
}

/** The names in a directory; none when it is not there. */
function list(directory: string): string[] {
  return fs.existsSync(directory) ? fs.readdirSync(directory) : [];
}

/** Starts an engine on what a dead process left and holds it to every promise. */
async function examine(directory: string, promised: Promised): Promise<void> {
  const leftovers = list(`${directory}/.staging`).length;
  const log = watchedLog();
  const storage = new DiskStorage({ directory });
  await storage.start();
  expect(list(`${directory}/.staging`)).toEqual([]);
  expect(log().flatMap(({ files }) => files ?? [])).toEqual(leftovers > 0 ? [leftovers] : []);

  const serials = new Map<string, number>();
  for await (const session of storage.scan()) {
    for (const name of namesIn(session)) {
      const serial = sealedSerial((await readWhole(storage, name))!);
      expect({ name, serial }).toEqual({ name, serial: expect.any(Number) });
      // Of several patches the latest.
      serials.set(name.key.objectId, Math.max(serial!, serials.get(name.key.objectId) ?? 0));
    }
  }
  for (const objectId of ["small", "large", "turns", "patched", "c1", "c2", "c3", "c4", "c5", "c6"]) {
    const told = (word: string) => promised.get(`${word} ${objectId}`) ?? 0;
    const found = serials.get(objectId) ?? 0;
    const isKept = found >= told("put") || told("removing") === told("put");
    const isGone = found === 0 || found > told("gone");
    expect({ objectId, found, isKept, isGone }).toMatchObject({ isKept: true, isGone: true });
  }
  expect(storage.versionFloor).toBeGreaterThanOrEqual(promised.get("floor -") ?? 0);
  const notes: string[] = [];
  for await (const record of storage.journal.read()) notes.push(record);
  expect(notes.filter((note) => !/^noted [1-9]\d*$/.test(note))).toEqual([]);
  const latest = Math.max(0, ...notes.map((note) => Number(note.slice("noted ".length))));
  expect(latest).toBeGreaterThanOrEqual(promised.get("note -") ?? 0);
  const quarantine = `${directory}/.quarantine/a/s`;
  const files = list(quarantine).filter((file) => !file.endsWith(REASON_ENDING));
  const kept = files.map((file) => sealedSerial(fs.readFileSync(`${quarantine}/${file}`)));
  expect(files.filter((file) => !fs.existsSync(`${quarantine}/${file}${REASON_ENDING}`))).toEqual([]);
  expect(kept).toEqual(
    expect.arrayContaining([...promised].filter(([key]) => key === "quarantine bad").map(([, n]) => n)),
  );
  await storage.stop();
}

describe("a process killed at any moment", () => {
  it.each(DELAYS)(
    `leaves only whole objects and kept promises, ${ROUNDS} times in a row (files at rest after %i ms)`,
    async (delay) => {
      const directory = scratchDirectory();
      for (let round = 0; round < ROUNDS; round++) {
        const promised = await runUntilDeath(startWorker(directory, `${delay}`), 1 + ((round * 11) % 47));
        await examine(directory, promised);
      }
    },
  );
});

describe("a process killed before it could", () => {
  const steps = DISK_STEPS.flatMap((step: DiskStep) =>
    TIMES.flatMap((nth) => STEP_DELAYS.map((delay) => ({ step, nth, delay }))),
  );
  it.each(steps)(
    "$step ($nth) leaves only whole objects and kept promises (files at rest after $delay ms)",
    async ({ step, nth, delay }) => {
      const directory = scratchDirectory();
      const worker = startWorker(directory, `${delay}`, step, `${nth}`);
      const promised = await runUntilDeath(worker, Number.POSITIVE_INFINITY);
      await examine(directory, promised);
    },
  );
});
