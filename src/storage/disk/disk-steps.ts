/**
 * Every step that changes the disk, each a small named function, so that tests can stop the process
 * or fail before any of them.
 *
 * A small file is published by a record of the log (appendLog, and syncLog for `power-loss`). A
 * larger one by create, write, close, rename; for `power-loss` it is synced before close, and its
 * directory after the rename (syncStaged, syncDirectory). Short steps block while the disk is quick
 * (see DiskPace) and no sync is pending: a change of names may then wait for the file system's
 * journal. Syncs of the log block while they are quick (SyncPace). Other steps use the thread pool.
 * Paths are absolute. Failures are the plain errors of node:fs; callers convert them with
 * diskFailure.
 */
import fs from "node:fs";
import path from "node:path";
import { LIMITS } from "../../limits.ts";
import type { SyncKind } from "../storage-counts.ts";
import { errnoOf } from "./disk-failure.ts";
import type { DiskPace } from "./disk-pace.ts";
import { Semaphore } from "./semaphore.ts";
import { SyncPace } from "./sync-pace.ts";
import { SyncTimes } from "./sync-times.ts";
import { writeFully, writeFullySync } from "./write-fully.ts";

export const DISK_STEPS = [
  "createStaged",
  "writeStaged",
  "syncStaged",
  "closeStaged",
  "makeDirectory",
  "linkReplaced",
  "renameIntoPlace",
  "unlinkStaged",
  "unlinkObject",
  "removeDirectory",
  "syncDirectory",
  "syncPublished",
  "appendJournal",
  "syncJournal",
  "renameJournal",
  "writeReason",
  "moveToQuarantine",
  "createSegment",
  "fillSegment",
  "syncSegment",
  "headSegment",
  "appendLog",
  "syncLog",
  "unlinkSegment",
] as const;

export type DiskStep = (typeof DISK_STEPS)[number];

/** Called before each step. If it throws, the step fails with that error. */
export type BeforeStep = (step: DiskStep) => void;

/** A write of 256 KiB takes 70 us, one of 1 MiB 230. */
const BLOCKING_WRITE_BYTES_MAX = 256 * 1024;

/** A rename over an older file makes ext4 allocate the new file's blocks first: 0.5 ms for 16 MiB. */
const BLOCKING_RENAME_BYTES_MAX = 2 * 1024 * 1024;

export class DiskSteps {
  readonly syncTimes = new SyncTimes();
  readonly #pace: DiskPace;
  readonly #before: BeforeStep;
  /**
   * Only for files: a caller that waits for a directory has synced its file, and others wait for
   * it.
   */
  readonly #syncs = new Semaphore(LIMITS.fileSyncsMax);
  #syncsUnderWay = 0;
  readonly #logPace = new SyncPace();

  constructor(pace: DiskPace, before: BeforeStep = () => {}) {
    this.#pace = pace;
    this.#before = before;
  }

