/**
 * The bytes of one part of an upload, in blocks of memory, with their checksums.
 *
 * The checksums are updated when bytes are copied, while these are in the processor's cache, so that
 * no turn of the event loop sums a whole part.
 */
import { createHash, type Hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { LIMITS } from "../limits.ts";

/** The size of a part by its number, from 1. See the sum in test/unit/s3/part-buffer.test.ts. */
export function partBytes(number: number): number {
  const doublings = Math.floor((number - 1) / LIMITS.s3PartsPerSize);
  return Math.min(LIMITS.s3PartBytes * 2 ** doublings, LIMITS.s3PartBytesMax);
}

export class PartBuffer {
  readonly number: number;
  readonly #sizeMax: number;
  readonly #hash: Hash | undefined;
  #blocks: Buffer[] = [];
  #sizeBytes = 0;
  #crc = 0;

  /** @param isHashed true if the signature contains the SHA-256 of the part */
  constructor(number: number, isHashed: boolean) {
    this.number = number;
    this.#sizeMax = partBytes(number);
    this.#hash = isHashed ? createHash("sha256") : undefined;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get isFull(): boolean {
    return this.#sizeBytes === this.#sizeMax;
  }

  get needsBlock(): boolean {
    return this.#sizeBytes === this.#blocks.length * LIMITS.s3BlockBytes;
  }

  addBlock(block: Buffer): void {
    this.#blocks.push(block);
  }

  /** Copies bytes into the last block until it is full. Returns the number of copied bytes. */
  append(bytes: Uint8Array): number {
    const start = this.#sizeBytes % LIMITS.s3BlockBytes;
    const taken = bytes.subarray(0, LIMITS.s3BlockBytes - start);
    this.#blocks.at(-1)!.set(taken, start);
    this.#sizeBytes += taken.length;
    this.#crc = crc32(taken, this.#crc);
    this.#hash?.update(taken);
    return taken.length;
  }

  /** Views of all bytes. */
  chunks(): Buffer[] {
    const last = this.#blocks.length - 1;
    const lastBytes = this.#sizeBytes - last * LIMITS.s3BlockBytes;
    return this.#blocks.map((block, i) => (i < last ? block : block.subarray(0, lastBytes)));
  }

  get crc32(): string {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeUInt32BE(this.#crc);
    return bytes.toString("base64");
  }

  /** Once. Undefined if the part is not hashed. */
  sha256(): string | undefined {
    return this.#hash?.digest("hex");
  }

  /** Returns the blocks; afterwards the part is empty. */
  release(): Buffer[] {
    const blocks = this.#blocks;
    this.#blocks = [];
    return blocks;
  }
}
