/**
 * The memory of all staged files of one engine, and its limit.
 *
 * Gathered bytes are charged until they are written or dropped. Beyond LIMITS.stagedMemoryBytesMax
 * files are written out before they are full, oldest first, and the caller that brings bytes waits
 * until enough is written. So a put that is silent for long lies on disk, and a few concurrent puts
 * never notice.
 * Cost: an addition for each chunk.
 */
import { LIMITS } from "../limits.ts";

/** A file that can be written out early. */
export interface GatheringFile {
  /** Starts to write the gathered bytes. */
  spill(): void;
}

/** Above this part of the limit views are copied: each may retain eight times its size. */
const VIEWS_PART = 1 / 8;

export class StagedMemory {
  readonly #bytesMax: number;
  #bytes = 0;
  /** Bytes of them that are being written. */
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

  /** True if too much is staged to keep views of larger buffers. */
  get isTight(): boolean {
    return this.#bytes > this.#bytesMax * VIEWS_PART;
  }

  /** True if more is staged than the limit allows. */
  get isFull(): boolean {
    return this.#bytes > this.#bytesMax;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Charged bytes are now being written; `give` follows. */
  leave(bytes: number): void {
    this.#leavingBytes += bytes;
  }

  /** Releases bytes that were written. */
  give(bytes: number): void {
    this.#bytes -= bytes;
    this.#leavingBytes -= bytes;
    if (this.#waiting.length === 0 || this.isFull) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** The file has gathered its first bytes. */
  gathers(file: GatheringFile): void {
    this.#gathering.add(file);
  }

  /** The file holds nothing any more, or is completely written. */
  isEmpty(file: GatheringFile): void {
    this.#gathering.delete(file);
  }

  /** Writes files out if too much is staged. If it returns a promise, wait before bringing more. */
  makeSpace(): Promise<void> | undefined {
    if (!this.isFull) return undefined;
    for (const file of this.#gathering) {
      if (this.#bytes - this.#leavingBytes <= this.#bytesMax) break;
      file.spill();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
