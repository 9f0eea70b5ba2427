/**
 * What a start does with a full commit log: within the same run of the machine, after a restart of it, and after one that took every file.
 *
 *     npx tsx bench/replay.ts --directory DIR [--files 20000]
 *
 * Puts small files with durability `power-loss` into DIR, which must not exist, and starts the engine on them under other boot ids, as if
 * the machine had been restarted. Prints milliseconds of the start and microseconds a file. DIR is removed at the end.
 */
import { existsSync, rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { OpaqueWriter } from "../src/object/opaque-writer.ts";
import { DiskStorage } from "../src/storage/disk/disk-storage.ts";
import type { StoredName } from "../src/storage/object-storage.ts";

const SESSIONS = 10;
const AT_ONCE = 64;
const VALUE = Buffer.alloc(1000, "v");
/** Nothing is released by itself while this runs. */
const NEVER = { syncedAtStopMax: 0, syncDelayMs: 1e9, segmentAgeMs: 1e9 };

const { values: options } = parseArgs({
  options: { directory: { type: "string" }, files: { type: "string", default: "20000" } },
});

function nameOf(file: number): StoredName {
  const key = { applicationId: "a", sessionId: `s${file % SESSIONS}`, objectId: `o${file}` };
  return { key, part: { kind: "file" } };
}

function engine(directory: string, boot: number): DiskStorage {
  return new DiskStorage({ directory, commits: { ...NEVER, bootId: Buffer.alloc(16, boot) } });
}

async function put(storage: DiskStorage, file: number): Promise<void> {
  const staged = storage.stage();
  const writer = new OpaqueWriter(staged);
  await writer.append([VALUE]);
  await writer.finish(1);
  await staged.publish(nameOf(file), "power-loss");
}

async function fill(directory: string, files: number): Promise<void> {
  const storage = engine(directory, 1);
  await storage.start();
  for (let from = 0; from < files; from += AT_ONCE) {
    const count = Math.min(AT_ONCE, files - from);
    await Promise.all(Array.from({ length: count }, (_, i) => put(storage, from + i)));
  }
  await storage.stop();
}

async function timeStart(directory: string, boot: number, files: number, what: string): Promise<void> {
  const storage = engine(directory, boot);
  const startMs = performance.now();
  await storage.start();
  const tookMs = performance.now() - startMs;
  console.log(`${what}: ${tookMs.toFixed(0)} ms, ${((tookMs * 1000) / files).toFixed(0)} us a file`);
  await storage.stop();
}

async function run(directory: string, files: number): Promise<void> {
  if (existsSync(directory)) throw new Error(`${directory} exists`);
  try {
    await fill(directory, files);
    await timeStart(directory, 1, files, "the same run of the machine");
    await timeStart(directory, 2, files, "another run, nothing lost");
    for (let session = 0; session < SESSIONS; session += 1) {
      rmSync(`${directory}/a/s${session}`, { recursive: true });
    }
    await timeStart(directory, 3, files, "another run, every file lost");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (options.directory === undefined) throw new Error("--directory is needed");
await run(options.directory, Number(options.files));
