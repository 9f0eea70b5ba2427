/**
 * Records that the engine writes while it runs: used by the next start as if a scan had written them, and never in a call's way.
 */
import fs from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import type { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { FINE_SETTLED_MS } from "../../../src/storage/disk/facts-record.ts";
import { recordDirectory } from "../../../src/storage/disk/scan-thread.ts";
import { recordSessions } from "../../../src/storage/disk/walk-objects.ts";
import type { ScannedObjects } from "../../../src/storage/object-storage.ts";
import { settled } from "../../support/settled.ts";
import { factsIn, LATER_MS, OBJECTS, scan, spoil, valueFile } from "./recorded-files.ts";
import {
  named,
  openFiles,
  patchOf,
  publish,
  scratchDirectory,
  startedDisk,
  watchedLog,
} from "./scratch-directory.ts";

const SESSION = "app/session";
const OTHER = "app/other";
/** Longer than any rest between two passes. */
const LONG_MS = 1_200_000;

/** An engine, on an empty directory unless told otherwise, whose clock is ahead of that of the file system by what the test says. */
async function engine({ atStopMs = 60_000, directory = scratchDirectory() } = {}) {
  const clock = { aheadMs: 0 };
  const nowMs = () => Date.now() + clock.aheadMs;
  const storage = await startedDisk({ directory, recorder: { nowMs, atStopMs } });
  return { storage, directory, clock };
}

async function fill(storage: DiskStorage, session = SESSION, objects = OBJECTS): Promise<void> {
  for (let object = 0; object < objects; object += 1)
    await publish(storage, named(`${session}/o${object}`), await valueFile(`value ${object}`, 1 + object));
  await storage.settle();
}

/** Passes, with enough time before each for the directory to be quiet and the passes rested. */
async function passes(storage: DiskStorage, clock: { aheadMs: number }, count = 1): Promise<void> {
  await storage.settle();
  for (let pass = 0; pass < count; pass += 1) {
    clock.aheadMs += LONG_MS;
    await storage.recordSessions();
  }
}

function isRecorded(directory: string, session = SESSION): boolean {
  return fs.existsSync(`${directory}/.facts/${session}`);
}

function spoilAll(directory: string): void {
  for (let object = 0; object < OBJECTS; object += 1) spoil(directory, SESSION, `o${object}`);
}

afterEach(() => void vi.useRealTimers());

describe("a session that was filled while the engine runs", () => {
  it("is recorded without any scan: the next one opens no file of it", async () => {
    const { storage, directory, clock } = await engine();
    await fill(storage);
    await passes(storage, clock);
    spoilAll(directory);
    const found = factsIn(scan(directory));
    expect(found.get("o3")).toMatchObject({ version: 4, kind: "opaque", dataBytes: "value 3".length });
    expect([...found.values()]).not.toContain(undefined);
    expect(found.size).toBe(OBJECTS);
    expect(openFiles(directory)).toEqual([]);
  });

  it("is recorded by itself when it is quiet, and nothing is waited for after a stop", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { storage, directory, clock } = await engine();
    await fill(storage);
    clock.aheadMs = LIMITS.recordQuietMs;
    expect(await settled(() => Number(isRecorded(directory)))).toBe(0);
    vi.advanceTimersByTime(LIMITS.recordQuietMs);
    expect(await settled(() => Number(isRecorded(directory)))).toBe(1);
    await publish(storage, named(`${SESSION}/new`), await valueFile("new"));
    let isStopped = false;
    void storage.stop().then(() => {
      isStopped = true;
    });
    while (!isStopped) {
      await new Promise((resolve) => setImmediate(resolve));
      vi.advanceTimersByTime(1);
    }
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([
    [
      "replaced",
      async (storage: DiskStorage) => publish(storage, named(`${SESSION}/o3`), await valueFile("new", 77)),
    ],
    [
      "added",
      async (storage: DiskStorage) => publish(storage, named(`${SESSION}/new`), await valueFile("new")),
    ],
    ["removed", (storage: DiskStorage) => storage.remove(named(`${SESSION}/o3`))],
    [
      "patched",
      async (storage: DiskStorage) =>
        publish(storage, patchOf(`${SESSION}/o3`, 4, 5), await valueFile("patch", 5)),
    ],
    ["taken out of the way", (storage: DiskStorage) => storage.quarantine(named(`${SESSION}/o3`), "test")],
  ])(
    "has no record that counts when an object was %s, and has one again after the next pass",
    async (_, change) => {
      const { storage, directory, clock } = await engine();
      await fill(storage);
      await passes(storage, clock);
      await change(storage);
      await storage.settle();
      spoil(directory, SESSION, "o0");
      expect(factsIn(scan(directory, { nowMs: Date.now })).get("o0")).toBeUndefined();
      fs.writeFileSync(`${directory}/${SESSION}/o0.arrow`, await valueFile("value 0"));
      const truth = factsIn(scan(directory, { nowMs: Date.now }));
      await passes(storage, clock);
      spoil(directory, SESSION, "o0");
      expect(factsIn(scan(directory, { nowMs: Date.now }))).toEqual(truth);
    },
  );

  it("has no record when its directory changed a moment ago, and gets it later", async () => {
    const { storage, directory, clock } = await engine();
    clock.aheadMs = -LIMITS.recordQuietMs;
    await fill(storage);
    clock.aheadMs = 0;
    await storage.recordSessions();
    expect(fs.existsSync(`${directory}/.facts`)).toBe(false);
    await passes(storage, clock);
    expect(isRecorded(directory)).toBe(true);
  });

  it("loses its record when it has few objects left, or none", async () => {
    const { storage, directory, clock } = await engine();
    await fill(storage);
    await fill(storage, OTHER);
    await passes(storage, clock);
    for (let object = 0; object < OBJECTS; object += 1) {
      await storage.remove(named(`${SESSION}/o${object}`));
      await storage.remove(named(`${OTHER}/o${object}`));
    }
    await publish(storage, named(`${OTHER}/last`), await valueFile("last"));
    await passes(storage, clock);
    expect(fs.readdirSync(`${directory}/.facts`)).toEqual([]);
  });
});

describe("a session that changed a moment before the start", () => {
  it("is recorded later, though the scan of the start could not", async () => {
    const before = await engine({ atStopMs: 0 });
    await fill(before.storage);
    await before.storage.stop();
    const { storage, directory, clock } = await engine({ directory: before.directory });
    const found: ScannedObjects[] = [];
    const { ctimeMs } = fs.statSync(`${directory}/${SESSION}`);
    const watch = vi.spyOn(Date, "now").mockReturnValue(Math.ceil(ctimeMs));
    for await (const objects of storage.scan()) found.push(objects);
    watch.mockRestore();
    expect(factsIn(found).size).toBe(OBJECTS);
    expect(isRecorded(directory)).toBe(false);
    await passes(storage, clock);
    expect(isRecorded(directory)).toBe(true);
  });
});

describe("a pass over quiet sessions", () => {
  it("waits while a scan runs, and is ended by one", async () => {
    const { storage, directory, clock } = await engine();
    await fill(storage);
    await fill(storage, OTHER);
    clock.aheadMs = LIMITS.recordQuietMs;
    let isEnded = false;
    const pass = storage.recordSessions().then(() => {
      isEnded = true;
    });
    const scanning = storage.scan()[Symbol.asyncIterator]();
    await scanning.next();
    expect(isEnded).toBe(true);
    await pass;
    fs.rmSync(`${directory}/.facts`, { recursive: true, force: true });
    await passes(storage, clock);
    expect([SESSION, OTHER].filter((session) => isRecorded(directory, session))).toEqual([]);
    await scanning.return?.();
    await passes(storage, clock);
    expect([SESSION, OTHER].filter((session) => isRecorded(directory, session))).toEqual([SESSION, OTHER]);
  });

  it("is followed by a rest of recordRestFactor times as long as it took", async () => {
    const { storage, directory, clock } = await engine();
    await fill(storage);
    let monotonicMs = 0;
    const watch = vi.spyOn(performance, "now").mockImplementation(() => (monotonicMs += 500));
    await passes(storage, clock);
    watch.mockRestore();
    await fill(storage, OTHER);
    clock.aheadMs += LIMITS.recordQuietMs;
    await storage.recordSessions();
    expect(isRecorded(directory, OTHER)).toBe(false);
    await passes(storage, clock);
    expect(isRecorded(directory, OTHER)).toBe(true);
  });

  it("leaves nothing that counts when it is killed midway", async () => {
    const { storage, directory } = await engine({ atStopMs: 0 });
    await fill(storage, SESSION, LIMITS.scanBatchObjects + OBJECTS);
    await storage.stop();
    const options = { root: directory, removals: () => 0, onUnreadable: () => {} };
    const pass = recordSessions({ ...options, nowMs: () => Date.now() + LATER_MS });
    const isHalfWritten = (): boolean => fs.existsSync(`${directory}/.facts/app/.session`);
    while (!isHalfWritten()) expect(pass.next().done).toBe(false);
    // A scan that takes the directory for changed a moment ago writes no record of its own.
    const truth = factsIn(scan(directory, { nowMs: () => Date.now() - LATER_MS }));
    expect(fs.readdirSync(`${directory}/.facts`)).toEqual([]);
    expect(truth.size).toBe(LIMITS.scanBatchObjects + OBJECTS);
    expect([...truth.values()]).not.toContain(undefined);
    pass.return(undefined);
    expect(openFiles(directory)).toEqual([]);
  });

  it("never fails a call, whatever the disk does to it", async () => {
    const { storage, directory, clock } = await engine();
    const log = watchedLog();
    fs.writeFileSync(`${directory}/.facts`, "a file in its place");
    await fill(storage);
    await passes(storage, clock);
    fs.rmSync(`${directory}/${SESSION}`, { recursive: true });
    fs.writeFileSync(`${directory}/${SESSION}`, "a file in its place");
    await passes(storage, clock);
    fs.rmSync(`${directory}/${SESSION}`);
    await fill(storage);
    await passes(storage, clock);
    expect(fs.readFileSync(`${directory}/.facts`, "utf8")).toBe("a file in its place");
    expect(factsIn(scan(directory)).size).toBe(OBJECTS);
    expect(log()).toEqual([]);
  });

  it("that breaks off is told, and its sessions get their record when they change again", async () => {
    const { storage, directory, clock } = await engine();
    const log = watchedLog();
    await fill(storage);
    const walked = vi.spyOn(fs, "opendirSync").mockImplementationOnce(() => {
      throw new Error("not of the disk");
    });
    await passes(storage, clock);
    walked.mockRestore();
    expect(log()).toMatchObject([{ level: "warn", text: expect.stringContaining("could not be recorded") }]);
    await passes(storage, clock);
    expect(isRecorded(directory)).toBe(false);
    await publish(storage, named(`${SESSION}/new`), await valueFile("new"));
    await passes(storage, clock);
    expect(isRecorded(directory)).toBe(true);
  });
});

describe("a stop", () => {
  it("records what changed and is settled, quiet for long or not, also where a pass is under way", async () => {
    const { storage, directory, clock } = await engine();
    await fill(storage);
    clock.aheadMs = LIMITS.recordQuietMs;
    const pass = storage.recordSessions();
    clock.aheadMs = 0;
    await fill(storage, OTHER);
    clock.aheadMs = FINE_SETTLED_MS;
    await Promise.all([storage.stop(), pass]);
    expect([SESSION, OTHER].filter((session) => isRecorded(directory, session))).toEqual([SESSION, OTHER]);
  });

  it("records no session that changed a moment ago, though its calls were long ago by the engine's clock", async () => {
    const { storage, directory, clock } = await engine();
    await fill(storage);
    clock.aheadMs = -LONG_MS;
    await fill(storage, OTHER);
    // Behind the calls, and before the directories changed, however long the fill took.
    clock.aheadMs = -LONG_MS / 2;
    await storage.stop();
    expect(fs.existsSync(`${directory}/.facts`)).toBe(false);
  });

  it("ends what is under way when its time is up, and begins nothing", async () => {
    const { storage, directory, clock } = await engine({ atStopMs: 0 });
    await fill(storage);
    await fill(storage, OTHER);
    clock.aheadMs = LIMITS.recordQuietMs;
    const pass = storage.recordSessions();
    await storage.stop();
    await pass;
    const left = fs.readdirSync(directory, { recursive: true }).length;
    expect(await settled(() => fs.readdirSync(directory, { recursive: true }).length)).toBe(left);
    expect(openFiles(directory)).toEqual([]);
  });
});

describe("records that are written in a thread or a few files per turn", () => {
  it("are not begun when nothing more is wanted, and others have their turn in between", async () => {
    const { storage, directory } = await engine();
    await fill(storage, SESSION, 4 * OBJECTS);
    await fill(storage, OTHER);
    await storage.settle();
    const ending = new AbortController();
    const host = { root: directory, nowMs: () => Date.now() + LATER_MS, onUnsettled: () => {} };
    let turns = 0;
    const others = setInterval(() => {
      turns += 1;
      if (fs.existsSync(`${directory}/.facts/app`)) ending.abort();
    }, 0);
    await recordDirectory({ ...host, signal: ending.signal });
    clearInterval(others);
    expect(turns).toBeGreaterThan(0);
    expect([SESSION, OTHER].filter((session) => isRecorded(directory, session)).length).toBeLessThan(2);
    await recordDirectory({ ...host, signal: AbortSignal.abort() });
    expect([SESSION, OTHER].filter((session) => isRecorded(directory, session)).length).toBeLessThan(2);
  });
});
