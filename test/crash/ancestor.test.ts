/**
 * What is left of an object of the Rust cache when the process dies while it changes it.
 *
 * For each step that changes the disk the directory is copied before it, which is what a process leaves that dies there; some processes are
 * killed in truth. The object is what it was, or what it was to become, wholly; nothing else is touched.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { IndexedCache } from "../../src/cache/indexed-cache.ts";
import { isCacheError } from "../../src/errors.ts";
import { parseObjectKey } from "../../src/object/object-key.ts";
import type { StoredObject } from "../../src/object/stored-blocks.ts";
import { DiskStorage } from "../../src/storage/disk/disk-storage.ts";
import { ANCESTOR_VALUES, copyAncestor, digestsOf } from "../support/ancestor-directory.ts";
import { bundledProgram } from "../support/bundled-program.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { ACTIONS, VALUE } from "./ancestor-actions.ts";

const worker = await bundledProgram(fileURLToPath(new URL("ancestor-worker.ts", import.meta.url)));
afterAll(() => worker.remove());
const OURS = VALUE.toString("hex");

type Rows = readonly (readonly [version: number, hex: string])[];
/** Undefined where there is no object. */
type Content = Rows | undefined;

function before(key: string): Rows {
  const rows = new Map(ANCESTOR_VALUES).get(key)!;
  return rows.map(([version, , hex]) => [version, hex]);
}

/** @returns the signal that ended it. */
async function run(directory: string, action: string, key: string, nth: number): Promise<string> {
  const child = spawn(process.execPath, [worker.file, directory, action, key, `${nth}`], { stdio: "ignore" });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const [, signal] = await once(child, "exit");
  return signal;
}

async function contentOf(cache: IndexedCache, key: string): Promise<Content> {
  try {
    const { reading, base } = await cache.open(parseObjectKey(key), () => true);
    const rows: [number, string][] = [[reading.baseVersion, await hexOf(base!)]];
    for (const version of reading.patchesAfter(reading.baseVersion))
      await reading.withPatch(version, async (each) => void rows.push([version, await hexOf(each)]));
    reading.close();
    return rows;
  } catch (error) {
    if (isCacheError(error, "OBJECT_NOT_FOUND")) return undefined;
    throw error;
  }
}

async function hexOf({ dataRanges, source }: StoredObject): Promise<string> {
  const parts = await Promise.all(
    dataRanges.map(({ position, sizeBytes }) => source.read(position, sizeBytes)),
  );
  return Buffer.concat(parts).toString("hex");
}

/** What the next process finds, by a call and after its scan. */
async function found(directory: string, key: string): Promise<Content> {
  const cache = new IndexedCache(new DiskStorage({ directory }));
  await cache.start();
  const first = await contentOf(cache, key);
  for await (const _ of cache.list({ scope: "all" }));
  expect(await contentOf(cache, key)).toEqual(first);
  await cache.stop();
  return first;
}

function others(directory: string, key: string): Record<string, string> {
  const all = Object.entries(digestsOf(directory));
  return Object.fromEntries(all.filter(([name]) => !name.startsWith(`${key}.`)));
}

interface Case {
  readonly action: keyof typeof ACTIONS;
  readonly key: string;
  readonly after: Content;
}

const CASES: readonly Case[] = [
  { action: "patch", key: "team/jobs/patched", after: [...before("team/jobs/patched"), [7, OURS]] },
  { action: "patch", key: "team/jobs/zeros", after: [...before("team/jobs/zeros"), [5, OURS]] },
  { action: "patch", key: "team/jobs/leftovers", after: [...before("team/jobs/leftovers"), [7, OURS]] },
  {
    action: "patch",
    key: "team/jobs/mixed",
    after: [...before("team/jobs/mixed").map(([, hex], index) => [7 + index, hex] as const), [9, OURS]],
  },
  { action: "put", key: "team/jobs/patched", after: [[7, OURS]] },
  { action: "put", key: "team/jobs/zeros", after: [[5, OURS]] },
  { action: "delete", key: "team/jobs/patched", after: undefined },
];

/** Without versions: an object in our form that lacks the patch is what was there, and may have new ones. */
function valuesOf(content: Content): string[] | undefined {
  return content?.map(([, hex]) => hex);
}

/** Holds a directory that a dead process left to what it may be. */
async function examine(
  directory: string,
  { key, after }: Case,
  untouched: Record<string, string>,
): Promise<void> {
  const content = await found(directory, key);
  expect([after, before(key)].map(valuesOf)).toContainEqual(valuesOf(content));
  const versions = content?.map(([version]) => version) ?? [];
  expect(versions.toSorted((a, b) => a - b)).toEqual(versions);
  expect(others(directory, key)).toEqual(untouched);
}

/** A step may begin while the thread pool unlinks a file: a copy that misses one is made again. */
function copyMoment(directory: string, to: string): void {
  for (let isWhole = false; !isWhole; ) {
    fs.rmSync(to, { recursive: true, force: true });
    try {
      fs.cpSync(directory, to, { recursive: true });
      isWhole = true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}

/** Files come to rest at the stop. */
const SMALL_LOG = {
  segmentBytes: 8 * 1024,
  segmentsMax: 6,
  sparesMax: 1,
  quickFillMs: 0,
  syncDelayMs: 0,
  restDelayMs: 600_000,
};

describe("a process that dies", () => {
  it.each(CASES)(
    "before any step of a $action of $key leaves what was there or what was to come",
    async (each) => {
      const { path, remove } = temporaryDirectory("dying");
      onTestFinished(remove);
      const directory = `${path}/storage`;
      copyAncestor(directory);
      const untouched = others(directory, each.key);
      let steps = 0;
      let isActing = false;
      const beforeStep = () => {
        if (isActing) copyMoment(directory, `${path}/${steps++}`);
      };
      const cache = new IndexedCache(new DiskStorage({ directory, beforeStep, log: SMALL_LOG }));
      await cache.start();
      for await (const _ of cache.list({ scope: "all" }));
      isActing = true;
      await ACTIONS[each.action](cache, parseObjectKey(each.key));
      expect(await contentOf(cache, each.key)).toEqual(each.after);
      await cache.stop();
      isActing = false;
      expect(steps).toBeGreaterThan(4);
      for (let step = 0; step < steps; step += 1) await examine(`${path}/${step}`, each, untouched);
      expect(await found(directory, each.key)).toEqual(each.after);
    },
  );
});

describe("a process that is killed", () => {
  it.each([
    { ...CASES[1]!, steps: [1, 6, 11, 16, 21, 26] },
    { ...CASES[5]!, steps: [3, 6] },
    { ...CASES[6]!, steps: [4, 6] },
  ])("while a $action of $key is under way leaves the same", async ({ steps, ...each }) => {
    for (const nth of steps) {
      const { path, remove } = temporaryDirectory("killed");
      onTestFinished(remove);
      copyAncestor(path);
      const untouched = others(path, each.key);
      expect(await run(path, each.action, each.key, nth)).toEqual("SIGKILL");
      await examine(path, each, untouched);
    }
  });
});
