/**
 * What is left when the power goes: clients work on a recorded disk, the power is cut at many
 * moments, and a cache that starts on what a disk may have kept is held to every answer that was
 * given before.
 *
 * Cutting the power of a machine proves one moment on one file system. This proves that every
 * answer had its syncs, of the right files and directories and in the right order, against a disk
 * that keeps nothing else (power-loss/disk-model.ts). The machine goes on after the power loss, and
 * loses power again.
 */
import fs from "node:fs";
import fc from "fast-check";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { IndexedCache } from "../../src/cache/indexed-cache.ts";
import { DiskStorage } from "../../src/storage/disk/disk-storage.ts";
import type { Durability } from "../../src/storage/object-storage.ts";
import { campaign } from "../support/campaign.ts";
import { Random } from "../support/random.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { put, putTable } from "../unit/cache/cache-fixture.ts";
import { scratchDirectory, watchedLog } from "../unit/storage/scratch-directory.ts";
import { copyOf } from "../unit/storage/watched-disk.ts";
import type { Action } from "./power-loss/clients.ts";
import {
  KEYS,
  type Life,
  type Program,
  type Recorded,
  SHARED,
  SMALL_LOG,
  surviveAt,
  work,
} from "./power-loss/machine.ts";
import { adversaries, allowedStates, cutAt, wrongs } from "./power-loss/verdict.ts";

const CUTS = campaign({ slice: 4, whole: 10 });
const RUNS = campaign({ slice: 2, whole: 6 });
/** Each keeps other writes of the same few. */
const LOSSES = campaign({ slice: 40, whole: 100 });

const KINDS = ["put", "put", "put", "large", "patch", "patch", "table", "stream", "delete", "deleteSession"];
const kinds = fc.constantFrom(...(KINDS as Action["kind"][]));

/** Files come to rest at once, and nothing is released before the end, nor at the end. */
const KEPT_LOG = { segmentBytes: 256 * 1024, syncedAtStopMax: 0, restDelayMs: 0 };
/** No file comes to rest before the process is stopped. */
const PENDING_LOG = { segmentBytes: 256 * 1024, syncedAtStopMax: 0, restDelayMs: 600_000 };
const LOGS = { SMALL_LOG, KEPT_LOG, PENDING_LOG };

function programs(durability: fc.Arbitrary<Durability>, maxLength: number): fc.Arbitrary<Program> {
  const chain = fc.array(fc.record({ kind: kinds, durability }), { minLength: 1, maxLength });
  return fc
    .tuple(...KEYS.map(() => chain))
    .map((chains) =>
      chains.map((actions, client) =>
        client < SHARED ? actions.map((each) => ({ ...each, kind: sharing(each.kind) })) : actions,
      ),
    );
}

/** Of a client that shares its session. */
function sharing(kind: Action["kind"]): Action["kind"] {
  return kind === "deleteSession" ? "delete" : kind;
}

interface Examination {
  /** Which start of the machine comes after the power loss. */
  readonly boot: number;
  readonly random: Random;
  /** What each key might hold after the power loss before. */
  readonly earlier?: readonly ReadonlySet<string>[];
}

/** Cuts the power at many moments. @returns how many answers were examined. */
async function examine(recorded: Recorded, { boot, random, earlier = [] }: Examination): Promise<number> {
  let examined = 0;
  for (let nth = 0; nth < CUTS; nth += 1) {
    const cut = cutAt(nth, recorded, random);
    for (const choose of adversaries(random)) {
      const survived = await surviveAt(recorded, cut, { boot, choose });
      expect(wrongs(recorded, cut, { ...survived, earlier })).toEqual([]);
      examined += survived.states.length;
    }
  }
  return examined;
}

function emptyDirectory(): string {
  const { path, remove } = temporaryDirectory("recorded");
  onTestFinished(remove);
  return path;
}

interface Machine {
  /** The processes before the first power loss, and between it and the second. */
  readonly first: readonly Life[];
  readonly second: readonly Life[];
  readonly seed: number;
}

async function losePowerTwice({ first, second, seed }: Machine): Promise<number> {
  const random = new Random(seed);
  const directory = emptyDirectory();
  const recorded = await work(directory, 1, { lives: first });
  let examined = await examine(recorded, { boot: 2, random });
  for (const choose of adversaries(random)) {
    const survivor = emptyDirectory();
    const cut = cutAt(random.below(3), recorded, random);
    recorded.disk.tree.survive(survivor, cut, choose);
    const earlier = allowedStates(recorded, cut);
    examined += await examine(await work(survivor, 2, { lives: second }), { boot: 3, random, earlier });
    fs.rmSync(survivor, { recursive: true });
  }
  return examined;
}

/** Two processes before the power loss, the first of them killed or stopped, and one after it. */
function machines(durability: fc.Arbitrary<Durability>, logs: readonly Life["log"][]): fc.Arbitrary<Machine> {
  const log = fc.constantFrom(...logs);
  const end = fc.constantFrom<Life["end"]>("killed", "stopped");
  const life = fc.record({ program: programs(durability, 6), log, end });
  return fc.record({
    first: fc.tuple(life, life),
    second: fc.tuple(fc.record({ program: programs(durability, 3), log, end })),
    seed: fc.nat(),
  });
}

