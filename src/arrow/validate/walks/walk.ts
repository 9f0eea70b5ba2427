/**
 * Checks one buffer of a body while it passes: the data that some reader would follow.
 *
 * Chunks are views of socket buffers, of any size and alignment. Elements are copied into one
 * scratch of the process, aligned and in this machine's byte order, and checked there; an element
 * split between chunks waits for the rest.
 * Cost: a copy of the buffer, and up to a few nanoseconds per element. Nothing of the body is held,
 * except by walks that say so.
 */
import { loadKernels, SCRATCH_START } from "./vector-kernels.ts";

/** The scratch for elements, as typed views of the same bytes. Valid within one call only. */
export interface Scratch {
  readonly bytes: Buffer;
  readonly int8: Int8Array;
  readonly int16: Int16Array;
  readonly uint16: Uint16Array;
  readonly int32: Int32Array;
  readonly uint32: Uint32Array;
}

const SCRATCH_BYTES = 64 * 1024;
/** The largest element: a decimal of 256 bits. */
const ELEMENT_BYTES_MAX = 32;

const kernels = loadKernels();
const MEMORY = kernels?.memory.buffer ?? new ArrayBuffer(SCRATCH_START + SCRATCH_BYTES);
const SCRATCH: Scratch = {
  bytes: Buffer.from(MEMORY, SCRATCH_START, SCRATCH_BYTES),
  int8: new Int8Array(MEMORY, SCRATCH_START, SCRATCH_BYTES),
  int16: new Int16Array(MEMORY, SCRATCH_START, SCRATCH_BYTES / 2),
  uint16: new Uint16Array(MEMORY, SCRATCH_START, SCRATCH_BYTES / 2),
  int32: new Int32Array(MEMORY, SCRATCH_START, SCRATCH_BYTES / 4),
  uint32: new Uint32Array(MEMORY, SCRATCH_START, SCRATCH_BYTES / 4),
};
/** Where kernels expect the element before the first, and leave their result. */
const BEFORE = new DataView(MEMORY, 0, SCRATCH_START);
const VECTOR_BYTES = 16;

/**
 * True if one of the first `count` int32 or int64 in the scratch is negative or below the previous
 * one.
 * @param last the element before the first: not negative, a safe integer.
 */
export function descends(elementBytes: 4 | 8, count: number, last: number): boolean {
  const bytes = count * elementBytes;
  const vectorBytes = kernels === undefined ? 0 : bytes - (bytes % VECTOR_BYTES);
  if (kernels !== undefined && vectorBytes > 0) {
    const end = SCRATCH_START + vectorBytes;
    if (elementBytes === 4) BEFORE.setInt32(SCRATCH_START - 4, last, true);
    else BEFORE.setBigInt64(SCRATCH_START - 8, BigInt(last), true);
    const kernel = elementBytes === 4 ? kernels.descents32 : kernels.descents64;
    if (kernel(SCRATCH_START, end) !== 0) return true;
  }
  const read = elementBytes === 4 ? int32At : int64At;
  let before = vectorBytes === 0 ? last : read(SCRATCH, vectorBytes / elementBytes - 1);
  for (let index = vectorBytes / elementBytes; index < count; index += 1) {
    const value = read(SCRATCH, index);
    if (value < before) return true;
    before = value;
  }
  return false;
}

const LARGEST = { 1: kernels?.largest8, 2: kernels?.largest16, 4: kernels?.largest32 } as const;

/** The largest of the first `count` integers in the scratch, as unsigned. */
export function largest(elementBytes: 1 | 2 | 4, count: number): number {
  const values = { 1: SCRATCH.bytes, 2: SCRATCH.uint16, 4: SCRATCH.uint32 }[elementBytes];
  const kernel = LARGEST[elementBytes];
  const bytes = count * elementBytes;
  const vectorBytes = kernel === undefined ? 0 : bytes - (bytes % VECTOR_BYTES);
  let most = 0;
  if (kernel !== undefined && vectorBytes > 0) {
    kernel(SCRATCH_START, SCRATCH_START + vectorBytes);
    for (let at = 0; at < VECTOR_BYTES; at += elementBytes)
      most = Math.max(most, unsignedBefore(elementBytes, at));
  }
  for (let index = vectorBytes / elementBytes; index < count; index += 1)
    most = Math.max(most, values[index]!);
  return most;
}

