/**
 * A file that is being written to disk, invisible until it is published.
 *
 * Under LIMITS.stageBufferBytes nothing touches the disk before publish, which then is open,
 * writev, close, rename. For durability `power-loss` a small file's bytes go into the commit log
 * meanwhile, whose shared sync (CommitLog) comes before the rename; a larger one is open, writev,
 * fsync, close, rename, and a shared fsync of the directory (DirectorySyncs). A larger file is
 * written in batches of that size, one system call each, while the next batch gathers; a caller
 * that fills a second batch first has to wait. Its bytes are copied once, into reusable blocks. If
 * very many files are staged, the oldest are written sooner (StagedMemory). After a failure the
 * file can only be discarded; publish and discard leave nothing in `.staging`.
 */
import path from "node:path";
import { assert } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { Durability, StagedFile, StoredName } from "../object-storage.ts";
import { type GatheredBytes, StageBuffer } from "../stage-buffer.ts";
import type { GatheringFile } from "../staged-memory.ts";
import type { Commit } from "./commits/commit-log.ts";
import { diskFailure } from "./disk-failure.ts";
import type { DiskTools } from "./disk-tools.ts";
import { filePath, STAGING_DIRECTORY } from "./file-names.ts";
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
    const publishing = this.#publish(filePath(name), durability);
    const { tier } = this.#tools;
    // Also after a failure: the file may be visible anyway.
    const end = tier === undefined ? publishing : publishing.finally(() => tier.changed(name));
    this.#end = end;
    return end;
  }

  async discard(): Promise<void> {
    this.#end ??= this.#dropStaged();
    // Waits for a pending publish; its failure belongs to that caller.
    await this.#end.catch(() => {});
  }

  async #publish(target: string, durability: Durability): Promise<void> {
    const isDurable = durability === "power-loss";
    let logging: Promise<Commit | undefined> | undefined;
    try {
      await this.#tools.pace.turn();
      if (isDurable && this.#mayBeLogged(target)) logging = this.#writeBoth(target);
      else if (this.#buffer.sizeBytes > 0 || this.#bufferPosition === 0) this.#writeBuffer();
      await this.#idle();
      const commit = await logging;
      const { path: stagedPath, fd } = this.#staged!;
      // Before the rename: a durable name must never lead to bytes that are not.
      if (isDurable && commit === undefined) await this.#tools.steps.syncStaged(fd!);
      this.#staged = { path: stagedPath, fd: undefined };
      await this.#tools.steps.closeStaged(fd!);
      await this.#area.moveIntoPlace(stagedPath, target, this.sizeBytes);
      this.#staged = undefined;
      this.isPublished = true;
      this.#tools.recorder.changed(target);
      if (commit !== undefined) commit.published();
      else await this.#publishedUnlogged(target, isDurable);
      if (log.isEnabled("debug")) log.debug("file published", { path: target, sizeBytes: this.sizeBytes });
    } catch (error) {
      void logging?.then(
        (commit) => commit?.cancel(),
        () => {},
      );
      await this.#dropStaged();
      throw diskFailure(error, target);
    }
  }

  /** A directory with a failed sync can guarantee nothing, even if the log has the bytes. */
  #mayBeLogged(target: string): boolean {
    if (this.#bufferPosition > 0 || this.sizeBytes > LIMITS.commitFileBytesMax) return false;
    return this.#tools.syncs.trusts(path.posix.dirname(target));
  }

  /**
   * Passes the bytes to the commit log and writes them aside meanwhile: both are views of the same
   * chunks.
   */
  #writeBoth(target: string): Promise<Commit | undefined> {
    const gathered = this.#takeBuffer();
    const logging = this.#tools.commits.log.append(target, gathered.chunks);
    const logged = logging.catch(() => {});
    const write = (fd: number) => this.#tools.steps.writeStaged(fd, gathered.chunks, 0);
    this.#addDiskWork(write, () => void logged.then(gathered.release));
    return logging;
  }

  /** The commit log's record of an older file must not outlive the durability of this one. */
  async #publishedUnlogged(target: string, isDurable: boolean): Promise<void> {
    const { commits, syncs } = this.#tools;
    commits.log.replaced(target);
    if (!isDurable) return;
    await syncs.sync(path.posix.dirname(target));
    await commits.syncReplaced([target]);
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
      this.#staged ??= await this.#area.create();
      await work(this.#staged.fd!);
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
