/**
 * A machine whose clients work on a recorded disk: one process after the other, each stopped or
 * killed, until the power is cut.
 *
 * A killed process takes no further step on the disk; its files that have not come to rest stay in
 * the log.
 */
import { expect, onTestFinished, vi } from "vitest";
import { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import type { BeforeStep, DiskStep } from "../../../src/storage/disk/disk-steps.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import type { LogSettings } from "../../../src/storage/disk/log/log-settings.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { put } from "../../unit/cache/cache-fixture.ts";
import { type Action, runClient, stateOf, type Told } from "./clients.ts";
import type { Choose } from "./disk-model.ts";
import { RecordedDisk, type SyncedKind } from "./recorded-disk.ts";

/**
 * The first four share sessions; each of the others has one of its own, which it also deletes as a
 * whole.
 */
export const KEYS = ["a/s/0", "a/s/1", "a/t/2", "c/t/3", "b/own4/4", "b/own5/5"];
export const SHARED = 4;
/** Segments so small that they are closed, released and used again while the clients are at work. */
export const SMALL_LOG = {
  segmentBytes: 8 * 1024,
  segmentsMax: 4,
  sparesMax: 1,
  quickFillMs: 0,
  syncDelayMs: 0,
  restDelayMs: 0,
};
/** A start that makes a segment of full size takes most of the time of a test. */
const SMALL = 64 * 1024;
/** Others may be at work on the machine. */
const PATIENT = { timeout: 20_000 };

/** What the clients do in one process. */
export type Program = readonly (readonly Action[])[];

export interface Life {
  readonly program: Program;
  readonly log: Partial<LogSettings>;
  readonly end: "stopped" | "killed";
}

export interface Recorded {
  readonly disk: RecordedDisk;
  readonly told: readonly (readonly Told[])[];
  /** What each key held before. */
  readonly before: readonly string[];
  readonly end: number;
}

/** Syncs that the processes of a machine forget, each by its place in their order. */
export type Forgets = (kind: SyncedKind, life: number) => boolean;

/** @param boot which start of the machine it is. */
export async function work(
  directory: string,
  boot: number,
  { lives, forgets = () => false }: { readonly lives: readonly Life[]; readonly forgets?: Forgets },
): Promise<Recorded> {
  let nth = 0;
  const disk = new RecordedDisk(directory, (kind) => forgets(kind, nth));
  onTestFinished(() => disk.stop());
  const told: Told[][] = KEYS.map(() => []);
  let before: readonly string[] | undefined;
  for (const [life, each] of lives.entries()) {
    nth = life;
    const process = await startProcess(directory, { ...each.log, bootId: bootId(boot) });
    before ??= await statesOf(process.cache);
    const ran = each.program.map(async (actions, client) => {
      const known = { tick: () => disk.tick(), text: `${KEYS[client]!} ${boot} ${life}` };
      const highest = told[client]!.at(-1)?.highest ?? 0;
      const more = await runClient(process.cache, KEYS[client]!, actions, known);
      told[client]!.push(...more.map((one) => ({ ...one, highest: Math.max(highest, one.highest) })));
    });
    await Promise.all(ran);
    await process.end(each.end);
  }
  disk.stop();
  return { disk, told, before: before!, end: disk.tick() };
}

interface Process {
  readonly cache: IndexedCache;
  end(how: Life["end"]): Promise<void>;
}

async function startProcess(directory: string, log: Partial<LogSettings>): Promise<Process> {
  const steps = new Set<DiskStep>();
  let isKilled = false;
  const beforeStep: BeforeStep = (step) => {
    if (isKilled) throw new Error("killed");
    steps.add(step);
  };
  const cache = new IndexedCache(new DiskStorage({ directory, beforeStep, log }));
  await cache.start();
  await untilLogged(cache, steps);
  // The scan has found the patches of bases that were lost.
  for await (const _ of cache.list({ scope: "all" }));
  return {
    cache,
    end: async (how) => {
      isKilled = how === "killed";
      await cache.stop();
    },
  };
}

/** The first put has the log's first segment made; those of the clients are to be logged. */
async function untilLogged(cache: IndexedCache, steps: ReadonlySet<DiskStep>): Promise<void> {
  await vi.waitFor(async () => {
    await put(cache, "log/log/log", "begins", "power-loss");
    expect([...steps]).toContain("syncLog");
  }, PATIENT);
}

/** What stands under each key, and the version that a put gets then. */
export interface Survived {
  readonly states: readonly string[];
  readonly next: readonly number[];
}

/** Starts a cache on what a power loss at `cut` left in `target`. */
export async function surviveAt(
  { disk }: Recorded,
  cut: number,
  { boot, choose }: { readonly boot: number; readonly choose: Choose },
): Promise<Survived> {
  const { path, remove } = temporaryDirectory("survived");
  try {
    disk.tree.survive(path, cut, choose);
    const cache = new IndexedCache(
      new DiskStorage({ directory: path, log: { bootId: bootId(boot), segmentBytes: SMALL } }),
    );
    await cache.start();
    const states = await statesOf(cache);
    const next: number[] = [];
    for (const key of KEYS) next.push(await put(cache, key, "next"));
    await cache.stop();
    return { states, next };
  } finally {
    remove();
  }
}

async function statesOf(cache: IndexedCache): Promise<string[]> {
  const states: string[] = [];
  for (const key of KEYS) states.push(await stateOf(cache, key));
  return states;
}

function bootId(boot: number): Buffer {
  return Buffer.alloc(16, boot);
}
