/**
 * Memory that files gave back, kept for the next file whose memory has the same size.
 *
 * New memory costs a page fault per 4 KiB and, once it is old, a share of a full collection: 1 MiB
 * of it takes longer than reading 1 MiB from the page cache. Callers that round sizes let files of
 * similar sizes reuse each other's memory. Buffers up to LIMITS.unpooledReadBytesMax are not kept:
 * the allocator's own lists serve them. What is not kept is freed at once, so that the accounted
 * memory stays near that of the process. When the limit is reached, the least recently requested
 * sizes are freed first.
 */
import { runInNewContext } from "node:vm";
import { LIMITS } from "../limits.ts";

/** Size steps per doubling: at most an eighth is unused. */
const STEPS_PER_DOUBLING = 8;

/** The buffer size for this many bytes. */
export function memorySizeFor(sizeBytes: number): number {
  if (sizeBytes <= LIMITS.unpooledReadBytesMax) return sizeBytes;
  const stepBytes = 2 ** Math.floor(Math.log2(sizeBytes)) / STEPS_PER_DOUBLING;
  return Math.ceil(sizeBytes / stepBytes) * stepBytes;
}

export class FreeMemory {
  readonly #bytesMax: () => number;
  /** By size, least recently given first. */
  readonly #free = new Map<number, ArrayBufferLike[]>();
  sizeBytes = 0;

  /**
   * @param bytesMax the most to keep; if a function, it is called again whenever it may have
   *   changed.
   */
  constructor(bytesMax: number | (() => number)) {
    this.#bytesMax = typeof bytesMax === "number" ? () => bytesMax : bytesMax;
  }

  countOf(sizeBytes: number): number {
    return this.#free.get(sizeBytes)?.length ?? 0;
  }

  /** Memory of exactly this size with arbitrary content; newly allocated if none is free. */
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

  /** Frees memory if the limit has fallen. */
  shrink(): void {
    this.drop(this.sizeBytes - this.#bytesMax());
  }

  /** Frees this many bytes, but leaves `needed` buffers of each of these sizes. */
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

/**
 * When the first buffer of a thread is detached, V8 discards all compiled code that uses buffers.
 * Here that happens before any is compiled.
 */
structuredClone(undefined, { transfer: [new ArrayBuffer(1)] });

type Transfer = (this: ArrayBuffer, newByteLength: number) => ArrayBuffer;

/**
 * ArrayBuffer.prototype.transfer. Node 22 has it; on Node 20, contexts have it that were created
 * after V8's flag was set (command/process-memory.ts).
 */
function findTransfer(): Transfer | undefined {
  return runInNewContext("ArrayBuffer.prototype.transfer") as Transfer | undefined;
}

let transfer: Transfer | undefined | "unknown" = "unknown";

/**
 * Frees memory that nobody reads any more, without waiting for a collection. Buffers on it have no
 * bytes afterwards. If V8 has no function for that, the memory moves into a new object: the next
 * cheap collection frees young objects, but old ones wait for a full collection while much more may
 * gather.
 */
export function free(memory: ArrayBufferLike): void {
  if (!(memory instanceof ArrayBuffer)) return;
  if (transfer === "unknown") transfer = findTransfer();
  if (transfer === undefined) structuredClone(memory, { transfer: [memory] });
  else transfer.call(memory, 0);
}
