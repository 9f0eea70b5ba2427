/**
 * The 5-byte prefix of each gRPC message.
 *
 *     0   uint8    1 if the message is compressed
 *     1   uint32   size of the message in bytes, big-endian
 *
 * The server and client send no compressed messages; inflated-message.ts reads them.
 * Source: grpc/doc/PROTOCOL-HTTP2.md, "Requests", Length-Prefixed-Message.
 */
import { assert, CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

export const PREFIX_SIZE_BYTES = 5;

/** Writes the prefix for a message of `sizeBytes` into `target` at `position`. */
export function writePrefix(target: Buffer, sizeBytes: number, position = 0): void {
  assert(sizeBytes <= LIMITS.streamedMessageBytesMax, "a gRPC message is at most 4 GiB - 1 long");
  target[position] = 0;
  target.writeUInt32BE(sizeBytes, position + 1);
}

/**
 * Returns the size in a prefix; for a compressed message the compressed size.
 * @throws {CacheError} INVALID_REQUEST if the flag is neither 0 nor 1
 */
export function decodePrefix(prefix: Buffer): number {
  if (prefix[0]! <= 1) return prefix.readUInt32BE(1);
  throw new CacheError("INVALID_REQUEST", "the compressed flag of a gRPC message is neither 0 nor 1");
}

export function isCompressed(prefix: Buffer): boolean {
  return prefix[0] === 1;
}
