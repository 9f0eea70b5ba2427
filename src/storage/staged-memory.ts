/**
 * The memory of all files of one engine that are being staged, and the bound on it.
 *
 * What is gathered counts until it was written or dropped. Beyond LIMITS.stagedMemoryBytesMax files are written aside before they
 * are full, those first that began to gather first, and whoever brought the bytes waits until enough was written. So a put
 * that is silent for long lies on the disk, and a few puts at a time never notice. Cost: an addition for each chunk.
 */
import { LIMITS } from "../limits.ts";

/** A file that can be written aside early. */
export interface GatheringFile {
  /** Begins to write what it has gathered. */
  spill(): void;
}

/** When this part of the bound is used, views are copied: each may hold eight times its size. */
const VIEWS_PART = 1 / 8;

export class StagedMemory {
  readonly #bytesMax: number;
  #bytes = 0;
  /** Of them, on their way to the disk. */
  #leavingBytes = 0;
  /** Oldest first. */
  readonly #gathering = new Set<GatheringFile>();
  #waiting: (() => void)[] = [];

  constructor(bytesMax: number = LIMITS.stagedMemoryBytesMax) {
    this.#bytesMax = bytesMax;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  /** True when there is too much to keep views of buffers that are larger than themselves. */
  get isTight(): boolean {
    return this.#bytes > this.#bytesMax * VIEWS_PART;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Bytes that were taken are on their way to the disk; `give` follows. */
  leave(bytes: number): void {
    this.#leavingBytes += bytes;
  }

  /** Bytes on their way are gone. */
  give(bytes: number): void {
    this.#bytes -= bytes;
    this.#leavingBytes -= bytes;
    if (this.#waiting.length === 0 || this.#bytes > this.#bytesMax) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** The file has gathered something. */
  gathers(file: GatheringFile): void {
    this.#gathering.add(file);
  }

  /** The file holds nothing any more, or is written whole. */
  isEmpty(file: GatheringFile): void {
    this.#gathering.delete(file);
  }

  /** Writes files aside when there is too much. A promise means: wait before bringing more. */
  makeRoom(): Promise<void> | undefined {
    if (this.#bytes <= this.#bytesMax) return undefined;
    for (const file of this.#gathering) {
      if (this.#bytes - this.#leavingBytes <= this.#bytesMax) break;
      file.spill();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
