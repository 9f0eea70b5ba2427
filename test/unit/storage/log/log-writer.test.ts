/**
 * Writes and syncs of the log: who shares them, and what holds after one failed.
 */
import fs from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { DiskSteps } from "../../../../src/storage/disk/disk-steps.ts";
import { readLog } from "../../../../src/storage/disk/log/read-log.ts";
import {
  allOpenFiles,
  named,
  patternBytes,
  publish,
  readWhole,
  startedDisk,
  tree,
  watchedLog,
} from "../scratch-directory.ts";
import {
  copyOf,
  count,
  failure,
  heldSyncs,
  loggingDisk,
  loseSegment,
  PATIENT,
  putDurably,
  watchedDisk,
} from "../watched-disk.ts";

const SMALL = patternBytes(1500);
const NAME = named("a/s/o");

afterEach(() => void vi.restoreAllMocks());

describe("a small put", () => {
  it("is one write to the log: it opens, renames and syncs nothing", async () => {
    const { storage, directory, steps } = await loggingDisk();
    await publish(storage, NAME, SMALL);
    expect(steps).toEqual(["appendLog"]);
    expect(await readWhole(storage, NAME)).toEqual(SMALL);
    expect(tree(directory)).toEqual([".staging/"]);
  });

  it("that survives a power loss is one write and one sync", async () => {
    const { storage, steps } = await loggingDisk();
    await putDurably(storage, NAME, SMALL);
    expect(steps).toEqual(["appendLog", "syncLog"]);
  });

  it("shares its write and its sync with all of the same turn", async () => {
    const { storage, steps } = await loggingDisk();
    await Promise.all(Array.from({ length: 16 }, (_, i) => putDurably(storage, named(`a/s/${i}`), SMALL)));
    expect(steps).toEqual(["appendLog", "syncLog"]);
    for (let i = 0; i < 16; i += 1) expect(await readWhole(storage, named(`a/s/${i}`))).toEqual(SMALL);
  });

  it("waits for the first segment", async () => {
    const { storage, steps } = await watchedDisk();
    await putDurably(storage, NAME, SMALL);
    expect(steps).toContain("syncLog");
    expect(steps).not.toContain("createStaged");
  });

  it("that comes during a sync is answered by the next, which all later ones share", async () => {
    const { storage, steps } = await loggingDisk();
    const syncs = heldSyncs();
    const answered: string[] = [];
    const put = (id: string): Promise<unknown> =>
      putDurably(storage, named(`a/s/${id}`), SMALL).then(() => answered.push(id));
    const first = put("first");
    await vi.waitFor(() => expect(syncs).toHaveLength(1), PATIENT);
    const second = put("second");
    await vi.waitFor(() => expect(count(steps, "appendLog")).toBe(2), PATIENT);
    const third = put("third");
    await vi.waitFor(() => expect(count(steps, "appendLog")).toBe(3), PATIENT);
    syncs[0]!();
    await first;
    await vi.waitFor(() => expect(syncs).toHaveLength(2), PATIENT);
    expect(answered).toEqual(["first"]);
    syncs[1]!();
    await Promise.all([second, third]);
    expect(syncs).toHaveLength(2);
  });

  it("that is not to survive a power loss waits for no sync", async () => {
    const { storage } = await loggingDisk();
    const syncs = heldSyncs();
    const lasting = putDurably(storage, named("a/s/lasting"), SMALL);
    await vi.waitFor(() => expect(syncs).toHaveLength(1), PATIENT);
    await publish(storage, NAME, SMALL);
    syncs[0]!();
    await lasting;
  });
});

