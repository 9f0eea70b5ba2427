/**
 * Small puts that survive a power loss: whose syncs they share, what becomes of the log, and what happens when it fails.
 */
import fs from "node:fs";
import { describe, expect, it, vi } from "vitest";
import type { CommitSettings } from "../../../src/storage/disk/commits/commit-disk.ts";
import type { BeforeStep, DiskStep } from "../../../src/storage/disk/disk-steps.ts";
import type { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import type { StoredName } from "../../../src/storage/object-storage.ts";
import {
  named,
  patternBytes,
  readWhole,
  scratchDirectory,
  startedDisk,
  tree,
  watchedLog,
} from "./scratch-directory.ts";

/** Others may be at work on the machine. */
const PATIENT = { timeout: 20_000 };
const SMALL = patternBytes(1500);
const LARGE = patternBytes(100_000);
/** Nothing is released before somebody is told to. */
const LASTING: Partial<CommitSettings> = { segmentBytes: 64 * 1024, syncedAtStopMax: 0 };

async function putDurably(storage: DiskStorage, name: StoredName, bytes: Uint8Array = SMALL): Promise<void> {
  const staged = storage.stage();
  await staged.append([bytes]);
  await staged.publish(name, "power-loss");
}

/** An engine that tells its steps, and fails each of a kind while it is told to. */
async function watchedDisk(commits: Partial<CommitSettings> = LASTING) {
  const directory = scratchDirectory();
  const steps: DiskStep[] = [];
  const allSteps: DiskStep[] = [];
  const failing = new Map<DiskStep, string>();
  const onStep = new Map<DiskStep, () => void>();
  const beforeStep: BeforeStep = (step) => {
    steps.push(step);
    allSteps.push(step);
    onStep.get(step)?.();
    const code = failing.get(step) ?? "";
    if (code !== "") throw Object.assign(new Error(`${code}: simulated`), { code, syscall: "test" });
  };
  const storage = await startedDisk({ directory, beforeStep, commits });
  return { storage, directory, steps, allSteps, failing, onStep };
}

/** The same, with a segment in use and the next one at hand: nothing more happens by itself. */
async function loggingDisk(commits: Partial<CommitSettings> = LASTING) {
  const disk = await watchedDisk(commits);
  await untilLogged(disk);
  await vi.waitFor(() => {
    expect(count(disk.allSteps, "syncSegment")).toBe(2);
    expect(disk.allSteps.lastIndexOf("syncDirectory")).toBeGreaterThan(
      disk.allSteps.lastIndexOf("syncSegment"),
    );
  }, PATIENT);
  disk.steps.length = 0;
  return disk;
}

async function untilLogged({ storage, steps }: { storage: DiskStorage; steps: DiskStep[] }): Promise<void> {
  await vi.waitFor(async () => {
    steps.length = 0;
    await putDurably(storage, named("log/log/log"));
    expect(steps).toContain("syncCommits");
  }, PATIENT);
}

function count(steps: readonly DiskStep[], step: DiskStep): number {
  return steps.filter((each) => each === step).length;
}

describe("a small put that lasts", () => {
  it("is in the log before it has its name, and neither it nor its directory is synced", async () => {
    const { storage, steps } = await loggingDisk();
    await putDurably(storage, named("a/s/o"));
    expect(steps.indexOf("syncCommits")).toBeLessThan(steps.indexOf("renameIntoPlace"));
    expect(steps.filter((step) => step.startsWith("sync"))).toEqual(["syncCommits"]);
    expect(await readWhole(storage, named("a/s/o"))).toEqual(SMALL);
  });

  it("shares a sync with all that come while one is under way", async () => {
    const { storage, steps } = await loggingDisk();
    await Promise.all(Array.from({ length: 16 }, (_, i) => putDurably(storage, named(`a/s/${i}`))));
    expect(count(steps, "renameIntoPlace")).toBeGreaterThanOrEqual(16);
    expect(count(steps, "syncCommits")).toBeLessThanOrEqual(3);
    expect(count(steps, "syncStaged")).toBe(0);
  });

  it("syncs itself and its directory while there is no segment yet", async () => {
    const { storage, steps } = await watchedDisk();
    await putDurably(storage, named("a/s/o"));
    expect(steps).toContain("syncStaged");
    expect(steps).not.toContain("syncCommits");
  });

  it("whose rename fails is taken back in the log", async () => {
    const { storage, steps, failing } = await loggingDisk();
    failing.set("renameIntoPlace", "EIO");
    await expect(putDurably(storage, named("a/s/o"))).rejects.toMatchObject({ code: "STORAGE_IO" });
    await vi.waitFor(() => expect(count(steps, "appendCommits")).toBe(2), PATIENT);
    expect(await readWhole(storage, named("a/s/o"))).toBeUndefined();
  });
});

describe("a large put that lasts over a logged one", () => {
  it("is answered when the log will not put the older one back", async () => {
    const { storage, steps } = await loggingDisk();
    await putDurably(storage, named("a/s/o"));
    steps.length = 0;
    await putDurably(storage, named("a/s/o"), LARGE);
    expect(steps.slice(-3)).toEqual(["syncDirectory", "appendCommits", "syncCommits"]);
    steps.length = 0;
    await putDurably(storage, named("a/s/o"), LARGE);
    expect(steps).not.toContain("syncCommits");
  });

  it("is answered when the log will not put back the older one that was removed before", async () => {
    const { storage, steps } = await loggingDisk();
    await putDurably(storage, named("a/s/o"));
    await storage.remove(named("a/s/o"));
    expect(steps.slice(steps.indexOf("unlinkObject"))).not.toContain("syncCommits");
    await putDurably(storage, named("a/s/o"), LARGE);
    expect(steps.slice(-2)).toEqual(["syncDirectory", "syncCommits"]);
  });
});

describe("a file that is made to last later", () => {
  it("does so when the log will not put back the older one that was removed before", async () => {
    const { storage, steps } = await loggingDisk();
    await putDurably(storage, named("a/s/o"));
    await storage.remove(named("a/s/o"));
    const staged = storage.stage();
    await staged.append([SMALL]);
    await staged.publish(named("a/s/o"), "restart");
    await storage.syncFiles([named("a/s/o")]);
    expect(steps.slice(-2)).toEqual(["syncDirectory", "syncCommits"]);
  });
});

describe("a removal", () => {
  it("of a logged file is written to the log, and synced when it is to last", async () => {
    const { storage, steps } = await loggingDisk();
    await putDurably(storage, named("a/s/o"));
    steps.length = 0;
    await storage.remove(named("a/s/o"));
    expect(count(steps, "appendCommits")).toBe(1);
    expect(steps.indexOf("unlinkObject")).toBeLessThan(steps.indexOf("appendCommits"));
    expect(steps).not.toContain("syncCommits");
    await storage.syncRemovals([{ applicationId: "a", sessionId: "s" }]);
    expect(steps.at(-1)).toBe("syncCommits");
  });

  it("is to last also where the only segment has no room for all of them", async () => {
    const disk = await watchedDisk({ ...LASTING, segmentBytes: 8 * 1024, segmentsMax: 1 });
    await untilLogged(disk);
    const { storage } = disk;
    const names = Array.from({ length: 40 }, (_, number) => named(`a/s/${"n".repeat(180)}${number}`));
    for (const name of names) await putDurably(storage, name, Buffer.from("small"));
    for (const name of names) await storage.remove(name);
    await storage.syncRemovals([{ applicationId: "a", sessionId: "s" }]);
    expect(tree(disk.directory)).not.toContain("a/");
  });

  it("of a file that the log does not know costs nothing there", async () => {
    const { storage, steps } = await loggingDisk();
    await putDurably(storage, named("a/s/o"), LARGE);
    steps.length = 0;
    await storage.remove(named("a/s/o"));
    await storage.syncRemovals([{ applicationId: "a", sessionId: "s" }]);
    expect(steps).not.toContain("appendCommits");
    expect(steps).not.toContain("syncCommits");
  });
});

describe("a segment", () => {
  it("has a block for each of its bytes before anything relies on it", async () => {
    const { directory } = await loggingDisk();
    for (const name of fs.readdirSync(`${directory}/.commits`)) {
      const { size, blocks } = fs.statSync(`${directory}/.commits/${name}`);
      expect(blocks * 512).toBeGreaterThanOrEqual(size);
    }
  });

  it("that is full gives way to the next, and is used again when its files were synced", async () => {
    const { storage, directory, steps } = await loggingDisk({
      segmentBytes: 8 * 1024,
      segmentsMax: 3,
      syncDelayMs: 0,
    });
    await vi.waitFor(
      async () => {
        await putDurably(storage, named("a/s/o"));
        expect(count(steps, "headCommits")).toBeGreaterThan(6);
      },
      { ...PATIENT, interval: 1 },
    );
    expect(fs.readdirSync(`${directory}/.commits`).length).toBeLessThanOrEqual(3);
    const released = steps.lastIndexOf("headCommits");
    expect(steps.slice(0, released)).toContain("syncPublished");
    expect(steps.slice(0, released)).toContain("syncDirectory");
  });

  it("stays as long as a file in it cannot be synced", async () => {
    watchedLog();
    const { storage, directory, steps, failing } = await loggingDisk({ segmentBytes: 64 * 1024 });
    await putDurably(storage, named("a/s/o"));
    failing.set("syncPublished", "EIO");
    const before = fs.readFileSync(`${directory}/.commits/1`);
    await storage.stop();
    expect(steps).toContain("syncPublished");
    expect(fs.readFileSync(`${directory}/.commits/1`)).toEqual(before);
  });

  it("is released at a stop with little in it", async () => {
    const { storage, steps } = await loggingDisk({ segmentBytes: 64 * 1024 });
    await putDurably(storage, named("a/s/o"));
    steps.length = 0;
    await storage.stop();
    expect(steps).toContain("syncPublished");
    expect(steps.slice(-2)).toEqual(["headCommits", "syncSegment"]);
  });
});

describe.each(["appendCommits", "syncCommits"] as const)("when %s fails", (step) => {
  it("all that share it are refused and nothing has changed, and later puts have another segment", async () => {
    const log = watchedLog();
    const { storage, directory, steps, failing, onStep } = await loggingDisk();
    await putDurably(storage, named("a/s/o"));
    let batches = 0;
    onStep.set(step, () => {
      batches += 1;
      failing.set(step, ["", "", "EIO"][batches]!);
    });
    // The first has a batch of its own, the others share the next.
    const ends = await Promise.allSettled(
      ["a/t/first", "a/s/o", "a/s/p"].map((key) => putDurably(storage, named(key), patternBytes(900))),
    );
    const refused = { reason: { code: "STORAGE_IO" } };
    expect(ends).toMatchObject([{ status: "fulfilled" }, refused, refused]);
    onStep.clear();
    expect(await readWhole(storage, named("a/s/o"))).toEqual(SMALL);
    expect(tree(directory).filter((path) => /^(a|\.staging)\/.*[^/]$/.test(path))).toEqual([
      "a/s/o.arrow",
      "a/t/first.arrow",
    ]);
    expect(log().map(({ level }) => level)).toContain("error");
    failing.clear();
    await untilLogged({ storage, steps });
    await putDurably(storage, named("a/s/o"), patternBytes(900));
    expect((await readWhole(storage, named("a/s/o")))!.length).toBe(900);
  });
});

it.each(["makeDirectory", "createCommits", "fillCommits", "headCommits", "syncSegment"] as const)(
  "no segment because of %s: puts sync their files, which is said once",
  async (step) => {
    const log = watchedLog();
    const { storage, directory, steps, failing } = await watchedDisk();
    await storage.stage().discard();
    await putDurably(storage, named("a/s/first"), LARGE);
    failing.set(step, "ENOSPC");
    await putDurably(storage, named("a/s/o"));
    await vi.waitFor(() => expect(steps).toContain(step), PATIENT);
    await vi.waitFor(() => expect(log()).toHaveLength(1), PATIENT);
    steps.length = 0;
    await putDurably(storage, named("a/s/o"));
    expect(steps).toContain("syncStaged");
    expect(log()).toHaveLength(1);
    expect(tree(directory).filter((path) => path.startsWith(".commits/") && path !== ".commits/")).toEqual(
      [],
    );
  },
);

it("an engine that never promises a power loss has no log", async () => {
  const { storage, directory } = await watchedDisk();
  const staged = storage.stage();
  await staged.append([SMALL]);
  await staged.publish(named("a/s/o"));
  expect(fs.existsSync(`${directory}/.commits`)).toBe(false);
});