function unsignedBefore(elementBytes: 1 | 2 | 4, at: number): number {
  if (elementBytes === 1) return BEFORE.getUint8(at);
  return elementBytes === 2 ? BEFORE.getUint16(at, true) : BEFORE.getUint32(at, true);
}

function int32At({ int32 }: Scratch, index: number): number {
  return int32[index]!;
}

/** The check of one range of the body. */
export interface Walk {
  /** Positions in the body of its first byte, and after its last; never empty. */
  readonly start: number;
  readonly end: number;
  /** The next bytes of the range, in order. @throws {CacheError} INVALID_IPC */
  feed(bytes: Buffer): void;
  /** The range is complete. @throws {CacheError} INVALID_IPC */
  done(): void;
}

export interface Elements {
  readonly start: number;
  readonly count: number;
  readonly elementBytes: 1 | 2 | 4 | 8 | 16 | 32;
  readonly isBigEndian: boolean;
}

export abstract class ElementWalk implements Walk {
  readonly start: number;
  readonly end: number;
  readonly #elementBytes: number;
  readonly #isBigEndian: boolean;
  #cut: Buffer | undefined;
  #cutBytes = 0;

  constructor({ start, count, elementBytes, isBigEndian }: Elements) {
    this.start = start;
    this.end = start + count * elementBytes;
    this.#elementBytes = elementBytes;
    this.#isBigEndian = isBigEndian;
  }

  feed(bytes: Buffer): void {
    const size = this.#elementBytes;
    let at = this.#cutBytes === 0 ? 0 : this.#complete(bytes);
    while (bytes.length - at >= size) {
      const left = bytes.length - at;
      const taken = Math.min(SCRATCH_BYTES, left - (left % size));
      bytes.copy(SCRATCH.bytes, 0, at, at + taken);
      this.#run(taken / size);
      at += taken;
    }
    if (at < bytes.length) this.#keep(bytes.subarray(at));
  }

  done(): void {}

  /** Checks `count` elements at the start of the scratch. @throws {CacheError} INVALID_IPC */
  protected abstract run(scratch: Scratch, count: number): void;

  #run(count: number): void {
    if (this.#isBigEndian) swap(SCRATCH.bytes.subarray(0, count * this.#elementBytes), this.#elementBytes);
    this.run(SCRATCH, count);
  }

  /** @returns how many of these bytes completed the split element. */
  #complete(bytes: Buffer): number {
    const missing = this.#elementBytes - this.#cutBytes;
    const taken = Math.min(missing, bytes.length);
    this.#keep(bytes.subarray(0, taken));
    if (this.#cutBytes < this.#elementBytes) return taken;
    this.#cut!.copy(SCRATCH.bytes, 0, 0, this.#elementBytes);
    this.#cutBytes = 0;
    this.#run(1);
    return taken;
  }

  #keep(bytes: Buffer): void {
    this.#cut ??= Buffer.allocUnsafe(ELEMENT_BYTES_MAX);
    bytes.copy(this.#cut, this.#cutBytes);
    this.#cutBytes += bytes.length;
  }
}

function swap(bytes: Buffer, elementBytes: number): void {
  if (elementBytes === 2) bytes.swap16();
  else if (elementBytes === 4) bytes.swap32();
  else if (elementBytes === 8) bytes.swap64();
  else if (elementBytes > 8) {
    for (let at = 0; at < bytes.length; at += elementBytes) bytes.subarray(at, at + elementBytes).reverse();
  }
}

/**
 * An int64 in the scratch as a number. Beyond 2^53 it is inexact, but on the correct side of every
 * limit.
 */
export function int64At({ int32, uint32 }: Scratch, index: number): number {
  return int32[2 * index + 1]! * 2 ** 32 + uint32[2 * index]!;
}
