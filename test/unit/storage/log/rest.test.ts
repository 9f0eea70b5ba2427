/**
 * How files of the log come to rest, and when its segments are released.
 */
import fs from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import { settled } from "../../../support/settled.ts";
import {
  named,
  patchOf,
  patternBytes,
  publish,
  readWhole,
  startedDisk,
  tree,
  watchedLog,
} from "../scratch-directory.ts";
import { copyOf, count, failure, heldSyncs, loggingDisk, PATIENT, watchedDisk } from "../watched-disk.ts";

const NAME = named("a/s/o");
const SMALL = patternBytes(1500);
const LARGE = patternBytes(100_000);

afterEach(() => void vi.restoreAllMocks());

function fileOf(directory: string, path = "a/s/o.arrow"): Buffer {
  return fs.readFileSync(`${directory}/${path}`);
}

describe("a small file", () => {
  it("that was overwritten many times is written once", async () => {
    const { storage, directory, steps } = await loggingDisk();
    await storage.settle();
    steps.length = 0;
    for (let round = 0; round < 100; round += 1) await publish(storage, NAME, patternBytes(900, round));
    await storage.settle();
    expect(count(steps, "renameIntoPlace")).toBe(1);
    expect(fileOf(directory)).toEqual(patternBytes(900, 99));
  });

  it("comes to rest by itself when it was not changed for a while", async () => {
    const { storage, directory } = await watchedDisk({ log: { restDelayMs: 0 } });
    await publish(storage, NAME, SMALL);
    await vi.waitFor(() => expect(fileOf(directory)).toEqual(SMALL), PATIENT);
    expect(await readWhole(storage, NAME)).toEqual(SMALL);
    await vi.waitFor(() => expect(storage.counts.disk.log.files).toBe(0), PATIENT);
  });

  it("may have 64 KiB of data, a schema and a footer", async () => {
    const log = { segmentBytes: LIMITS.logSegmentBytes };
    const { storage, directory, steps } = await loggingDisk({ log });
    const content = patternBytes(64 * 1024 + 4096);
    await publish(storage, NAME, content);
    expect(steps).not.toContain("createStaged");
    await storage.settle();
    expect(fileOf(directory)).toEqual(content);
  });

  it("that was removed before is never written", async () => {
    const { storage, directory, steps } = await loggingDisk();
    await publish(storage, NAME, SMALL);
    await storage.remove(NAME);
    await storage.remove(named("log/log/log"));
    await storage.settle();
    expect(steps).not.toContain("createStaged");
    expect(tree(directory)).toEqual([".staging/"]);
  });

  it("that is to be located is written at once, and no other", async () => {
    const { storage, directory } = await loggingDisk();
    await publish(storage, NAME, SMALL);
    await publish(storage, named("a/s/p"), SMALL);
    const location = (await storage.locate(NAME))!;
    expect(location).toMatchObject({ path: `${directory}/a/s/o.arrow`, sizeBytes: 1500n });
    expect(tree(`${directory}/a`)).toEqual(["s/", "s/o.arrow"]);
  });

  it("that cannot be written has no location, and is served and written later", async () => {
    const { storage, directory, failing } = await loggingDisk();
    await publish(storage, NAME, SMALL);
    failing.set("writeStaged", "ENOSPC");
    expect(await storage.locate(NAME)).toBeUndefined();
    expect(await readWhole(storage, NAME)).toEqual(SMALL);
    expect(fs.readdirSync(`${directory}/.staging`)).toEqual([]);
    failing.clear();
    expect(await storage.locate(NAME)).toBeDefined();
  });

  it("is a file when it goes to the quarantine", async () => {
    const { storage, directory } = await loggingDisk();
    await publish(storage, NAME, SMALL);
    await storage.quarantine(NAME, "test");
    expect(await storage.open(NAME)).toBeUndefined();
    const [kept] = fs.readdirSync(`${directory}/.quarantine/a/s`);
    expect(fileOf(directory, `.quarantine/a/s/${kept}`)).toEqual(SMALL);
    const next = await startedDisk({ directory: copyOf(directory) });
    expect(await next.open(NAME)).toBeUndefined();
  });

  it("that fails does not keep others from coming to rest, and is tried again", async () => {
    const { storage, directory } = await watchedDisk({ log: { restDelayMs: 0 } });
    fs.mkdirSync(`${directory}/a/s/o.arrow/full`, { recursive: true });
    await publish(storage, NAME, SMALL);
    await publish(storage, named("a/s/p"), SMALL);
    await vi.waitFor(() => expect(fileOf(directory, "a/s/p.arrow")).toEqual(SMALL), PATIENT);
    expect(await readWhole(storage, NAME)).toEqual(SMALL);
    fs.rmSync(`${directory}/a/s/o.arrow`, { recursive: true });
    vi.spyOn(Date, "now").mockImplementation(
      () => Math.round(performance.timeOrigin + performance.now()) + RETRY_MS,
    );
    await publish(storage, named("a/s/q"), SMALL);
    await vi.waitFor(() => expect(fileOf(directory)).toEqual(SMALL), PATIENT);
  });

  it("that was put while an earlier content was being written is what the name holds", async () => {
    const { storage, directory, onStep } = await loggingDisk();
    await publish(storage, NAME, SMALL);
    let later: Promise<void> | undefined;
    onStep.set("createStaged", () => {
      later ??= publish(storage, NAME, patternBytes(900));
    });
    await storage.settle();
    await later;
    expect((await readWhole(storage, NAME))?.length).toBe(900);
    await storage.settle();
    expect(fileOf(directory)).toEqual(patternBytes(900));
  });

  it("is at rest behind a stop, and so is a removal", async () => {
    const { storage, directory } = await loggingDisk();
    await publish(storage, NAME, SMALL);
    await publish(storage, patchOf("a/s/o", 1, 2), SMALL);
    await storage.settle();
    await publish(storage, NAME, patternBytes(900));
    await storage.remove(patchOf("a/s/o", 1, 2));
    await storage.stop();
    expect(tree(`${directory}/a`)).toEqual(["s/", "s/o.arrow"]);
    expect(fileOf(directory)).toEqual(patternBytes(900));
  });
});

