/**
 * A copy of a blob that is being written while readers get its bytes from the store.
 *
 * Readers bring ranges in order, as they read them. The first reader that needs the next range
 * brings it. Others read what is copied from the file, so that readers of one blob share one
 * download. The copy never makes a reader wait for long: it is given up if one write takes
 * LIMITS.copyWriteMsMax, if readers wait for the disk longer than for the store, if the disk fails,
 * or if slow readers make it last too long. Then the file is removed, as it is if the last reader
 * leaves before all bytes were brought.
 */
import { crc32 } from "node:zlib";
import { assert, CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { DiskSteps } from "../disk/disk-steps.ts";
import { readFully } from "../disk/read-fully.ts";
import { type BlobSum, blockCount, encodeTrailer, sumBlocks } from "./copy-format.ts";
import { matchesSums } from "./summed-bytes.ts";

/** Bytes on their way from the store. The copy holds them until they are written. */
export interface BroughtRange {
  readonly position: number;
  readonly sizeBytes: number;
  readonly bytes: Promise<Buffer>;
  hold(): void;
  release(): void;
}

export type CopySteps = Pick<
  DiskSteps,
  "createStaged" | "writeStaged" | "closeStaged" | "renameIntoPlace" | "unlinkStaged"
>;

export interface CopyPlace {
  readonly blob: BlobSum;
  readonly steps: CopySteps;
  readonly stagedPath: string;
  readonly path: string;
}

export interface CopyHost {
  written(bytes: number): void;
  /** The file is in place. */
  finished(): void;
  /** Nothing is left of the file. @param error of the disk; absent: its readers left or are slow */
  givenUp(error?: unknown): void;
}

/** Ranges that wait for the disk before a reader does. */
const WAITING_RANGES_MAX = 4;

export class CopyUnderWay {
  readonly #place: CopyPlace;
  readonly #host: CopyHost;
  readonly #sums: Uint32Array;
  readonly #deadline: NodeJS.Timeout;
  #crc32 = 0;
  #broughtEnd = 0;
  #writtenEnd = 0;
  #waitingRanges = 0;
  readonly #startMs = performance.now();
  /** How long readers waited for the disk, and since when one waits. */
  #waitedMs = 0;
  #waitsSinceMs: number | undefined;
  #readers = 0;
  #readsUnderWay = 0;
  #fd: number | undefined;
  #state: "writing" | "finished" | "given up" = "writing";
  #work: Promise<void> = Promise.resolve();
  #changed = signal();

  constructor(place: CopyPlace, host: CopyHost) {
    const { sizeBytes } = place.blob;
    this.#place = place;
    this.#host = host;
    this.#sums = new Uint32Array(blockCount(sizeBytes));
    const msMax = LIMITS.copyMsMin + sizeBytes / LIMITS.copyBytesPerMsMin;
    this.#deadline = setTimeout(() => this.giveUp(), Math.min(msMax, 2 ** 31 - 1)).unref();
  }

  /** Where the next range begins; undefined: nothing more is wanted. */
  get wantedFrom(): number | undefined {
    const isWhole = this.#broughtEnd === this.#place.blob.sizeBytes;
    return this.#state === "writing" && !isWhole ? this.#broughtEnd : undefined;
  }

  /** True if somebody has brought, or brings, all bytes, and they can still become a copy. */
  get isBrought(): boolean {
    return this.#state === "writing" && this.#broughtEnd === this.#place.blob.sizeBytes;
  }

  join(): void {
    this.#readers += 1;
  }

  leave(): void {
    this.#readers -= 1;
    if (this.#readers === 0 && this.wantedFrom !== undefined) this.giveUp();
    this.#closeUnused();
  }

  /** True if somebody brings the byte at `position`, so that `readInto` can wait for it. */
  brings(position: number): boolean {
    return this.#state === "writing" && position < this.#broughtEnd;
  }

  /**
   * Resolves when a reader may bring the next range: at once, unless the disk is slow. One that
   * makes gets take more than about twice as long is not worth it.
   */
  async waitForDisk(): Promise<void> {
    while (this.#state === "writing" && this.#waitingRanges >= WAITING_RANGES_MAX) {
      const isFirst = this.#waitsSinceMs === undefined;
      this.#waitsSinceMs ??= performance.now();
      await this.#changed.wait;
      if (isFirst) this.#waited();
    }
  }

  #waited(): void {
    const nowMs = performance.now();
    this.#waitedMs += nowMs - (this.#waitsSinceMs ?? nowMs);
    this.#waitsSinceMs = undefined;
    const mayWaitMs = LIMITS.copyWaitMs + (nowMs - this.#startMs) / 2;
    if (this.#waitedMs > mayWaitMs) this.giveUp(tooSlow());
  }

  /** Takes a range that begins at `wantedFrom`. */
  bring(range: BroughtRange): void {
    assert(range.position === this.wantedFrom, "ranges are brought in order");
    this.#broughtEnd += range.sizeBytes;
    this.#waitingRanges += 1;
    range.hold();
    this.#work = this.#work.then(async () => {
      await this.#write(range).catch((error: unknown) => this.giveUp(error));
      range.release();
      this.#waitingRanges -= 1;
      this.#wake();
    });
  }

  /**
   * Fills the buffer with bytes that were brought, when they are written.
   * @returns how many; 0: nobody brings the byte at `position`, or the copy was given up.
   */
  async readInto(bytes: Buffer, position: number): Promise<number> {
    const isWritten = (): boolean => position < this.#writtenEnd;
    while (this.#state === "writing" && !isWritten() && position < this.#broughtEnd) await this.#changed.wait;
    if (this.#state === "given up" || !isWritten() || this.#fd === undefined) return 0;
    const part = bytes.subarray(0, this.#writtenEnd - position);
    const copy = { sizeBytes: this.#writtenEnd, sums: this.#sums, readInto: this.#readFile };
    this.#readsUnderWay += 1;
    try {
      await this.#readFile(part, position);
      if (await matchesSums(copy, part, position)) return part.length;
      this.giveUp();
    } catch (error) {
      this.giveUp(error);
    } finally {
      this.#readsUnderWay -= 1;
      this.#closeUnused();
    }
    return 0;
  }

  /** Removes the file. Readers get the rest from the store. */
  giveUp(error?: unknown): void {
    if (this.#state !== "writing") return;
    this.#end("given up");
    this.#work = this.#work.then(async () => {
      this.#closeUnused();
      await this.#place.steps.unlinkStaged(this.#place.stagedPath).catch(() => {});
      this.#host.givenUp(error);
    });
  }

  /** Resolves when nothing of it is under way any more. */
  async ended(): Promise<void> {
    while (this.#state === "writing") await this.#changed.wait;
    await this.#work;
  }

  readonly #readFile = async (bytes: Buffer, position: number): Promise<void> => {
    if ((await readFully(this.#fd!, bytes, position)) < bytes.length) {
      throw new Error("a file that is being written is shorter than what was written");
    }
  };

  async #write(range: BroughtRange): Promise<void> {
    const bytes = await range.bytes.catch(() => undefined);
    if (this.#state !== "writing") return;
    if (bytes === undefined || range.position !== this.#writtenEnd) {
      // The store failed this reader: another one may bring the bytes.
      this.#broughtEnd = this.#writtenEnd;
      if (this.#readers === 0) this.giveUp();
      return;
    }
    sumBlocks(bytes, range.position, this.#sums);
    this.#crc32 = crc32(bytes, this.#crc32);
    await this.#withinTime(this.#append(bytes, range.position));
    this.#writtenEnd += bytes.length;
    this.#host.written(bytes.length);
    if (this.#writtenEnd === this.#place.blob.sizeBytes) await this.#finish();
  }

  async #append(bytes: Buffer, position: number): Promise<void> {
    const { steps, stagedPath } = this.#place;
    this.#fd ??= await steps.createStaged(stagedPath, "wx+", 0o600);
    await steps.writeStaged(this.#fd, [bytes], position);
  }

  async #finish(): Promise<void> {
    const { blob, steps, stagedPath, path } = this.#place;
    if (this.#state !== "writing" || this.#crc32 !== blob.crc32) return this.giveUp();
    const trailer = encodeTrailer(blob, this.#sums);
    await this.#withinTime(this.#append(trailer, blob.sizeBytes));
    if (this.#state !== "writing") return;
    await steps.renameIntoPlace(stagedPath, path, blob.sizeBytes);
    this.#end("finished");
    this.#host.finished();
    this.#closeUnused();
  }

  /** Gives the copy up if the disk takes too long; the write itself still has to end. */
  async #withinTime(write: Promise<void>): Promise<void> {
    const timer = setTimeout(() => this.giveUp(tooSlow()), LIMITS.copyWriteMsMax).unref();
    await write.finally(() => clearTimeout(timer));
  }

  #end(state: "finished" | "given up"): void {
    this.#state = state;
    clearTimeout(this.#deadline);
    this.#wake();
  }

  #wake(): void {
    const { wake } = this.#changed;
    this.#changed = signal();
    wake();
  }

  /** Not during a read or a write: the number of the descriptor could be another file's then. */
  #closeUnused(): void {
    const isNeeded = this.#state === "writing" || (this.#state === "finished" && this.#readers > 0);
    if (isNeeded || this.#fd === undefined || this.#readsUnderWay > 0) return;
    const fd = this.#fd;
    this.#fd = undefined;
    this.#work = this.#work.then(() => this.#place.steps.closeStaged(fd).catch(() => {}));
  }
}

function tooSlow(): CacheError {
  return new CacheError("STORAGE_IO", "the local disk takes too long");
}

interface Signal {
  readonly wait: Promise<void>;
  readonly wake: () => void;
}

function signal(): Signal {
  let wake = (): void => {};
  const wait = new Promise<void>((resolve) => {
    wake = resolve;
  });
  return { wait, wake };
}
