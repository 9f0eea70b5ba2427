/**
 * Decodes LZ4 frames, which Arrow uses for compressed buffers, because Node has no decoder for
 * them.
 *
 *     04 22 4D 18 | flags | block size | [content size, 8] | [dictionary, 4] | header checksum
 *     blocks: uint32 size, highest bit: stored uncompressed | bytes | [checksum, 4]     ends with size 0
 *     a block: token | literals | offset, 2 | matches ...    lengths of 15 and more continue in bytes
 *
 * Source: LZ4 frame format 1.6 and block format. Checksums are not verified. Every length is
 * checked; a match reaches at most 64 KiB back. Cost: two copies per byte.
 */
import { CacheError } from "../errors.ts";
import type { ByteReader } from "./byte-reader.ts";

const MAGIC = 0x184d2204;
const HEAD_BYTES = 6;
const WINDOW_BYTES = 64 * 1024;
const STORED = 0x80000000;
/** One byte of a block expands to at most 255 bytes. */
const EXPANSION_MAX = 255;
const FLAG = { version: 0xc0, blockChecksum: 0x10, contentSize: 0x08, dictionary: 0x01 } as const;
const VERSION_1 = 0x40;

/** Decodes one frame, block by block. @throws {CacheError} INVALID_IPC */
export async function* decodeLz4Frame(reader: ByteReader): AsyncGenerator<Buffer> {
  const steps = frameSteps();
  for (let step = steps.next(); step.done !== true; ) {
    if (typeof step.value === "number") {
      step = steps.next(await reader.read(step.value));
    } else {
      yield step.value;
      step = steps.next();
    }
  }
}

/**
 * Decodes a frame in memory.
 * @throws {CacheError} INVALID_IPC, also if its size is not `sizeBytes`.
 */
export function decodeWholeLz4Frame(frame: Uint8Array, sizeBytes: number): Uint8Array {
  const input = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  if (sizeBytes > frame.byteLength * EXPANSION_MAX)
    throw malformed("the frame is too short for its declared size");
  const output = new Uint8Array(sizeBytes);
  let taken = 0;
  let filled = 0;
  const steps = frameSteps();
  for (let step = steps.next(); step.done !== true; ) {
    if (typeof step.value === "number") {
      taken += step.value;
      step = steps.next(input.subarray(taken - step.value, taken));
      continue;
    }
    if (filled + step.value.length > sizeBytes) break;
    output.set(step.value, filled);
    filled += step.value.length;
    step = steps.next();
  }
  if (filled !== sizeBytes) throw malformed("the frame does not have its declared size");
  return output;
}

/**
 * The decoder as a coroutine: yields a number to request that many bytes, or a buffer of decoded
 * bytes.
 */
function* frameSteps(): Generator<number | Buffer, void, Buffer | undefined> {
  const head = requireBytes(yield HEAD_BYTES, HEAD_BYTES);
  const flags = head[4]!;
  if (
    head.readUInt32LE(0) !== MAGIC ||
    (flags & FLAG.version) !== VERSION_1 ||
    (flags & FLAG.dictionary) !== 0
  ) {
    throw malformed("the frame has an unsupported header");
  }
  // The rest of the header: the optional content size, and the checksum.
  const restBytes = ((flags & FLAG.contentSize) === 0 ? 0 : 8) + 1;
  requireBytes(yield restBytes, restBytes);
  const blockBytesMax = blockSize(head[5]!);
  const output = Buffer.alloc(WINDOW_BYTES + blockBytesMax);
  for (let filled = 0; ; ) {
    const size = requireBytes(yield 4, 4).readUInt32LE(0);
    if (size === 0) return;
    const isStored = size >= STORED;
    const blockBytes = isStored ? size - STORED : size;
    if (blockBytes > blockBytesMax) throw malformed("a block is too large");
    const block = requireBytes(yield blockBytes, blockBytes);
    // Keep the last 64 KiB in front of the next block: its matches may refer to them.
    const start = Math.min(filled, WINDOW_BYTES);
    output.copyWithin(0, filled - start, filled);
    filled = isStored ? start + block.copy(output, start) : decodeBlock(block, output, start);
    yield Buffer.from(output.subarray(start, filled));
    if ((flags & FLAG.blockChecksum) !== 0) requireBytes(yield 4, 4);
  }
}

function requireBytes(bytes: Buffer | undefined, count: number): Buffer {
  if (bytes === undefined || bytes.length < count) throw malformed("the frame is truncated");
  return bytes;
}

/** Bits 4 to 6 of the block descriptor: 64 KiB, 256 KiB, 1 MiB or 4 MiB. */
function blockSize(descriptor: number): number {
  const code = (descriptor >> 4) & 7;
  if (code < 4) throw malformed("the frame has an unknown block size");
  return 2 ** (8 + 2 * code);
}

/** Decodes one block into `output` from `position` on. @returns the end of the decoded bytes. */
function decodeBlock(block: Buffer, output: Buffer, position: number): number {
  const input = new BlockInput(block);
  for (let at = position; ; ) {
    const token = input.byte();
    const literals = input.take(input.length(token >> 4));
    if (at + literals.length > output.length) throw malformed("a block is longer than its frame declares");
    at += literals.copy(output, at);
    if (input.isAtEnd) return at;
    const offset = input.byte() | (input.byte() << 8);
    const length = input.length(token & 15) + 4;
    if (offset === 0 || offset > at || at + length > output.length)
      throw malformed("a match is out of range");
    at = repeat(output, at, { offset, length });
  }
}

/** Copies a match. It may overlap its own output; then its first bytes repeat. */
function repeat(output: Buffer, at: number, { offset, length }: { offset: number; length: number }): number {
  if (offset >= length) {
    output.copyWithin(at, at - offset, at - offset + length);
    return at + length;
  }
  for (let index = 0; index < length; index += 1) output[at + index] = output[at + index - offset]!;
  return at + length;
}

class BlockInput {
  readonly #block: Buffer;
  #position = 0;

  constructor(block: Buffer) {
    this.#block = block;
  }

  get isAtEnd(): boolean {
    return this.#position === this.#block.length;
  }

  byte(): number {
    const value = this.#block[this.#position];
    if (value === undefined) throw malformed("a block is truncated");
    this.#position += 1;
    return value;
  }

  /** Reads a length that begins with these four bits. */
  length(bits: number): number {
    let length = bits;
    if (bits < 15) return length;
    for (let more = 255; more === 255; length += more) more = this.byte();
    return length;
  }

  take(count: number): Buffer {
    const end = this.#position + count;
    if (end > this.#block.length) throw malformed("a block is truncated");
    const taken = this.#block.subarray(this.#position, end);
    this.#position = end;
    return taken;
  }
}

function malformed(what: string): CacheError {
  return new CacheError("INVALID_IPC", `the lz4 bytes are malformed: ${what}`);
}
