/**
 * Bytes gathered in memory before they are written. The first VIEWS_BYTES_MAX stay the views they
 * arrived as; later bytes are copied into pool blocks (block-pool.ts explains why a copy is
 * cheaper).
 *
 * A view that is small compared with its buffer is copied, so that a slow caller's few bytes do not
 * retain a connection's large buffers. Waiting bytes retain at most PINNED_FACTOR times their size,
 * and no more than their size while much is staged. All of it is charged (StagedMemory).
 * Overwriting never changes a caller's buffer: the chunk is split around the span, and a copy of
 * the new bytes becomes a chunk. Many tiny chunks are merged, so that views never cost more than
 * bytes.
 */
import { assert } from "../errors.ts";
import type { BlockPool } from "./block-pool.ts";
import { StagedMemory } from "./staged-memory.ts";

/** Chunks are merged beyond this number: a view costs about 100 bytes of heap. */
const CHUNKS_MAX = 8192;

const PINNED_FACTOR = 8;

/** Maximum of a small object, which is written or copied within the call that brought it. */
export const VIEWS_BYTES_MAX = 128 * 1024;

export interface GatheredBytes {
  readonly chunks: Uint8Array[];
  /** Releases the memory of the chunks. Called once, when nobody reads them any more. */
  release(): void;
}

export class StageBuffer {
  readonly #pool: BlockPool;
  readonly #memory: StagedMemory;
  #chunks: Uint8Array[] = [];
  #blocks: Buffer[] = [];
  /** Used bytes of the last block. */
  #usedBytes = 0;
  /** Bytes charged to `memory`. */
  #takenBytes = 0;
  sizeBytes = 0;

  /** @param memory the account to charge; by default one of its own. */
  constructor(pool: BlockPool, memory: StagedMemory = new StagedMemory()) {
    this.#pool = pool;
    this.#memory = memory;
  }

  /** Keeps the view or a copy. */
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

  /** All chunks in order, while they are here. */
  get chunks(): readonly Uint8Array[] {
    return this.#chunks;
  }

  /** `bytes` must lie completely inside the gathered bytes. */
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

  /** Returns all chunks in order and empties the buffer. */
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

  /** Adds the next bytes of a block as a chunk, or extends the last chunk. */
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
