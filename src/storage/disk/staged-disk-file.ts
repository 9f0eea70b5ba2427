/**
 * A file being written to disk, out of sight until it is published.
 *
 * Under LIMITS.stageBufferBytes nothing touches the disk before publish, which then is open, writev, close, rename.
 * A larger file is written in batches of that size, one system call each, while the next batch gathers; whoever fills
 * a second batch before the first is written has to wait. No byte is copied on the way.
 * After a failure the file can only be discarded; publish and discard leave nothing in the staging directory.
 */
import { assert } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { StagedFile, StoredName } from "../object-storage.ts";
import { StageBuffer } from "../stage-buffer.ts";
import { diskFailure } from "./disk-failure.ts";
import { filePath } from "./file-names.ts";
import type { StagingArea } from "./staging-area.ts";

export class StagedDiskFile implements StagedFile {
  readonly #area: StagingArea;
  readonly #buffer = new StageBuffer();
  sizeBytes = 0;
  /** Where the buffer's first byte will lie: everything before it was handed to the disk. */
  #bufferPosition = 0;
  #staged: { readonly fd: number; readonly path: string } | undefined;
  /** The disk's work so far. Never rejects: what went wrong is in #failure. */
  #diskWork: Promise<void> | undefined;
  #failure: unknown;
  #isOver = false;

  constructor(area: StagingArea) {
    this.#area = area;
  }

  append(chunks: readonly Uint8Array[]): Promise<void> | undefined {
    assert(!this.#isOver, "a published or discarded file takes no more bytes");
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    for (const chunk of chunks) {
      this.#buffer.append(chunk);
      this.sizeBytes += chunk.length;
    }
    if (this.#buffer.sizeBytes < LIMITS.stageBufferBytes) return undefined;
    if (!this.#diskWork) {
      this.#writeBuffer();
      return undefined;
    }
    return this.#writeWhenIdle();
  }

  overwrite(position: number, bytes: Uint8Array): Promise<void> | undefined {
    assert(!this.#isOver, "a published or discarded file takes no more bytes");
    assert(position >= 0 && position + bytes.length <= this.sizeBytes, "only appended bytes are overwritten");
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const onDisk = bytes.subarray(0, Math.max(0, this.#bufferPosition - position));
    const inMemory = bytes.subarray(onDisk.length);
    if (inMemory.length > 0)
      this.#buffer.overwrite(position + onDisk.length - this.#bufferPosition, inMemory);
    if (onDisk.length === 0) return undefined;
    this.#addDiskWork((fd) => this.#area.steps.writeStaged(fd, [onDisk], position));
    return this.#settled();
  }

  async publish(name: StoredName): Promise<void> {
    assert(!this.#isOver, "a file is published once and not after it was discarded");
    this.#isOver = true;
    try {
      if (this.#bufferPosition === 0) await this.#publishSmall(filePath(name));
      else await this.#publishLarge(filePath(name));
    } catch (error) {
      this.#failure ??= diskFailure(error, filePath(name));
      await this.#cleanUp();
      throw this.#failure;
    }
  }

  async discard(): Promise<void> {
    if (this.#isOver) return this.#diskWork;
    this.#isOver = true;
    await this.#cleanUp();
  }

  /** In one go when the turn is ours, else over the thread pool; the steps are the same. */
  async #publishSmall(path: string): Promise<void> {
    const chunks = this.#buffer.take();
    if (this.#area.turn.take()) this.#area.publishWholeSync(chunks, path);
    else await this.#area.turn.during(() => this.#area.publishWhole(chunks, path));
  }

  async #publishLarge(path: string): Promise<void> {
    if (this.#buffer.sizeBytes > 0) this.#writeBuffer();
    await this.#settled();
    const { fd, path: stagedPath } = this.#staged!;
    await this.#area.steps.closeStaged(fd);
    this.#staged = { fd: CLOSED, path: stagedPath };
    await this.#area.moveIntoPlace(stagedPath, path);
    this.#staged = undefined;
  }

  async #writeWhenIdle(): Promise<void> {
    await this.#settled();
    if (this.#isOver || this.#buffer.sizeBytes < LIMITS.stageBufferBytes) return;
    this.#writeBuffer();
  }

  #writeBuffer(): void {
    const position = this.#bufferPosition;
    this.#bufferPosition += this.#buffer.sizeBytes;
    const chunks = this.#buffer.take();
    this.#addDiskWork((fd) => this.#area.steps.writeStaged(fd, chunks, position));
  }

  /** Queues work on the staged file behind what is under way; makes the file at first. */
  #addDiskWork(work: (fd: number) => Promise<void>): void {
    const before = this.#diskWork;
    const mine = (async () => {
      await before;
      if (this.#failure !== undefined) return;
      try {
        this.#staged ??= await this.#area.create();
        await work(this.#staged.fd);
      } catch (error) {
        this.#failure ??= diskFailure(error, this.#area.directoryName);
      }
    })();
    this.#diskWork = mine;
    void mine.then(() => {
      if (this.#diskWork === mine) this.#diskWork = undefined;
    });
  }

  /** Waits until the disk has done all it was given. @throws what went wrong with it. */
  async #settled(): Promise<void> {
    while (this.#diskWork) await this.#diskWork;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #cleanUp(): Promise<void> {
    this.#buffer.take();
    while (this.#diskWork) await this.#diskWork;
    const staged = this.#staged;
    this.#staged = undefined;
    if (staged) await this.#area.drop(staged);
  }
}

/** In place of a descriptor that was closed already. */
const CLOSED = -1;
