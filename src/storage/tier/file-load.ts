/**
 * A file on its way from the disk into memory, read once for all who want it.
 *
 * The file is cut into pieces of LIMITS.readChunkBytes. Whoever reads a range starts the pieces of it that nobody has started,
 * and a few behind them, and waits for its own only; so a second reader goes on from what is there, and one that leaves
 * disturbs nobody. A read that fails is told to everyone who reads from then on, and nothing of the file is kept.
 */

import { LIMITS } from "../../limits.ts";
import type { StoredDiskFile } from "../disk/stored-disk-file.ts";
import type { MemoryFile } from "../memory/memory-file.ts";
import type { StoredFile } from "../object-storage.ts";

const PIECE_BYTES = LIMITS.readChunkBytes;

/** Pieces that are read before somebody asks for them: none to four made no difference from the page cache, a disk is kept busy. */
const AHEAD_PIECES = 2;

export interface LoadHost {
  /** All bytes are in memory. */
  loaded(): void;
  failed(): void;
}

export class FileLoad {
  readonly #file: StoredDiskFile;
  readonly #memory: MemoryFile;
  readonly #host: LoadHost;
  /** By number: undefined before it was asked for, then the reading of it, true when it is there. */
  readonly #pieces: (Promise<void> | true | undefined)[];
  #missingPieces: number;
  #piecesUnderWay = 0;
  /** While the disk writes into it the memory is in use, also when all readers have left. */
  #use: StoredFile | undefined;
  #failure: unknown;

  constructor(file: StoredDiskFile, memory: MemoryFile, host: LoadHost) {
    this.#file = file;
    this.#memory = memory;
    this.#host = host;
    this.#missingPieces = Math.ceil(file.sizeBytes / PIECE_BYTES);
    this.#pieces = new Array(this.#missingPieces);
  }

  /**
   * Resolves when this range is in memory; undefined when it is there, or no such range is.
   * @throws {CacheError} what the disk said, also when it said it to somebody else.
   */
  ready(position: number, lengthBytes: number): Promise<unknown> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const end = position + lengthBytes;
    if (lengthBytes === 0 || end > this.#file.sizeBytes) return undefined;
    const first = Math.floor(position / PIECE_BYTES);
    const last = Math.ceil(end / PIECE_BYTES) - 1;
    const ahead = Math.min(last + AHEAD_PIECES, this.#pieces.length - 1);
    for (let index = first; index <= ahead; index += 1) {
      if (this.#pieces[index] === undefined) this.#start(index);
    }
    const waiting = this.#pieces.slice(first, last + 1).filter((piece) => piece !== true);
    return waiting.length > 1 ? Promise.all(waiting) : waiting[0];
  }

  /** Nobody wants more of it: the file is closed. */
  stop(): void {
    this.#file.close();
  }

  #start(index: number): void {
    this.#use ??= this.#memory.open();
    this.#piecesUnderWay += 1;
    const reading = this.#read(index);
    // Who reads is told; there may be nobody any more.
    reading.catch(() => {});
    this.#pieces[index] = reading;
  }

  async #read(index: number): Promise<void> {
    try {
      const position = index * PIECE_BYTES;
      await this.#file.readInto(pieceOf(this.#memory.slabs, position), position);
      this.#pieces[index] = true;
      this.#missingPieces -= 1;
      if (this.#missingPieces === 0) this.#host.loaded();
    } catch (error) {
      this.#failure ??= error;
      this.#host.failed();
      throw error;
    } finally {
      this.#piecesUnderWay -= 1;
      if (this.#piecesUnderWay === 0) {
        const use = this.#use;
        this.#use = undefined;
        use?.close(true);
      }
    }
  }
}

/** Where a piece lies: no piece crosses from slab to slab, because a slab is a whole number of them. */
function pieceOf(slabs: readonly Buffer[], position: number): Buffer {
  const slab = slabs[Math.floor(position / LIMITS.memorySlabBytes)]!;
  const start = position % LIMITS.memorySlabBytes;
  return slab.subarray(start, start + PIECE_BYTES);
}
