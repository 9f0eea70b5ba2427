/**
 * A file that is being assembled in memory.
 *
 * Chunks arrive as views of much larger buffers that a socket owns. Up to VIEWS_BYTES_MAX they wait
 * in a StageBuffer and are copied into one exact buffer at publish. A larger file is copied into
 * slabs as it arrives, and a partial last slab is copied again into an exact buffer; so a file up
 * to one slab is read as one view. All memory comes from other files (FreeMemory) and returns
 * there: replacing an object by one of its size allocates nothing.
 * Cost: one copy of every byte; two for those of the last slab.
 */
import { assert } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { BlockPool } from "../block-pool.ts";
import type { FreeMemory } from "../free-memory.ts";
import type { StagedFile, StoredName } from "../object-storage.ts";
import { StageBuffer, VIEWS_BYTES_MAX } from "../stage-buffer.ts";
import type { StagedMemory } from "../staged-memory.ts";
import { MemoryFile, type MemoryOwner } from "./memory-file.ts";

/** A StageBuffer needs blocks only beyond VIEWS_BYTES_MAX. */
const NO_BLOCKS = new BlockPool(LIMITS.stageBlockBytes, 0);

/** A partial last slab is kept if at most this part of the file is unused memory. */
const UNUSED_PART_MAX = 1 / 128;

export interface StagedMemoryOptions {
  readonly put: (name: StoredName, file: MemoryFile) => void;
  /** Memory for files. */
  readonly memory: FreeMemory;
  /** Charged for small files until they are copied. */
  readonly staged: StagedMemory;
  /** Receives the memory of published files. */
  readonly owner: MemoryOwner;
}

export class StagedMemoryFile implements StagedFile {
  readonly #put: (name: StoredName, file: MemoryFile) => void;
  #small: StageBuffer | undefined;
  readonly #memory: FreeMemory;
  readonly #owner: MemoryOwner;
  #slabs: Buffer[] = [];
  /** Used bytes of the last slab. */
  #usedBytes = 0;
  #isOver = false;
  readonly skipsChecksum = true;
  sizeBytes = 0;

  constructor({ put, memory, staged, owner }: StagedMemoryOptions) {
    this.#put = put;
    this.#small = new StageBuffer(NO_BLOCKS, staged);
    this.#memory = memory;
    this.#owner = owner;
  }

  append(chunks: readonly Uint8Array[]): undefined {
    assert(!this.#isOver, "a published or discarded file takes no more bytes");
    for (const chunk of chunks) {
      this.sizeBytes += chunk.length;
      if (this.#small && this.sizeBytes > VIEWS_BYTES_MAX) this.#beginSlabs(this.#small);
      if (this.#small) this.#small.append(chunk);
      else this.#copyIn(chunk);
    }
  }

  #beginSlabs(small: StageBuffer): void {
    this.#small = undefined;
    const gathered = small.take();
    for (const chunk of gathered.chunks) this.#copyIn(chunk);
    gathered.release();
  }

  overwrite(position: number, bytes: Uint8Array): undefined {
    assert(!this.#isOver, "a published or discarded file takes no more bytes");
    assert(position >= 0 && position + bytes.length <= this.sizeBytes, "only appended bytes are overwritten");
    if (this.#small) this.#small.overwrite(position, bytes);
    else this.#copyOver(position, bytes);
  }

  async publish(name: StoredName): Promise<void> {
    assert(!this.#isOver, "a file is published once");
    this.#isOver = true;
    const slabs = this.#small ? [this.#exactCopyOf(this.#small)] : this.#trimmedSlabs();
    const { sizeBytes } = this;
    const kept = slabs.filter((slab) => slab.length > 0);
    this.#put(name, new MemoryFile({ sizeBytes, slabs: kept, owner: this.#owner }));
    this.#slabs = [];
    this.#drop();
  }

  async discard(): Promise<void> {
    this.#isOver = true;
    this.#drop();
  }

  #exactCopyOf(small: StageBuffer): Buffer {
    const gathered = small.take();
    const copy = this.#exactCopy(gathered.chunks, this.sizeBytes);
    gathered.release();
    return copy;
  }

  #drop(): void {
    this.#small?.take().release();
    this.#small = undefined;
    // Nobody has seen the bytes of an unpublished file.
    for (const { buffer } of this.#slabs) this.#memory.give(buffer);
    this.#slabs = [];
  }

  #copyIn(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.length > 0) {
      let slab = this.#slabs.at(-1);
      if (!slab || this.#usedBytes === slab.length) {
        slab = this.#memory.take(LIMITS.memorySlabBytes);
        this.#slabs.push(slab);
        this.#usedBytes = 0;
      }
      const piece = rest.subarray(0, slab.length - this.#usedBytes);
      slab.set(piece, this.#usedBytes);
      this.#usedBytes += piece.length;
      rest = rest.subarray(piece.length);
    }
  }

  #copyOver(position: number, bytes: Uint8Array): void {
    let start = 0;
    for (const slab of this.#slabs) {
      const from = Math.max(position, start);
      const to = Math.min(position + bytes.length, start + slab.length);
      if (from < to) slab.set(bytes.subarray(from - position, to - position), from - start);
      start += slab.length;
    }
  }

  /**
   * Copies the last slab to its exact size if too much is unused: a stored object costs its size.
   */
  #trimmedSlabs(): Buffer[] {
    const last = this.#slabs.at(-1);
    if (!last || last.length === this.#usedBytes) return this.#slabs;
    const used = last.subarray(0, this.#usedBytes);
    const unusedBytes = last.length - this.#usedBytes;
    const others = this.#slabs.slice(0, -1);
    if (unusedBytes <= this.sizeBytes * UNUSED_PART_MAX) return [...others, used];
    const copy = this.#exactCopy([used], this.#usedBytes);
    this.#memory.give(last.buffer);
    return [...others, copy];
  }

  /**
   * One exclusive buffer: Buffer.concat takes small ones from the shared pool, which they would
   * retain.
   */
  #exactCopy(chunks: readonly Uint8Array[], sizeBytes: number): Buffer {
    const copy = this.#memory.take(sizeBytes);
    let position = 0;
    for (const chunk of chunks) {
      copy.set(chunk, position);
      position += chunk.length;
    }
    return copy;
  }
}
