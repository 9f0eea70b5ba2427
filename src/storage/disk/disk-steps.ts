/**
 * Every step that changes the disk, each a small named function, so that none is forgotten and a test can stop
 * the process, or fail, before any of them.
 *
 * Each step of publishing a small object exists twice. Measured for 1.5 KB (two shared cores, ext4): 130 us
 * synchronous, 300 us over callbacks, 330 us over fs.promises, and the same 5,000 a second for all of them with
 * 16 at once, where the directory's lock is what everybody waits for. See publish-turn.ts for who uses which.
 * Paths are absolute. Failures are the bare errors of node:fs; callers type them by diskFailure.
 */
import fs from "node:fs";
import { writeFully, writeFullySync } from "./write-fully.ts";

export const DISK_STEPS = [
  "createStaged",
  "writeStaged",
  "closeStaged",
  "makeDirectory",
  "renameIntoPlace",
  "unlinkStaged",
  "unlinkObject",
  "removeDirectory",
  "writeFloor",
  "syncFloor",
  "renameFloor",
  "syncDirectory",
  "moveToQuarantine",
] as const;

export type DiskStep = (typeof DISK_STEPS)[number];

/** Called before each step; what it throws is the step's failure. */
export type BeforeStep = (step: DiskStep) => void;

/** A staged file is made by this call or not at all; readable by the owner and its group like any other file. */
const CREATE = "wx";

export class DiskSteps {
  readonly #before: BeforeStep;

  constructor(before: BeforeStep = () => {}) {
    this.#before = before;
  }

  createStagedSync(path: string): number {
    this.#before("createStaged");
    return fs.openSync(path, CREATE);
  }

  async createStaged(path: string): Promise<number> {
    this.#before("createStaged");
    return new Promise((resolve, reject) => {
      fs.open(path, CREATE, (error, fd) => (error ? reject(error) : resolve(fd)));
    });
  }

  writeStagedSync(fd: number, chunks: Uint8Array[], position: number): void {
    this.#before("writeStaged");
    writeFullySync(fd, chunks, position);
  }

  async writeStaged(fd: number, chunks: Uint8Array[], position: number): Promise<void> {
    this.#before("writeStaged");
    await writeFully(fd, chunks, position);
  }

  closeStagedSync(fd: number): void {
    this.#before("closeStaged");
    fs.closeSync(fd);
  }

  async closeStaged(fd: number): Promise<void> {
    this.#before("closeStaged");
    await settle((done) => fs.close(fd, done));
  }

  makeDirectorySync(path: string): void {
    this.#before("makeDirectory");
    fs.mkdirSync(path, { recursive: true });
  }

  async makeDirectory(path: string): Promise<void> {
    this.#before("makeDirectory");
    await settle((done) => fs.mkdir(path, { recursive: true }, done));
  }

  /** The object's moment of birth. Durability is `restart`: neither file nor directory is synced before or after. */
  renameIntoPlaceSync(from: string, to: string): void {
    this.#before("renameIntoPlace");
    fs.renameSync(from, to);
  }

  async renameIntoPlace(from: string, to: string): Promise<void> {
    this.#before("renameIntoPlace");
    await settle((done) => fs.rename(from, to, done));
  }

  async unlinkStaged(path: string): Promise<void> {
    this.#before("unlinkStaged");
    await settle((done) => fs.unlink(path, done));
  }

  async unlinkObject(path: string): Promise<void> {
    this.#before("unlinkObject");
    await settle((done) => fs.unlink(path, done));
  }

  async removeDirectory(path: string): Promise<void> {
    this.#before("removeDirectory");
    await settle((done) => fs.rmdir(path, done));
  }

  async writeFloor(fd: number, text: Buffer): Promise<void> {
    this.#before("writeFloor");
    await writeFully(fd, [text], 0);
  }

  async syncFloor(fd: number): Promise<void> {
    this.#before("syncFloor");
    await settle((done) => fs.fsync(fd, done));
  }

  async renameFloor(from: string, to: string): Promise<void> {
    this.#before("renameFloor");
    await settle((done) => fs.rename(from, to, done));
  }

  /** Makes a rename in this directory last through a power cut. */
  async syncDirectory(path: string): Promise<void> {
    this.#before("syncDirectory");
    const directory = await fs.promises.open(path, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  async moveToQuarantine(from: string, to: string): Promise<void> {
    this.#before("moveToQuarantine");
    await settle((done) => fs.rename(from, to, done));
  }
}

function settle(call: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => (error ? reject(error) : resolve()));
  });
}
