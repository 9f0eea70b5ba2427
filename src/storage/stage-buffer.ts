/**
 * Bytes gathered in memory, not yet written anywhere: the first of them as the views they came in, what comes after
 * VIEWS_BYTES_MAX copied into blocks of a pool (block-pool.ts says why the copy is the cheaper way).
 *
 * A view that is small against the buffer it lies in is copied: a slow caller's few bytes must not hold the large
 * buffers of a connection. So what waits here holds at most PINNED_FACTOR times its size, and while very much is staged no more
 * than its size. All of it counts (StagedMemory).
 * Overwriting never touches a caller's buffer: the chunk is split around the span and the new bytes take its
 * place as a chunk of their own (copied: they are few, and their owner may use the buffer again).
 * Very many tiny chunks are merged into one, so that the views never cost more than the bytes.
 */
import { assert } from "../errors.ts";
import type { BlockPool } from "./block-pool.ts";
import { StagedMemory } from "./staged-memory.ts";

/** Beyond this many chunks they are merged: a view costs about 100 bytes of heap. */
const CHUNKS_MAX = 8192;

const PINNED_FACTOR = 8;

/** What a small object has at most: it is written or copied within the call that brought it. */
export const VIEWS_BYTES_MAX = 128 * 1024;

export interface GatheredBytes {
  readonly chunks: Uint8Array[];
  /** Gives the memory of the chunks back; called once, when nobody reads them any more. */
  release(): void;
}

export class StageBuffer {
  readonly #pool: BlockPool;
  readonly #memory: StagedMemory;
  #chunks: Uint8Array[] = [];
  #blocks: Buffer[] = [];
  /** Bytes used of the last block. */
  #usedBytes = 0;
  /** What was taken of the memory. */
  #takenBytes = 0;
  sizeBytes = 0;

  /** @param memory what it takes is counted there; of its own unless told otherwise. */
  constructor(pool: BlockPool, memory: StagedMemory = new StagedMemory()) {
    this.#pool = pool;
    this.#memory = memory;
  }

  /** Keeps the view, or a copy. */
  append(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.#blocks.length > 0 || this.sizeBytes + chunk.length > VIEWS_BYTES_MAX) {
      this.#copyIn(chunk);
      return;
    }
    const factor = this.#memory.isTight ? 1 : PINNED_FACTOR;
    const isSmallPart = chunk.length * factor < chunk.buffer.byteLength;
    this.#chunks.push(isSmallPart ? Buffer.from(chunk) : chunk);
    this.sizeBytes += chunk.length;
    this.#take(chunk.length);
    if (this.#chunks.length > CHUNKS_MAX) this.#chunks = [Buffer.concat(this.#chunks, this.sizeBytes)];
  }

  /** `bytes` lies wholly inside what was gathered. */
  overwrite(position: number, bytes: Uint8Array): void {
    assert(position >= 0 && position + bytes.length <= this.sizeBytes, "only gathered bytes are overwritten");
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    const chunks: Uint8Array[] = [];
    let start = 0;
    for (const chunk of this.#chunks) {
      const chunkEnd = start + chunk.length;
      if (chunkEnd <= position || start >= end) {
        chunks.push(chunk);
      } else {
        if (start < position) chunks.push(chunk.subarray(0, position - start));
        if (start <= position) chunks.push(Buffer.from(bytes));
        if (chunkEnd > end) chunks.push(chunk.subarray(end - start));
      }
      start = chunkEnd;
    }
    this.#chunks = chunks;
  }

  /** Hands out everything, in order, and is empty afterwards. */
  take(): GatheredBytes {
    const chunks = this.#chunks;
    const blocks = this.#blocks;
    const takenBytes = this.#takenBytes;
    this.#memory.leave(takenBytes);
    this.#takenBytes = 0;
    this.#chunks = [];
    this.#blocks = [];
    this.#usedBytes = 0;
    this.sizeBytes = 0;
    return {
      chunks,
      release: () => {
        this.#memory.give(takenBytes);
        for (const block of blocks) this.#pool.give(block);
      },
    };
  }

  #take(bytes: number): void {
    this.#takenBytes += bytes;
    this.#memory.take(bytes);
  }

  #copyIn(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.length > 0) {
      let block = this.#blocks.at(-1);
      if (block === undefined || this.#usedBytes === block.length) {
        block = this.#pool.take();
        this.#take(block.length);
        this.#blocks.push(block);
        this.#usedBytes = 0;
      }
      const piece = rest.subarray(0, block.length - this.#usedBytes);
      block.set(piece, this.#usedBytes);
      this.#addPart(block, piece.length);
      rest = rest.subarray(piece.length);
    }
  }

  /** The next bytes of a block as a chunk, or as more of the last one. */
  #addPart(block: Buffer, sizeBytes: number): void {
    const last = this.#chunks.at(-1);
    const start = this.#usedBytes;
    const end = start + sizeBytes;
    const continuesLast =
      last?.buffer === block.buffer && last.byteOffset - block.byteOffset + last.length === start;
    if (continuesLast) {
      this.#chunks[this.#chunks.length - 1] = block.subarray(last.byteOffset - block.byteOffset, end);
    } else {
      this.#chunks.push(block.subarray(start, end));
    }
    this.#usedBytes = end;
    this.sizeBytes += sizeBytes;
  }
}
