/**
 * A file that is being written to disk, invisible until it is published.
 *
 * A small file is a record of the log (DiskLog). A larger one is written in batches of
 * LIMITS.stageBufferBytes, one system call each, while the next batch gathers; a caller that fills a
 * second batch first has to wait. Its bytes are copied once, into reusable blocks. Then it is closed
 * and renamed; for durability `power-loss` with an fsync before, and a shared fsync of the directory
 * behind (DirectorySyncs). If very many files are staged, the oldest are written sooner
 * (StagedMemory). After a failure the file can only be discarded; publish and discard leave nothing
 * in `.staging`.
 */
import { assert } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { Durability, StagedFile, StoredName } from "../object-storage.ts";
import { type GatheredBytes, StageBuffer } from "../stage-buffer.ts";
import type { GatheringFile } from "../staged-memory.ts";
import { diskFailure } from "./disk-failure.ts";
import type { DiskTools } from "./disk-tools.ts";
import { filePath, STAGING_DIRECTORY } from "./file-names.ts";
import type { Recent } from "./log/log-segment.ts";
import { revisionOf } from "./log/logged-file.ts";
import { directoryOf, foreignDirectory } from "./real-directories.ts";
import type { StagedPath, StagingArea } from "./staging-area.ts";

const log = logFor("storage");

export class StagedDiskFile implements StagedFile, GatheringFile {
  readonly #tools: DiskTools;
  readonly #area: StagingArea;
  readonly #buffer: StageBuffer;
  sizeBytes = 0;
  isPublished = false;
  /**
   * Position of the buffer's first byte in the file: everything before it was passed to the disk.
   */
  #bufferPosition = 0;
  #staged: StagedPath | undefined;
  /** The disk work so far. Never rejects: errors are in #failure. */
  #diskWork: Promise<void> | undefined;
  #failure: unknown;
  /** Set by the first publish or discard: its result. */
  #end: Promise<unknown> | undefined;

  constructor(tools: DiskTools, area: StagingArea) {
    this.#tools = tools;
    this.#buffer = new StageBuffer(tools.blocks, tools.stagedMemory);
    this.#area = area;
  }