/** Behind the time at which a failed file is tried again. */
const RETRY_MS = 2 * LIMITS.restRetryMs;

describe("a large put over a small file", () => {
  it("that is still in the log is what the name holds from then on, also after a kill", async () => {
    const { storage, directory } = await loggingDisk();
    await publish(storage, NAME, SMALL);
    await publish(storage, NAME, LARGE);
    await storage.settle();
    expect(fileOf(directory)).toEqual(LARGE);
    const next = await startedDisk({ directory: copyOf(directory) });
    await next.settle();
    expect(await readWhole(next, NAME)).toEqual(LARGE);
  });

  it("is not overwritten by one that comes to rest meanwhile", async () => {
    const { storage, directory, onStep } = await loggingDisk();
    await publish(storage, NAME, SMALL);
    let settled: Promise<void> | undefined;
    onStep.set("renameIntoPlace", () => {
      settled ??= storage.settle();
    });
    await publish(storage, NAME, LARGE);
    await settled;
    expect(fileOf(directory)).toEqual(LARGE);
    expect(await readWhole(storage, NAME)).toEqual(LARGE);
  });

  it("that was removed has its name behind the unlink: a late one took the large file", async () => {
    const { storage, directory, steps } = await loggingDisk();
    await publish(storage, NAME, SMALL);
    await storage.settle();
    await storage.remove(NAME);
    const unlinks = heldUnlinks();
    const settling = storage.settle();
    const path = `${directory}/a/s/o.arrow`;
    await vi.waitFor(() => expect([...unlinks.keys()]).toEqual([path]), PATIENT);
    steps.length = 0;
    const put = publish(storage, NAME, LARGE);
    await vi.waitFor(() => expect(steps).toContain("closeStaged"), PATIENT);
    expect(await settled(() => count(steps, "renameIntoPlace"))).toBe(0);
    vi.restoreAllMocks();
    unlinks.get(path)!();
    await Promise.all([put, settling]);
    expect(await readWhole(storage, NAME)).toEqual(LARGE);
  });
});

/** By path: each unlink of an object waits until the test lets it run. */
function heldUnlinks(): Map<string, () => void> {
  const held = new Map<string, () => void>();
  const unlink = fs.unlink;
  vi.spyOn(fs, "unlink").mockImplementation((path, done) => {
    held.set(String(path), () => unlink(path, done));
  });
  return held;
}

describe("a removal", () => {
  it("is unlinked behind the answer, and not before the log is synced", async () => {
    const { storage, directory, steps } = await loggingDisk();
    await publish(storage, NAME, SMALL);
    await storage.settle();
    const syncs = heldSyncs();
    steps.length = 0;
    await storage.remove(NAME);
    expect(await storage.open(NAME)).toBeUndefined();
    const settling = storage.settle();
    await vi.waitFor(() => expect(syncs.length).toBeGreaterThan(0), PATIENT);
    expect(steps).not.toContain("unlinkObject");
    vi.restoreAllMocks();
    for (const sync of syncs) sync();
    await settling;
    expect(steps).toContain("unlinkObject");
    expect(tree(directory)).not.toContain("a/");
  });

  it("comes to rest by itself", async () => {
    const { storage, directory } = await watchedDisk({ log: { restDelayMs: 0 } });
    await publish(storage, NAME, SMALL);
    await storage.settle();
    await storage.remove(NAME);
    await vi.waitFor(() => expect(tree(directory)).toEqual([".staging/"]), PATIENT);
  });

  it("that fails keeps neither other removals nor puts from coming to rest, and is tried again", async () => {
    watchedLog();
    const { storage, directory, onStep } = await loggingDisk();
    for (const id of ["o", "p"]) await publish(storage, named(`a/s/${id}`), SMALL);
    await storage.settle();
    for (const id of ["o", "p"]) await storage.remove(named(`a/s/${id}`));
    await publish(storage, named("a/s/q"), SMALL);
    onStep.set("unlinkObject", () => {
      onStep.clear();
      throw failure("EIO");
    });
    await storage.settle();
    expect(tree(`${directory}/a`)).toEqual(["s/", "s/o.arrow", "s/q.arrow"]);
    expect(await storage.open(NAME)).toBeUndefined();
    await storage.settle();
    expect(tree(`${directory}/a`)).toEqual(["s/", "s/q.arrow"]);
  });

  it("of a file that is not there costs nothing", async () => {
    const { storage, steps } = await loggingDisk();
    expect(await storage.remove(NAME)).toBe(false);
    await publish(storage, NAME, SMALL);
    expect(await storage.remove(NAME)).toBe(true);
    steps.length = 0;
    expect(await storage.remove(NAME)).toBe(false);
    expect(steps).toEqual([]);
  });
});

it("a killed process leaves its small files to the next, whatever has come to rest", async () => {
  const { storage, directory } = await loggingDisk();
  await publish(storage, NAME, SMALL);
  await publish(storage, named("a/s/p"), SMALL);
  await storage.locate(NAME);
  const next = await startedDisk({ directory: copyOf(directory) });
  expect(await readWhole(next, NAME)).toEqual(SMALL);
  expect(await readWhole(next, named("a/s/p"))).toEqual(SMALL);
});
