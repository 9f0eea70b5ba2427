/**
 * Bytes that prove of themselves that they are whole, and tell when they were written.
 *
 *     0   32  SHA-256 of everything behind it
 *     32   8  size of the whole, little-endian
 *     40   8  serial number
 *     48      pattern
 */
import { createHash } from "node:crypto";

const HEAD_BYTES = 48;

export function sealedBytes(sizeBytes: number, serial: number): Buffer {
  const bytes = Buffer.alloc(Math.max(HEAD_BYTES, sizeBytes), `${serial}.`);
  bytes.writeBigUInt64LE(BigInt(bytes.length), 32);
  bytes.writeBigUInt64LE(BigInt(serial), 40);
  createHash("sha256").update(bytes.subarray(32)).digest().copy(bytes);
  return bytes;
}

/** The serial number, or undefined when the bytes are torn, cut, or anything but sealed. */
export function sealedSerial(bytes: Buffer): number | undefined {
  if (bytes.length < HEAD_BYTES || bytes.readBigUInt64LE(32) !== BigInt(bytes.length)) return undefined;
  const digest = createHash("sha256").update(bytes.subarray(32)).digest();
  return digest.equals(bytes.subarray(0, 32)) ? Number(bytes.readBigUInt64LE(40)) : undefined;
}
