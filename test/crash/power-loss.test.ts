/**
 * What is left when the power goes: clients work on a recorded disk, the power is cut at many moments, and a cache that starts on what a
 * disk may have kept is held to every answer that was given before.
 *
 * Cutting the power of a machine proves one moment on one file system. This proves that every answer had its syncs, of the right files and
 * directories and in the right order, against a disk that keeps nothing else (power-loss/disk-model.ts).
 */
import fc from "fast-check";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { IndexedCache } from "../../src/cache/indexed-cache.ts";
import type { BeforeStep, DiskStep } from "../../src/storage/disk/disk-steps.ts";
import { DiskStorage } from "../../src/storage/disk/disk-storage.ts";
import { campaign } from "../support/campaign.ts";
import { Random } from "../support/random.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { put } from "../unit/cache/cache-fixture.ts";
import { watchedLog } from "../unit/storage/scratch-directory.ts";
import { type Action, runClient, stateOf, type Told } from "./power-loss/clients.ts";
import type { Choose } from "./power-loss/disk-model.ts";
import { RecordedDisk } from "./power-loss/recorded-disk.ts";

/** The first four share sessions; each of the others has one of its own, which it also deletes as a whole. */
const KEYS = ["a/s/0", "a/s/1", "a/t/2", "c/t/3", "b/own4/4", "b/own5/5"];
const SHARED = 4;
/** Others may be at work on the machine. */
const PATIENT = { timeout: 20_000 };
const CUTS = campaign({ slice: 5, whole: 10 });
const RUNS = campaign({ slice: 2, whole: 6 });

/** The machine before the power loss, and after it. */
const [BEFORE, AFTER] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
const KINDS = ["put", "put", "put", "large", "patch", "patch", "table", "stream", "delete", "deleteSession"];
const kinds = fc.constantFrom(...(KINDS as Action["kind"][]));

/** Segments so small that they are closed, released and used again while the clients are at work. */
const SMALL_LOG = { segmentBytes: 16 * 1024, segmentsMax: 4, sparesMax: 1, syncDelayMs: 0 };
/** Nothing is released before the end, nor at the end. */
const KEPT_LOG = { segmentBytes: 256 * 1024, syncedAtStopMax: 0 };
type Log = typeof SMALL_LOG | typeof KEPT_LOG;

function programs(durability: fc.Arbitrary<Action["durability"]>): fc.Arbitrary<Action[][]> {
  const chain = fc.array(fc.record({ kind: kinds, durability }), { minLength: 5, maxLength: 12 });
  return fc
    .tuple(...KEYS.map(() => chain))
    .map((chains) =>
      chains.map((actions, client) =>
        client < SHARED ? actions.map((each) => ({ ...each, kind: alone(each.kind) })) : actions,
      ),
    );
}

function alone(kind: Action["kind"]): Action["kind"] {
  return kind === "deleteSession" ? "delete" : kind;
}

interface Recorded {
  readonly disk: RecordedDisk;
  readonly told: readonly Told[][];
  readonly end: number;
}

/** One process after the other works on the disk: the second finds the log of the first, on the same machine. */
async function record(program: readonly Action[][], log: Log): Promise<Recorded> {
  const directory = temporaryDirectory("recorded");
  onTestFinished(directory.remove);
  const disk = new RecordedDisk(directory.path);
  onTestFinished(() => disk.stop());
  const told: Told[][] = program.map(() => []);
  for (const half of [0, 1]) {
    const steps = new Set<DiskStep>();
    const beforeStep: BeforeStep = (step) => steps.add(step);
    const commits = { ...log, bootId: BEFORE };
    const cache = new IndexedCache(new DiskStorage({ directory: directory.path, beforeStep, commits }));
    await cache.start();
    await untilLogged(cache, steps);
    const ran = program.map(async (actions, client) => {
      const middle = actions.length >> 1;
      const mine = half === 0 ? actions.slice(0, middle) : actions.slice(middle);
      const text = `${KEYS[client]!} ${half}`;
      told[client]!.push(...(await runClient(cache, KEYS[client]!, mine, { tick: () => disk.tick(), text })));
    });
    await Promise.all(ran);
    await cache.stop();
  }
  disk.stop();
  return { disk, told, end: disk.tick() };
}

