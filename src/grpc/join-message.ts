/**
 * Collects a whole message in one buffer.
 *
 * Memory grows with the bytes received, not with the declared size; this also holds for inflated
 * messages.
 * Cost: nothing for a message in one chunk, otherwise two copies.
 */
import { assert, CacheError } from "../errors.ts";
import type { IncomingMessage } from "./call.ts";
import { compacted } from "./chunk-queue.ts";

/** Parts are joined at this number, because a peer that sends single bytes creates many. */
const PARTS_MAX = 1024;

/**
 * Collects `message`.
 * @throws {CacheError} OBJECT_TOO_LARGE if it exceeds `sizeBytesMax`; if its size is known, before
 *   anything is read
 */
export async function joinMessage(
  message: IncomingMessage,
  sizeBytesMax: number,
  charge: Charge = nothing,
): Promise<Buffer> {
  const isExact = message.isSizeBound !== true;
  if (isExact && message.sizeBytes > sizeBytesMax) throw tooLarge(message.sizeBytes, sizeBytesMax);
  if (message.sizeBytes === 0) return Buffer.alloc(0);
  const first = await message.read();
  if (isExact && first?.length === 1 && first[0]!.length === message.sizeBytes) return first[0]!;

  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for (let chunks = first; chunks !== null; chunks = await message.read()) {
    const comeBytes = sizeOf(chunks);
    sizeBytes += comeBytes;
    if (sizeBytes > sizeBytesMax) throw tooLarge(sizeBytes, sizeBytesMax);
    await charge(comeBytes);
    parts.push(chunks.length === 1 ? compacted(chunks[0]!) : Buffer.concat(chunks, comeBytes));
    if (parts.length >= PARTS_MAX) parts.splice(0, parts.length, Buffer.concat(parts));
  }
  assert(!isExact || sizeBytes === message.sizeBytes, "a message is read to its end");
  // The parts are garbage after this, and were charged.
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, sizeBytes);
}

function tooLarge(sizeBytes: number, sizeBytesMax: number): CacheError {
  const facts = { sizeBytes, sizeBytesMax };
  return new CacheError("OBJECT_TOO_LARGE", "the message is larger than this method accepts", { facts });
}

/** Charges for memory before it is allocated. If it returns a promise, wait. */
export type Charge = (bytes: number) => Promise<void> | undefined;

function nothing(): undefined {}

function sizeOf(chunks: readonly Buffer[]): number {
  let sizeBytes = 0;
  for (const chunk of chunks) sizeBytes += chunk.length;
  return sizeBytes;
}