  append(chunks: readonly Uint8Array[]): Promise<void> | undefined {
    assert(!this.#end, "a published or discarded file takes no more bytes");
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    for (const chunk of chunks) {
      this.#buffer.append(chunk);
      this.sizeBytes += chunk.length;
    }
    if (this.#buffer.sizeBytes < LIMITS.stageBufferBytes) {
      this.#tools.stagedMemory.gathers(this);
      return this.#tools.stagedMemory.makeSpace();
    }
    if (this.#diskWork) return this.#writeWhenIdle();
    this.#writeBuffer();
    return this.#tools.stagedMemory.makeSpace();
  }

  spill(): void {
    if (!this.#end && this.#buffer.sizeBytes > 0) this.#writeBuffer();
  }

  overwrite(position: number, bytes: Uint8Array): Promise<void> | undefined {
    assert(!this.#end, "a published or discarded file takes no more bytes");
    assert(position >= 0 && position + bytes.length <= this.sizeBytes, "only appended bytes are overwritten");
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const onDisk = bytes.subarray(0, Math.max(0, this.#bufferPosition - position));
    const inMemory = bytes.subarray(onDisk.length);
    if (inMemory.length > 0)
      this.#buffer.overwrite(position + onDisk.length - this.#bufferPosition, inMemory);
    if (onDisk.length === 0) return undefined;
    this.#addDiskWork((fd) => this.#tools.steps.writeStaged(fd, [onDisk], position));
    return this.#idle();
  }

  publish(name: StoredName, durability: Durability = "restart"): Promise<void> {
    assert(!this.#end, "a file is published once and not after it was discarded");
    const publishing = this.#publish(name, durability === "power-loss");
    this.#end = publishing;
    return publishing;
  }

  async discard(): Promise<void> {
    this.#end ??= this.#dropStaged();
    // Waits for a pending publish; its failure belongs to that caller.
    await this.#end.catch(() => {});
  }

  async #publish(name: StoredName, isPromised: boolean): Promise<void> {
    const target = filePath(name);
    const { sizeBytes } = this;
    try {
      const isSmall = this.#bufferPosition === 0 && sizeBytes <= LIMITS.logFileBytesMax;
      if (!isSmall || !(await this.#publishInLog(name, target, isPromised))) {
        await this.#publishFile(target, isPromised);
        this.#tools.tier?.changed(name);
      }
      if (log.isEnabled("debug")) log.debug("file published", { path: target, sizeBytes });
    } catch (error) {
      // The file may be visible anyway.
      this.#tools.tier?.changed(name);
      await this.#dropStaged();
      throw diskFailure(error, target);
    }
  }

  /** @returns false if it has to be a file at once. */
  async #publishInLog(name: StoredName, target: string, isPromised: boolean): Promise<boolean> {
    const { directories, tier } = this.#tools;
    const isForeign = directories.isForeign(directoryOf(target));
    if (isForeign !== false && (await isForeign)) throw foreignDirectory(directoryOf(target));
    if (isPromised) {
      const isTaken = directories.hasForeignFile(target);
      if (isTaken !== false && (await isTaken)) return false;
    }
    const { chunks } = this.#buffer;
    const { sizeBytes } = this;
    const published = (recent: Recent): void => {
      this.isPublished = true;
      tier?.put(name, { revision: revisionOf(recent), sizeBytes }, chunks);
    };
    if (!(await this.#tools.log.put(target, chunks, { sizeBytes, isPromised, published }))) return false;
    this.#takeBuffer().release();
    return true;
  }

  async #publishFile(target: string, isPromised: boolean): Promise<void> {
    const { pace, steps, log: diskLog, syncs } = this.#tools;
    await pace.turn();
    await diskLog.makeSpace();
    if (this.#buffer.sizeBytes > 0 || this.#bufferPosition === 0) this.#writeBuffer();
    await this.#idle();
    const { path: stagedPath, fd } = this.#staged!;
    // Before the rename: a durable name must never lead to bytes that are not.
    if (isPromised) await steps.syncStaged(fd!);
    this.#staged = { path: stagedPath, fd: undefined };
    await steps.closeStaged(fd!);
    // Its segment may be the one that has to be released for the record of the replacement.
    await diskLog.rest.now(target);
    const move = () => this.#area.moveIntoPlace(stagedPath, target, this.sizeBytes);
    await diskLog.rest.withSpace(move);
    this.#staged = undefined;
    this.isPublished = true;
    this.#tools.recorder.changed();
    if (isPromised) await syncs.sync(directoryOf(target));
    await diskLog.replaced(target, isPromised ? "void" : "unsynced");
  }

  async #writeWhenIdle(): Promise<void> {
    await this.#idle();
    if (this.#end || this.#buffer.sizeBytes < LIMITS.stageBufferBytes) return;
    this.#writeBuffer();
  }

  #writeBuffer(): void {
    const position = this.#bufferPosition;
    const gathered = this.#takeBuffer();
    const write = (fd: number) => this.#tools.steps.writeStaged(fd, gathered.chunks, position);
    this.#addDiskWork(write, gathered.release);
  }

  #takeBuffer(): GatheredBytes {
    this.#tools.stagedMemory.isEmpty(this);
    this.#bufferPosition += this.#buffer.sizeBytes;
    return this.#buffer.take();
  }

  /**
   * Queues work on the staged file behind the pending work; creates the file first.
   * @param release called when the work is done, has failed, or was skipped because earlier work
   *   failed.
   */
  #addDiskWork(work: (fd: number) => Promise<void>, release?: () => void): void {
    const mine = this.#doAfter(this.#diskWork, work);
    this.#diskWork = mine;
    void mine.then(() => {
      release?.();
      if (this.#diskWork === mine) this.#diskWork = undefined;
    });
  }

  async #doAfter(before: Promise<void> | undefined, work: (fd: number) => Promise<void>): Promise<void> {
    await before;
    if (this.#failure !== undefined) return;
    try {
      const { rest } = this.#tools.log;
      this.#staged ??= await rest.withSpace(() => this.#area.create());
      const { fd } = this.#staged;
      await rest.withSpace(() => work(fd!));
    } catch (error) {
      this.#failure = diskFailure(error, STAGING_DIRECTORY);
    }
  }

  /** Waits until all disk work is done. @throws the error of the work */
  async #idle(): Promise<void> {
    while (this.#diskWork) await this.#diskWork;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #dropStaged(): Promise<void> {
    this.#tools.stagedMemory.isEmpty(this);
    this.#buffer.take().release();
    while (this.#diskWork) await this.#diskWork;
    const staged = this.#staged;
    this.#staged = undefined;
    if (staged) await this.#area.drop(staged);
  }
}
