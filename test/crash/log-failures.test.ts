/**
 * What survives a power loss after the disk has refused to write or to sync the log, and what a
 * torn head leaves (power-loss/disk-model.ts).
 */
import fs from "node:fs";
import { expect, it, onTestFinished, vi } from "vitest";
import type { BeforeStep, DiskStep } from "../../src/storage/disk/disk-steps.ts";
import { DiskStorage } from "../../src/storage/disk/disk-storage.ts";
import type { LogSettings } from "../../src/storage/disk/log/log-settings.ts";
import type { Durability, StoredName } from "../../src/storage/object-storage.ts";
import { refused } from "../unit/cache/cache-fixture.ts";
import { named, readWhole, scratchDirectory, watchedLog } from "../unit/storage/scratch-directory.ts";
import type { Choose } from "./power-loss/disk-model.ts";
import { RecordedDisk } from "./power-loss/recorded-disk.ts";

const PATIENT = { timeout: 20_000 };
const PENDING = { restDelayMs: 600_000, syncedAtStopMax: 0 };
const [BEFORE, AFTER] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];

function refusal(): Error {
  return Object.assign(new Error("EIO: simulated"), { code: "EIO", syscall: "test" });
}

async function putSmall(storage: DiskStorage, name: StoredName, durability?: Durability): Promise<void> {
  const staged = storage.stage();
  await staged.append([Buffer.from("value")]);
  await staged.publish(name, durability);
}

/** A started engine on a recorded disk. */
class Machine {
  readonly disk: RecordedDisk;
  readonly storage: DiskStorage;
  /** Called before each step. */
  before: BeforeStep = () => {};

  constructor(log: Partial<LogSettings> = PENDING) {
    watchedLog();
    const directory = scratchDirectory();
    this.disk = new RecordedDisk(directory);
    const beforeStep = (step: DiskStep): void => this.before(step);
    this.storage = new DiskStorage({ directory, log: { ...log, bootId: BEFORE }, beforeStep });
    onTestFinished(async () => {
      this.before = () => {};
      await this.storage.stop();
      this.disk.stop();
    });
  }

  /** The log has a segment when this resolves. */
  async start(): Promise<void> {
    await this.storage.start();
    await vi.waitFor(async () => {
      await putSmall(this.storage, named("a/s/first"), "power-loss");
      expect(this.storage.counts.disk.log!.bytes).toBeGreaterThan(0);
    });
  }

  /** An engine that starts on what a power loss leaves. */
  async survivor(cut = this.disk.tick(), choose: Choose = () => 0): Promise<DiskStorage> {
    const directory = scratchDirectory();
    this.disk.tree.survive(directory, cut, choose);
    const storage = new DiskStorage({ directory, log: { ...PENDING, bootId: AFTER } });
    await storage.start();
    onTestFinished(() => storage.stop());
    return storage;
  }
}

it("a put that was written while a sync failed is not answered by the next sync", async () => {
  const machine = new Machine();
  await machine.start();
  const { storage } = machine;
  let appended = 0;
  machine.before = (step) => {
    if (step === "appendLog") appended += 1;
  };
  let second: Promise<void> | undefined;
  vi.spyOn(fs, "fdatasync").mockImplementationOnce((_, done) => {
    second = putSmall(storage, named("a/s/2"), "power-loss");
    second.catch(() => {});
    void vi.waitFor(() => expect(appended).toBe(2)).then(() => done(refusal() as NodeJS.ErrnoException));
  });
  onTestFinished(() => void vi.restoreAllMocks());
  await expect(putSmall(storage, named("a/s/1"), "power-loss")).rejects.toEqual(refused("STORAGE_IO"));
  await expect(second).rejects.toEqual(refused("STORAGE_IO"));
});

it("a removal is durable when it is promised, though its segment was closed by a failed write", async () => {
  const machine = new Machine();
  await machine.start();
  const { storage } = machine;
  await putSmall(storage, named("a/s/1"), "power-loss");
  await storage.settle();
  await storage.syncFiles([named("a/s/1")]);
  await storage.remove(named("a/s/1"), 1);
  machine.before = (step) => {
    if (step !== "appendLog") return;
    machine.before = () => {};
    throw refusal();
  };
  await expect(putSmall(storage, named("a/s/2"))).rejects.toEqual(refused("STORAGE_IO"));
  await storage.syncRemovals([{ applicationId: "a", sessionId: "s" }]);
  const left = await machine.survivor();
  expect(await readWhole(left, named("a/s/1"))).toBeUndefined();
  expect(await readWhole(left, named("a/s/first"))).toBeDefined();
});

it.each([0, 1, 2, 3])("a torn head (%i) of a released segment leaves the version floor", async (torn) => {
  const machine = new Machine({ restDelayMs: 0, segmentAgeMs: 500, syncDelayMs: 0 });
  const steps: DiskStep[] = [];
  machine.before = (step) => steps.push(step);
  await machine.start();
  // The next segment has its head: it does not have the floor.
  await vi.waitFor(() => {
    expect(steps.filter((step) => step === "syncDirectory").length).toBeGreaterThan(2);
  });
  await machine.storage.raiseVersionFloor(41);
  await machine.storage.syncRemovals([]);
  const cuts: number[] = [];
  machine.before = (step) => {
    if (step === "headSegment") cuts.push(machine.disk.tick());
  };
  await vi.waitFor(async () => {
    await putSmall(machine.storage, named("a/s/1"), "power-loss");
    expect(cuts.length).toBeGreaterThan(1);
  }, PATIENT);
  for (const cut of cuts) {
    // Names are as they are; each write that was not synced is torn.
    const left = await machine.survivor(cut, (count) => (count === 4 ? torn : count === 5 ? 0 : count - 1));
    expect(left.versionFloor).toBeGreaterThanOrEqual(41);
  }
});