describe("a promise that is made later", () => {
  it("to files in the log is one sync, and none to those that are lost", async () => {
    const { storage, steps } = await loggingDisk();
    await publish(storage, NAME, SMALL);
    await publish(storage, named("a/s/p"), SMALL);
    steps.length = 0;
    await storage.syncFiles([NAME, named("a/s/p")]);
    expect(steps).toEqual(["syncLog"]);
    await expect(storage.syncFiles([named("a/s/none")])).rejects.toMatchObject({ code: "STORAGE_IO" });
  });

  it("to a removal is a sync of the log", async () => {
    const { storage, steps } = await loggingDisk();
    await putDurably(storage, NAME, SMALL);
    steps.length = 0;
    await storage.remove(NAME);
    expect(steps).toEqual(["appendLog"]);
    await storage.syncRemovals([{ applicationId: "a", sessionId: "s" }]);
    expect(steps).toContain("syncLog");
  });
});

describe("when a write fails", () => {
  it("all that share it are refused, nothing has changed, and later puts have another segment", async () => {
    const log = watchedLog();
    const { storage, directory, steps, onStep } = await loggingDisk();
    await putDurably(storage, NAME, SMALL);
    onStep.set("appendLog", () => {
      onStep.clear();
      throw failure("EIO");
    });
    const puts = ["a/s/o", "a/s/p"].map((key) => putDurably(storage, named(key), patternBytes(900)));
    const refused = { status: "rejected", reason: { code: "STORAGE_IO" } };
    expect(await Promise.allSettled(puts)).toMatchObject([refused, refused]);
    expect(await readWhole(storage, NAME)).toEqual(SMALL);
    expect(await readWhole(storage, named("a/s/p"))).toBeUndefined();
    expect(log()).toMatchObject([{ level: "error", records: 2, errno: "EIO" }, { level: "error" }]);
    steps.length = 0;
    await putDurably(storage, named("a/s/p"), SMALL);
    expect(steps).toContain("syncLog");
    const { records } = await readLog(copyOf(directory));
    expect(records.get("a/s/o.arrow")!.map(({ segment }) => segment.head.number)).toEqual([1]);
    expect(records.get("a/s/p.arrow")!.map(({ segment }) => segment.head.number)).toEqual([2]);
  });

  it("and the segment has the records all the same, the next start does not have them", async () => {
    watchedLog();
    const { storage, directory } = await loggingDisk();
    await publish(storage, NAME, SMALL);
    const append = DiskSteps.prototype.appendLog;
    vi.spyOn(DiskSteps.prototype, "appendLog").mockImplementationOnce(async function (
      this: DiskSteps,
      ...written
    ) {
      await append.apply(this, written);
      throw failure("EIO");
    });
    await expect(publish(storage, NAME, patternBytes(900))).rejects.toMatchObject({ code: "STORAGE_IO" });
    await expect(readWhole(storage, NAME)).resolves.toEqual(SMALL);
    await publish(storage, named("a/s/next"), SMALL);
    const next = await startedDisk({ directory: copyOf(directory) });
    expect(await readWhole(next, NAME)).toEqual(SMALL);
    expect(await readWhole(next, named("a/s/next"))).toEqual(SMALL);
  });
});

