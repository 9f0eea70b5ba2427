/**
 * Loads a file of an engine into memory once for all its readers.
 *
 * The file is cut into pieces of LIMITS.readChunkBytes. A reader of a range starts the pieces that
 * nobody has started, plus a few behind them, and waits only for its own. So a second reader
 * continues with what is there, and a reader that leaves affects nobody. After a failed read all
 * readers get the error, and nothing of the file is kept.
 */

import { LIMITS } from "../../limits.ts";
import type { MemoryFile } from "../memory/memory-file.ts";
import type { StoredFile } from "../object-storage.ts";

const PIECE_BYTES = LIMITS.readChunkBytes;

/** Identifies one content among all that a name ever has. */
export interface FileIdentity {
  readonly revision: string;
  readonly sizeBytes: number;
}

/** A file of an engine that the tier can load. */
export interface SourceFile extends StoredFile, FileIdentity {
  /** Fills the caller's memory with the bytes at `position`. @throws {CacheError} as `read` */
  readInto(bytes: Buffer, position: number): Promise<void>;
}

/** Read-ahead in pieces: from the page cache zero to four made no difference; a disk stays busy. */
const AHEAD_PIECES = 2;

export interface LoadHost {
  /** All bytes are in memory. */
  loaded(): void;
  failed(): void;
}

export class FileLoad {
  readonly #file: SourceFile;
  readonly #memory: MemoryFile;
  readonly #host: LoadHost;
  /** By number: undefined before it is requested, then its read, then true. */
  readonly #pieces: (Promise<void> | true | undefined)[];
  #missingPieces: number;
  #piecesUnderWay = 0;
  /** Keeps the memory in use while a read writes into it, even if all readers have left. */
  #use: StoredFile | undefined;
  #failure: unknown;

  constructor(file: SourceFile, memory: MemoryFile, host: LoadHost) {
    this.#file = file;
    this.#memory = memory;
    this.#host = host;
    this.#missingPieces = Math.ceil(file.sizeBytes / PIECE_BYTES);
    this.#pieces = new Array(this.#missingPieces);
  }

  /**
   * Resolves when this range is in memory; undefined if it already is, or if there is no such
   * range.
   * @throws {CacheError} the error of the read, even if an earlier reader caused the read.
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

  /** Closes the file: nobody needs more of it. */
  stop(): void {
    this.#file.close();
  }

  #start(index: number): void {
    this.#use ??= this.#memory.open();
    this.#piecesUnderWay += 1;
    const reading = this.#read(index);
    // Readers get the error; there may be none left.
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

/** Memory of a piece. No piece crosses slabs, because a slab is a whole number of pieces. */
function pieceOf(slabs: readonly Buffer[], position: number): Buffer {
  const slab = slabs[Math.floor(position / LIMITS.memorySlabBytes)]!;
  const start = position % LIMITS.memorySlabBytes;
  return slab.subarray(start, start + PIECE_BYTES);
}
