/**
 * The memory of the tier's files and its limit: kept files, dropped files that are still read,
 * unused memory, and bytes that a reader may hold for an unknown time.
 *
 * A small file gets one exact buffer, a larger one reusable buffers (FreeMemory) of at most one
 * slab. Memory that a reader never released (a call that was cut off) is never reused; it counts
 * until the garbage collector frees it, as a FinalizationRegistry reports. Up to
 * LIMITS.unpooledReadBytesMax that is not counted: it waits in an answer's queue and is soon free.
 * Memory is charged before it is allocated, so the limit holds at every moment.
 */
import { assert } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { FreeMemory, memorySizeFor } from "../free-memory.ts";

const SLAB_BYTES = LIMITS.memorySlabBytes;

export class TierMemory {
  readonly #bytesMax: number;
  readonly #free = new FreeMemory(LIMITS.memorySlabsKeptMax * SLAB_BYTES);
  #filesBytes = 0;
  #lentBytes = 0;
  readonly #lent = new FinalizationRegistry<number>((sizeBytes) => {
    this.#lentBytes -= sizeBytes;
  });

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** All memory that counts towards the limit. */
  get heldBytes(): number {
    return this.#filesBytes + this.#lentBytes + this.#free.sizeBytes;
  }

  /** Bytes that were not released and may still be read. */
  get lentBytes(): number {
    return this.#lentBytes;
  }

  /** Cost of keeping a file of this size, including its objects. */
  costOf(sizeBytes: number): number {
    const { slabCount, lastBytes } = planOf(sizeBytes);
    return slabCount * SLAB_BYTES + lastBytes + LIMITS.memoryFileOverheadBytes;
  }

  /** True if a file of this size fits now; frees unused memory for it if necessary. */
  makeFit(sizeBytes: number): boolean {
    if (this.heldBytes + this.costOf(sizeBytes) <= this.#bytesMax) return true;
    const { slabCount, lastBytes } = planOf(sizeBytes);
    const needed = new Map([[SLAB_BYTES, slabCount]]);
    needed.set(lastBytes, (needed.get(lastBytes) ?? 0) + 1);
    let reusedBytes = 0;
    for (const [size, count] of needed) reusedBytes += Math.min(count, this.#free.countOf(size)) * size;
    const missingBytes = this.heldBytes - reusedBytes + this.costOf(sizeBytes) - this.#bytesMax;
    if (missingBytes <= 0) return true;
    if (missingBytes > this.#free.sizeBytes - reusedBytes) return false;
    this.#free.drop(missingBytes, needed);
    return true;
  }

  /** Memory for a file that fits, `sizeBytes` in total, with arbitrary content. */
  take(sizeBytes: number): Buffer[] {
    const { slabCount, lastBytes } = planOf(sizeBytes);
    const slabs = Array.from({ length: slabCount }, () => this.#free.take(SLAB_BYTES));
    if (lastBytes > 0) slabs.push(this.#free.take(lastBytes).subarray(0, sizeBytes - slabCount * SLAB_BYTES));
    this.#filesBytes += this.costOf(sizeBytes);
    assert(this.heldBytes <= this.#bytesMax, "the tier keeps within its bound");
    return slabs;
  }

  /** @param isLent a reader may still use the bytes: they are not reused. */
  takeBack(slabs: readonly Buffer[], { sizeBytes, isLent }: { sizeBytes: number; isLent: boolean }): void {
    this.#filesBytes -= this.costOf(sizeBytes);
    for (const { buffer } of slabs) {
      if (isLent) this.#countLent(buffer);
      else this.#free.give(buffer);
    }
  }

  #countLent(memory: ArrayBufferLike): void {
    if (memory.byteLength <= LIMITS.unpooledReadBytesMax) return;
    this.#lentBytes += memory.byteLength;
    this.#lent.register(memory, memory.byteLength);
  }
}

interface MemoryPlan {
  /** Full slabs of the file. */
  readonly slabCount: number;
  /** Size of the buffer for the rest. */
  readonly lastBytes: number;
}

function planOf(sizeBytes: number): MemoryPlan {
  const slabCount = Math.floor(sizeBytes / SLAB_BYTES);
  return { slabCount, lastBytes: memorySizeFor(sizeBytes - slabCount * SLAB_BYTES) };
}