describe("when a sync fails", () => {
  it("nothing is promised, and later puts have another segment", async () => {
    watchedLog();
    const { storage, directory, steps, onStep } = await loggingDisk();
    onStep.set("syncLog", () => {
      onStep.clear();
      throw failure("EIO");
    });
    const staged = storage.stage();
    await staged.append([SMALL]);
    await expect(staged.publish(NAME, "power-loss")).rejects.toMatchObject({ code: "STORAGE_IO" });
    expect(staged.isPublished).toBe(true);
    expect(await readWhole(storage, NAME)).toEqual(SMALL);
    steps.length = 0;
    await putDurably(storage, named("a/s/p"), SMALL);
    expect(steps).toContain("syncLog");
    const { records } = await readLog(copyOf(directory));
    expect(records.get("a/s/p.arrow")!.map(({ segment }) => segment.head.number)).toEqual([2]);
  });

  it("and the segment is lost with the machine, the floor is in the next one", async () => {
    watchedLog();
    const { storage, directory, onStep } = await loggingDisk();
    await storage.raiseVersionFloor(41);
    onStep.set("syncLog", () => {
      onStep.clear();
      throw failure("EIO");
    });
    await expect(putDurably(storage, NAME, SMALL)).rejects.toMatchObject({ code: "STORAGE_IO" });
    await publish(storage, named("a/s/later"), SMALL);
    const copy = copyOf(directory);
    loseSegment(copy, 1);
    expect((await readLog(copy)).floor).toBe(41);
  });

  it("and the segment is lost with the machine, its removals are in the next one", async () => {
    watchedLog();
    const { storage, directory, onStep } = await loggingDisk();
    await publish(storage, NAME, SMALL);
    const syncs = heldSyncs();
    await storage.remove(NAME);
    onStep.set("syncLog", () => {
      onStep.clear();
      throw failure("EIO");
    });
    await expect(putDurably(storage, named("a/s/p"), SMALL)).rejects.toMatchObject({ code: "STORAGE_IO" });
    await publish(storage, named("a/s/later"), SMALL);
    const copy = copyOf(directory);
    loseSegment(copy, 1);
    const { records } = await readLog(copy);
    expect(records.get("a/s/o.arrow")!.map(({ kind }) => kind)).toEqual(["gone"]);
    expect(records.has("a/s/later.arrow")).toBe(true);
    vi.restoreAllMocks();
    for (const sync of syncs) sync();
  });

  it("a promise to a file in that segment is kept by its own file", async () => {
    watchedLog();
    const { storage, directory, steps, onStep } = await loggingDisk();
    await publish(storage, NAME, SMALL);
    onStep.set("syncLog", () => {
      onStep.clear();
      throw failure("EIO");
    });
    await expect(putDurably(storage, named("a/s/p"), SMALL)).rejects.toMatchObject({ code: "STORAGE_IO" });
    steps.length = 0;
    await storage.syncFiles([NAME]);
    expect(steps).toContain("syncPublished");
    expect(fs.readFileSync(`${directory}/a/s/o.arrow`)).toEqual(SMALL);
  });
});

describe("the version floor", () => {
  it("is one record, and none as long as it is below what was written ahead", async () => {
    const { storage, steps } = await loggingDisk();
    await storage.raiseVersionFloor(10, 5);
    expect(steps).toEqual(["appendLog"]);
    await storage.raiseVersionFloor(15);
    expect(steps).toEqual(["appendLog"]);
    expect(storage.versionFloor).toBe(15);
    await storage.raiseVersionFloor(16);
    expect(steps).toEqual(["appendLog", "appendLog"]);
  });

  it("that was written ahead is the floor of a start after a kill", async () => {
    const { storage, directory } = await loggingDisk();
    await storage.raiseVersionFloor(10, 5);
    expect((await startedDisk({ directory: copyOf(directory) })).versionFloor).toBe(15);
  });

  it("is in the head of each segment that is begun later", async () => {
    const { storage, directory } = await loggingDisk();
    await storage.raiseVersionFloor(41);
    await publish(storage, NAME, SMALL);
    await storage.stop();
    expect((await readLog(directory)).floor).toBe(41);
    const next = await startedDisk({ directory });
    expect(next.versionFloor).toBe(41);
    await next.stop();
    expect((await startedDisk({ directory })).versionFloor).toBe(41);
  });

  it("is synced before a large file is removed", async () => {
    const { storage, steps } = await loggingDisk();
    await publish(storage, NAME, patternBytes(100_000));
    await storage.raiseVersionFloor(41);
    steps.length = 0;
    await storage.remove(NAME);
    expect(steps.indexOf("syncLog")).toBeGreaterThanOrEqual(0);
    expect(steps.indexOf("syncLog")).toBeLessThan(steps.indexOf("unlinkObject"));
  });
});

it("no segment stays open behind a stop", async () => {
  const { storage, directory } = await loggingDisk();
  await publish(storage, NAME, SMALL);
  expect(allOpenFiles(directory).length).toBeGreaterThan(0);
  await storage.stop();
  expect(allOpenFiles(directory)).toEqual([]);
});