  /** Fails if the path exists. @param mode of the file, before the process's umask. */
  async createStaged(path: string, flags: "wx" | "wx+" = "wx", mode = 0o666): Promise<number> {
    this.#before("createStaged");
    if (this.#mayBlock) return this.#pace.block(() => fs.openSync(path, flags, mode));
    return new Promise((resolve, reject) => {
      fs.open(path, flags, mode, (error, fd) => (error ? reject(error) : resolve(fd)));
    });
  }

  async writeStaged(fd: number, chunks: readonly Uint8Array[], position: number): Promise<void> {
    this.#before("writeStaged");
    const sizeBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (sizeBytes > BLOCKING_WRITE_BYTES_MAX || !this.#mayBlock) {
      await writeFully(fd, chunks, position);
    } else {
      this.#pace.block(() => writeFullySync(fd, chunks, position));
    }
  }

  /**
   * Makes the file's bytes durable. After a failure they may be lost, even if a second sync
   * succeeds.
   */
  async syncStaged(fd: number): Promise<void> {
    this.#before("syncStaged");
    await this.#syncs.run(() => this.#syncing("file", () => promised((done) => fs.fsync(fd, done))));
  }

  /** Releases the descriptor even after a failure. */
  async closeStaged(fd: number): Promise<void> {
    try {
      this.#before("closeStaged");
    } finally {
      if (this.#pace.isQuick) this.#pace.block(() => fs.closeSync(fd));
      else await promised((done) => fs.close(fd, done));
    }
  }

  /**
   * Creates missing parents too. @returns the outermost directory created; undefined if all
   * existed.
   */
  async makeDirectory(path: string): Promise<string | undefined> {
    this.#before("makeDirectory");
    return await makeWithParents(path);
  }

  /** Fails if `from` is missing. */
  async linkReplaced(from: string, to: string): Promise<void> {
    this.#before("linkReplaced");
    if (this.#mayBlock) this.#pace.block(() => fs.linkSync(from, to));
    else await promised((done) => fs.link(from, to, done));
  }

  /** After this step the object exists. */
  async renameIntoPlace(from: string, to: string, sizeBytes: number): Promise<void> {
    this.#before("renameIntoPlace");
    if (sizeBytes > BLOCKING_RENAME_BYTES_MAX || !this.#mayBlock) {
      await promised((done) => fs.rename(from, to, done));
    } else {
      this.#pace.block(() => fs.renameSync(from, to));
    }
  }

  async unlinkStaged(path: string): Promise<void> {
    this.#before("unlinkStaged");
    await promised((done) => fs.unlink(path, done));
  }

  async unlinkObject(path: string): Promise<void> {
    this.#before("unlinkObject");
    await promised((done) => fs.unlink(path, done));
  }

  /** Fails if the directory is not empty. */
  async removeDirectory(path: string): Promise<void> {
    this.#before("removeDirectory");
    await promised((done) => fs.rmdir(path, done));
  }

  /** Makes the current names in this directory durable. */
  async syncDirectory(path: string): Promise<void> {
    this.#before("syncDirectory");
    await this.#syncing("directory", () => syncAt(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY));
  }

  /** Syncs the bytes of a published file, whoever published it. */
  async syncPublished(path: string): Promise<void> {
    this.#before("syncPublished");
    const flags = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW;
    await this.#syncs.run(() => this.#syncing("file", () => syncAt(path, flags)));
  }

  async appendJournal(fd: number, bytes: Buffer, position: number): Promise<void> {
    this.#before("appendJournal");
    await writeFully(fd, [bytes], position);
  }

  async syncJournal(fd: number): Promise<void> {
    this.#before("syncJournal");
    await this.syncTimes.time("record", () => promised((done) => fs.fsync(fd, done)));
  }

  async renameJournal(from: string, to: string): Promise<void> {
    this.#before("renameJournal");
    await promised((done) => fs.rename(from, to, done));
  }

  /** Fails if the path exists. */
  async createSegment(path: string): Promise<number> {
    this.#before("createSegment");
    return await new Promise((resolve, reject) => {
      fs.open(path, "wx+", (error, fd) => (error ? reject(error) : resolve(fd)));
    });
  }

  /** Writes zeros, so that later writes change only bytes. */
  async fillSegment(fd: number, zeros: Buffer, position: number): Promise<void> {
    this.#before("fillSegment");
    await writeFully(fd, [zeros], position);
  }

  /**
   * Resolves when the head is durable. A sync would also write the records before it, which are
   * void.
   */
  async headSegment(path: string, head: Buffer, position: number): Promise<void> {
    this.#before("headSegment");
    await this.syncTimes.time("log", () => writeThrough(path, head, position));
  }

  /** Makes a segment's blocks durable. */
  async syncSegment(fd: number): Promise<void> {
    this.#before("syncSegment");
    await this.#syncing("log", () => promised((done) => fs.fdatasync(fd, done)));
  }

  /**
   * Undefined if it is done: a caller that continues at once has its sync pending before anything
   * else blocks.
   */
  appendLog(fd: number, chunks: readonly Uint8Array[], position: number): Promise<void> | undefined {
    this.#before("appendLog");
    const sizeBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (sizeBytes > BLOCKING_WRITE_BYTES_MAX || !this.#mayBlock) return writeFully(fd, chunks, position);
    this.#pace.block(() => writeFullySync(fd, chunks, position));
    return undefined;
  }

  /**
   * Other short steps may block meanwhile: writing to allocated blocks does not need the journal.
   */
  async syncLog(fd: number): Promise<void> {
    this.#before("syncLog");
    const blocking = (): void => fs.fdatasyncSync(fd);
    const pooled = (): Promise<void> => promised((done) => fs.fdatasync(fd, done));
    await this.syncTimes.time("log", () => this.#logPace.run(blocking, pooled));
  }

  async unlinkSegment(path: string): Promise<void> {
    this.#before("unlinkSegment");
    await promised((done) => fs.unlink(path, done));
  }

  /** True while a short step that changes the disk may block. */
  get #mayBlock(): boolean {
    return this.#syncsUnderWay === 0 && this.#pace.isQuick;
  }

  async #syncing(kind: SyncKind, sync: () => Promise<void>): Promise<void> {
    this.#syncsUnderWay += 1;
    try {
      await this.syncTimes.time(kind, sync);
    } finally {
      this.#syncsUnderWay -= 1;
    }
  }

  /** Fails if the path exists. */
  async writeReason(path: string, text: string): Promise<void> {
    this.#before("writeReason");
    await fs.promises.writeFile(path, text, { flag: "wx" });
  }

  async moveToQuarantine(from: string, to: string): Promise<void> {
    this.#before("moveToQuarantine");
    await promised((done) => fs.rename(from, to, done));
  }
}

/** Not with `recursive`, which reports ENOENT on a full disk (Node 20). */
async function makeWithParents(directory: string, hasParent = false): Promise<string | undefined> {
  try {
    await promised((done) => fs.mkdir(directory, done));
    return directory;
  } catch (error) {
    if (errnoOf(error) === "EEXIST" && fs.statSync(directory).isDirectory()) return undefined;
    // /proc reports ENOENT even if the parent exists: after the parent was created it is an error.
    if (errnoOf(error) !== "ENOENT" || hasParent) throw error;
  }
  const outermost = await makeWithParents(path.dirname(directory));
  const made = await makeWithParents(directory, true);
  return outermost ?? made;
}

/** Opening needs no disk access: the file was just written or read. */
async function syncAt(path: string, flags: number): Promise<void> {
  const fd = fs.openSync(path, flags);
  try {
    await promised((done) => fs.fsync(fd, done));
  } finally {
    fs.closeSync(fd);
  }
}

/** Returns when the disk has the bytes. */
async function writeThrough(path: string, bytes: Buffer, position: number): Promise<void> {
  const fd = fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_DSYNC | fs.constants.O_NOFOLLOW);
  try {
    await writeFully(fd, [bytes], position);
  } finally {
    fs.closeSync(fd);
  }
}

function promised(call: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => (error ? reject(error) : resolve()));
  });
}
