/**
 * The memory that files are kept in, and the bound on all of it: files in their place, files out of it that are still being
 * read, unused memory, and bytes that somebody may read nobody knows how long.
 *
 * Small files get one buffer of exactly their size, larger ones buffers that are used again (FreeMemory), of at most one slab.
 * What a reader gave no word of (a call that was cut off) is never used again; it counts until the garbage collector has it,
 * which a FinalizationRegistry tells. Up to LIMITS.unpooledReadBytesMax that is not counted: it waits in an answer's queue, soon gone.
 * Memory is counted before it is allocated, so the bound holds at every moment.
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

  /** All that counts against the bound. */
  get heldBytes(): number {
    return this.#filesBytes + this.#lentBytes + this.#free.sizeBytes;
  }

  /** Bytes that went out of our hands and may still be read. */
  get lentBytes(): number {
    return this.#lentBytes;
  }

  /** What keeping a file of this size costs, the objects around its bytes included. */
  costOf(sizeBytes: number): number {
    const { slabCount, lastBytes } = planOf(sizeBytes);
    return slabCount * SLAB_BYTES + lastBytes + LIMITS.memoryFileOverheadBytes;
  }

  /** True when a file of this size fits now; unused memory that stands in its way is given up for it. */
  makeFit(sizeBytes: number): boolean {
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

  /** Memory for a file that fits, with whatever was in it before; together `sizeBytes` long. */
  take(sizeBytes: number): Buffer[] {
    const { slabCount, lastBytes } = planOf(sizeBytes);
    const slabs = Array.from({ length: slabCount }, () => this.#free.take(SLAB_BYTES));
    if (lastBytes > 0) slabs.push(this.#free.take(lastBytes).subarray(0, sizeBytes - slabCount * SLAB_BYTES));
    this.#filesBytes += this.costOf(sizeBytes);
    assert(this.heldBytes <= this.#bytesMax, "the tier keeps within its bound");
    return slabs;
  }

  /** @param isLent somebody may still read the bytes: they are not used again. */
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
  /** Slabs that the file fills. */
  readonly slabCount: number;
  /** Memory for what they do not hold. */
  readonly lastBytes: number;
}

function planOf(sizeBytes: number): MemoryPlan {
  const slabCount = Math.floor(sizeBytes / SLAB_BYTES);
  return { slabCount, lastBytes: memorySizeFor(sizeBytes - slabCount * SLAB_BYTES) };
}
