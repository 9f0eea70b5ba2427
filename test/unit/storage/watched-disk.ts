/**
 * A disk engine that records its steps on the disk, and fails those that a test names.
 *
 * By default nothing comes to rest by itself, so no step happens behind a test's back.
 */
import fs from "node:fs";
import { expect, vi } from "vitest";
import type { DiskStep } from "../../../src/storage/disk/disk-steps.ts";
import type { DiskStorage, DiskStorageOptions } from "../../../src/storage/disk/disk-storage.ts";
import type { LogSettings } from "../../../src/storage/disk/log/log-settings.ts";
import type { StoredName } from "../../../src/storage/object-storage.ts";
import { named, publish, scratchDirectory, startedDisk } from "./scratch-directory.ts";

/** Other programs may be at work on the machine. */
export const PATIENT = { timeout: 20_000 };

export const HOUR_MS = 3_600_000;
/** Files stay in the log until a test asks for them. */
export const RESTLESS: Partial<LogSettings> = { segmentBytes: 64 * 1024, restDelayMs: HOUR_MS };

export interface WatchedDisk {
  readonly storage: DiskStorage;
  readonly directory: string;
  /** Steps so far; tests empty it. */
  readonly steps: DiskStep[];
  /** Steps that fail, with their errno. */
  readonly failing: Map<DiskStep, string>;
  /** Called before a step. */
  readonly onStep: Map<DiskStep, () => void>;
}

/** @param log changes of RESTLESS. */
export async function watchedDisk(
  { log, ...options }: Partial<DiskStorageOptions> = {},
  failing = new Map<DiskStep, string>(),
): Promise<WatchedDisk> {
  const directory = options.directory ?? scratchDirectory();
  const steps: DiskStep[] = [];
  const onStep = new Map<DiskStep, () => void>();
  const beforeStep = (step: DiskStep): void => {
    steps.push(step);
    onStep.get(step)?.();
    const errno = failing.get(step);
    if (errno !== undefined) throw failure(errno);
  };
  const storage = await startedDisk({ ...options, directory, beforeStep, log: { ...RESTLESS, ...log } });
  return { storage, directory, steps, failing, onStep };
}

/** The same, with a segment in use and the next one ready: no more steps happen by themselves. */
export async function loggingDisk(options: Partial<DiskStorageOptions> = {}): Promise<WatchedDisk> {
  const disk = await watchedDisk(options);
  await publish(disk.storage, named("log/log/log"), Buffer.from("log"));
  await untilNextSegment(disk.steps);
  disk.steps.length = 0;
  return disk;
}

/** Waits until the segment behind the first one is made. */
export async function untilNextSegment(steps: readonly DiskStep[]): Promise<void> {
  await vi.waitFor(() => {
    expect(count(steps, "syncSegment")).toBe(2);
    expect(steps.lastIndexOf("syncDirectory")).toBeGreaterThan(steps.lastIndexOf("syncSegment"));
  }, PATIENT);
}

/** The failure of a system call. */
export function failure(errno: string): Error {
  return Object.assign(new Error(`${errno}: simulated`), { code: errno, syscall: "test" });
}

export function count(steps: readonly DiskStep[], step: DiskStep): number {
  return steps.filter((each) => each === step).length;
}

export async function putDurably(storage: DiskStorage, name: StoredName, bytes: Uint8Array): Promise<void> {
  const staged = storage.stage();
  await staged.append([bytes]);
  await staged.publish(name, "power-loss");
}

/** What a process leaves that is killed at this moment. @returns a directory of its own. */
export function copyOf(directory: string): string {
  const copy = scratchDirectory();
  fs.cpSync(directory, copy, { recursive: true });
  return copy;
}

/** An open directory with these entries, which all came with the first one. */
export function openDirectory(entries: readonly fs.Dirent[]): fs.Dir {
  const left = [...entries];
  const next = (): fs.Dirent | null => left.shift() ?? null;
  return { read: async () => next(), readSync: next, close: async () => {} } as unknown as fs.Dir;
}

/** Makes a segment of the log unreadable, as if its blocks were lost. */
export function loseSegment(directory: string, slot: number): void {
  const path = `${directory}/.log/${slot}`;
  fs.writeFileSync(path, Buffer.alloc(fs.statSync(path).size));
}

/** Holds each call of fdatasync until the test lets it run. */
export function heldSyncs(): (() => void)[] {
  const held: (() => void)[] = [];
  const fdatasync = fs.fdatasync;
  vi.spyOn(fs, "fdatasync").mockImplementation((fd, done) => {
    held.push(() => fdatasync(fd, done));
  });
  return held;
}
