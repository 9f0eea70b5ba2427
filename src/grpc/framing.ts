/**
 * The 5 bytes in front of each gRPC message.
 *
 *     0   uint8    1 when the message is compressed
 *     1   uint32   size of the message in bytes, big-endian
 *
 * We write none that is compressed; what comes compressed is inflated-message.ts's.
 * Source: grpc/doc/PROTOCOL-HTTP2.md, "Requests", Length-Prefixed-Message.
 */
import { assert, CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

export const PREFIX_SIZE_BYTES = 5;

/** Writes the prefix of a message of `sizeBytes`, at the start of `target` unless told otherwise. */
export function writePrefix(target: Buffer, sizeBytes: number, position = 0): void {
  assert(sizeBytes <= LIMITS.streamedMessageBytesMax, "a gRPC message is at most 4 GiB - 1 long");
  target[position] = 0;
  target.writeUInt32BE(sizeBytes, position + 1);
}

/**
 * The size a prefix declares, of a compressed message as it comes.
 * @throws {CacheError} INVALID_REQUEST when the flag is neither 0 nor 1
 */
export function decodePrefix(prefix: Buffer): number {
  if (prefix[0]! <= 1) return prefix.readUInt32BE(1);
  throw new CacheError("INVALID_REQUEST", "the flag of a gRPC message is neither 0 nor 1");
}

export function isCompressed(prefix: Buffer): boolean {
  return prefix[0] === 1;
}