/** The first put that asks for it has the log's first segment made; those of the clients are to be logged. */
async function untilLogged(cache: IndexedCache, steps: ReadonlySet<DiskStep>): Promise<void> {
  await vi.waitFor(async () => {
    await put(cache, "log/log/log", "begins", "power-loss");
    expect([...steps]).toContain("syncCommits");
  }, PATIENT);
}

/** What a key may hold after a power loss at `cut`, by what was answered before it and what was under way. */
function allowedStates(told: readonly Told[], cut: number): Set<string> {
  const begun = told.filter(({ asked }) => asked <= cut);
  const promised = begun.findLastIndex(
    ({ durability, answered }) => durability === "power-loss" && answered <= cut,
  );
  const later = begun.slice(promised + 1);
  const states = new Set([begun[promised]?.state ?? "absent", ...later.map(({ state }) => state)]);
  // Only what was done since without that promise may have torn what is there.
  if (later.some(({ durability }) => durability === "restart"))
    for (const each of ["absent", "damaged"]) states.add(each);
  return states;
}

/** What stands under each key in a cache that starts on what is left. */
async function statesAfter({ disk }: Recorded, cut: number, choose: Choose): Promise<string[]> {
  const directory = temporaryDirectory("survived");
  try {
    disk.tree.survive(directory.path, cut, choose);
    const cache = new IndexedCache(
      new DiskStorage({ directory: directory.path, commits: { bootId: AFTER } }),
    );
    await cache.start();
    const states: string[] = [];
    for (const key of KEYS) states.push(await stateOf(cache, key));
    await cache.stop();
    return states;
  } finally {
    directory.remove();
  }
}

/** Nothing that was not synced is left; every name is left and no bytes; whatever. */
function adversaries(random: Random): Choose[] {
  return [() => 0, (count) => (count === 4 ? random.below(3) : count - 1), (count) => random.below(count)];
}

/** The end; then by turns any moment, and the moment of an answer, when a promise is youngest. */
function cutAt(nth: number, { told, end }: Recorded, random: Random): number {
  if (nth === 0) return end;
  const answers = told.flat().map(({ answered }) => answered);
  return nth % 2 === 0 ? random.below(end + 1) : answers[random.below(answers.length)]!;
}

async function examine(recorded: Recorded, random: Random): Promise<number> {
  let examined = 0;
  for (let nth = 0; nth < CUTS; nth += 1) {
    const cut = cutAt(nth, recorded, random);
    for (const choose of adversaries(random)) {
      const states = await statesAfter(recorded, cut, choose);
      const wrong = states.flatMap((state, client) => {
        const allowed = allowedStates(recorded.told[client]!, cut);
        return allowed.has(state) ? [] : [{ key: KEYS[client], state, allowed: [...allowed], cut }];
      });
      expect(wrong).toEqual([]);
      examined += states.length;
    }
  }
  return examined;
}

describe("a power loss at any moment", () => {
  const anyDurability = fc.constantFrom("power-loss" as const, "restart" as const);
  it.each([
    { promised: "power-loss", durability: fc.constant("power-loss" as const), log: KEPT_LOG },
    { promised: "power-loss", durability: fc.constant("power-loss" as const), log: SMALL_LOG },
    { promised: "power-loss or restart", durability: anyDurability, log: KEPT_LOG },
    { promised: "power-loss or restart", durability: anyDurability, log: SMALL_LOG },
  ])(
    "leaves every object that was answered with $promised as it was promised, and no wrong byte (segments of $log.segmentBytes)",
    async ({ durability, log }) => {
      watchedLog();
      let examined = 0;
      const property = fc.asyncProperty(programs(durability), fc.nat(), async (program, seed) => {
        examined += await examine(await record(program, log), new Random(seed));
      });
      await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
      expect(examined).toBe(RUNS * CUTS * 3 * KEYS.length);
    },
    120_000,
  );
});
