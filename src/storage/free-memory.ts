/**
 * Memory that files gave back, for the next file whose memory has the same size.
 *
 * New memory costs a page fault for each 4 KiB and, once it is old, a share of a full collection: 1 MiB of it takes longer than
 * reading 1 MiB from the page cache. Who rounds sizes lets files of nearly one size use each other's memory.
 * Buffers of up to LIMITS.unpooledReadBytesMax are not kept: they come from the allocator's own lists. What is not kept goes back to
 * the system at once, so that what is held and what the process takes stay near to each other. Where there is room for
 * no more, sizes that nobody has asked for the longest go first.
 */
import { runInNewContext } from "node:vm";
import { LIMITS } from "../limits.ts";

/** Sizes between one power of two and the next: at most an eighth is unused. */
const STEPS_PER_DOUBLING = 8;

/** The size of the memory that holds this many bytes. */
export function memorySizeFor(sizeBytes: number): number {
  if (sizeBytes <= LIMITS.unpooledReadBytesMax) return sizeBytes;
  const stepBytes = 2 ** Math.floor(Math.log2(sizeBytes)) / STEPS_PER_DOUBLING;
  return Math.ceil(sizeBytes / stepBytes) * stepBytes;
}

export class FreeMemory {
  readonly #bytesMax: () => number;
  /** By size; the one that was given last stands last. */
  readonly #free = new Map<number, ArrayBufferLike[]>();
  sizeBytes = 0;

  /** @param bytesMax more than this is never kept; asked again when it may have changed. */
  constructor(bytesMax: number | (() => number)) {
    this.#bytesMax = typeof bytesMax === "number" ? () => bytesMax : bytesMax;
  }

  countOf(sizeBytes: number): number {
    return this.#free.get(sizeBytes)?.length ?? 0;
  }

  /** Memory of exactly this size, with whatever was in it before; new when none is free. */
  take(sizeBytes: number): Buffer {
    return this.#remove(sizeBytes) ?? Buffer.allocUnsafeSlow(sizeBytes);
  }

  give(memory: ArrayBufferLike): void {
    const sizeBytes = memory.byteLength;
    const bytesMax = this.#bytesMax();
    if (sizeBytes <= LIMITS.unpooledReadBytesMax || sizeBytes > bytesMax) {
      free(memory);
      return;
    }
    this.drop(this.sizeBytes + sizeBytes - bytesMax);
    const others = this.#free.get(sizeBytes) ?? [];
    others.push(memory);
    this.#free.delete(sizeBytes);
    this.#free.set(sizeBytes, others);
    this.sizeBytes += sizeBytes;
  }

  /** Gives up memory when less may be kept than before. */
  shrink(): void {
    this.drop(this.sizeBytes - this.#bytesMax());
  }

  /** Gives up memory until this much less is kept, but leaves `needed` buffers of each of these sizes. */
  drop(bytes: number, needed: ReadonlyMap<number, number> = new Map()): void {
    const until = this.sizeBytes - bytes;
    for (const size of this.#free.keys()) {
      while (this.sizeBytes > until && this.countOf(size) > (needed.get(size) ?? 0)) {
        const memory = this.#remove(size);
        if (memory !== undefined) free(memory.buffer);
      }
    }
  }

  #remove(sizeBytes: number): Buffer | undefined {
    const buffers = this.#free.get(sizeBytes);
    const memory = buffers?.pop();
    if (memory === undefined) return undefined;
    if (buffers?.length === 0) this.#free.delete(sizeBytes);
    this.sizeBytes -= sizeBytes;
    return Buffer.from(memory);
  }
}

type Transfer = (this: ArrayBuffer, newByteLength: number) => ArrayBuffer;

/**
 * ArrayBuffer.prototype.transfer: Node 22 has it; on Node 20 contexts made after V8 was told to offer it do
 * (command/process-memory.ts).
 */
function findTransfer(): Transfer | undefined {
  return runInNewContext("ArrayBuffer.prototype.transfer") as Transfer | undefined;
}

let transfer: Transfer | undefined | "unknown" = "unknown";

/**
 * Frees memory that nobody reads any more, without waiting for a collection: buffers on it have no bytes afterwards.
 *
 * Where V8 offers no way to, the memory moves into an object that was made just now: what is young is freed by the next cheap
 * collection, what is old waits for a full one while much more of it may gather.
 */
export function free(memory: ArrayBufferLike): void {
  if (!(memory instanceof ArrayBuffer)) return;
  if (transfer === "unknown") transfer = findTransfer();
  if (transfer === undefined) structuredClone(memory, { transfer: [memory] });
  else transfer.call(memory, 0);
}