/** The last client has a session of its own. */
const KEY = KEYS.at(-1)!;

function alone(actions: readonly Action[]): Program {
  return KEYS.map((key) => (key === KEY ? actions : []));
}

/**
 * What a machine that lost power has between the two steps of a put over the other form: the log
 * has the stream, and the directory the large file that replaces it.
 */
async function bothForms(key: string): Promise<string> {
  const directory = scratchDirectory();
  const log = { ...PENDING_LOG, bootId: Buffer.alloc(16, 1) };
  const cache = new IndexedCache(new DiskStorage({ directory, log }));
  await cache.start();
  await putTable(cache, key, "replaced");
  const left = copyOf(directory);
  await put(cache, key, "large".repeat(30_000));
  fs.cpSync(`${directory}/${key}.arrow`, `${left}/${key}.arrow`);
  await cache.stop();
  return left;
}

/** A stream at rest that the log still has, whose file was damaged since. */
async function damagedAtRest(key: string): Promise<string> {
  const directory = scratchDirectory();
  const storage = new DiskStorage({ directory, log: { ...PENDING_LOG, bootId: Buffer.alloc(16, 1) } });
  const cache = new IndexedCache(storage);
  await cache.start();
  await putTable(cache, key, "replaced");
  await storage.settle();
  // The log says that it is at rest.
  await put(cache, "log/log/behind", "x");
  const left = copyOf(directory);
  fs.truncateSync(`${left}/${key}.arrows`, 1_000);
  await cache.stop();
  return left;
}

/** The scan begins when the machine is ready: no sync of its first put is one of what the scan writes. */
function scanLate(): void {
  const { scan } = DiskStorage.prototype;
  const { list } = IndexedCache.prototype;
  let begin = (): void => {};
  const isReady = new Promise<void>((resolve) => {
    begin = resolve;
  });
  vi.spyOn(DiskStorage.prototype, "scan").mockImplementation(async function* (this: DiskStorage, removals) {
    await isReady;
    yield* scan.call(this, removals);
  });
  vi.spyOn(IndexedCache.prototype, "list").mockImplementation(function (this: IndexedCache, ...asked) {
    begin();
    return list.apply(this, asked);
  });
  onTestFinished(() => void vi.restoreAllMocks());
}

describe("a power loss at any moment", () => {
  const promised = fc.constant<Durability>("power-loss");
  const either = fc.constantFrom<Durability>("power-loss", "restart");
  it.each([
    { durability: promised, answers: "power-loss", log: "KEPT_LOG" },
    { durability: promised, answers: "power-loss", log: "SMALL_LOG" },
    { durability: promised, answers: "power-loss", log: "PENDING_LOG" },
    { durability: either, answers: "power-loss or restart", log: "KEPT_LOG" },
    { durability: either, answers: "power-loss or restart", log: "SMALL_LOG" },
    { durability: either, answers: "power-loss or restart", log: "PENDING_LOG" },
    { durability: either, answers: "power-loss or restart", log: "any of them" },
  ] as const)(
    "leaves what was answered with $answers as it was promised, twice in a row ($log)",
    async ({ durability, log }) => {
      watchedLog();
      let examined = 0;
      const logs = log === "any of them" ? Object.values(LOGS) : [LOGS[log]];
      const property = fc.asyncProperty(machines(durability, logs), async (machine) => {
        examined += await losePowerTwice(machine);
      });
      await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
      expect(examined).toBe(RUNS * CUTS * 3 * KEYS.length * 4);
    },
    300_000,
  );

  it("does not bring back the older of two forms of an object", async () => {
    watchedLog();
    const left = await bothForms(KEY);
    const program = alone([
      { kind: "put", durability: "restart" },
      { kind: "stream", durability: "restart" },
    ]);
    scanLate();
    const recorded = await work(left, 2, { lives: [{ program, log: PENDING_LOG, end: "killed" }] });
    expect(recorded.before.at(-1)).toMatch(/^opaque 2 /);
    const random = new Random(1);
    for (let nth = 0; nth < LOSSES; nth += 1) {
      const survived = await surviveAt(recorded, recorded.end, {
        boot: 3,
        choose: (count) => random.below(count),
      });
      expect(wrongs(recorded, recorded.end, survived)).toEqual([]);
    }
  });

  it("does not bring back a damaged file that was put away before the key was put again", async () => {
    watchedLog();
    const left = await damagedAtRest(KEY);
    const program = alone([{ kind: "put", durability: "power-loss" }]);
    const recorded = await work(left, 1, { lives: [{ program, log: PENDING_LOG, end: "killed" }] });
    expect(recorded.before.at(-1)).toBe("damaged");
    const survived = await surviveAt(recorded, recorded.end, { boot: 2, choose: () => 0 });
    expect(wrongs(recorded, recorded.end, survived)).toEqual([]);
  });
});
