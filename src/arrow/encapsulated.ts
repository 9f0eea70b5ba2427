/**
 * The frame of IPC messages in files and streams: 0xFFFFFFFF, int32 length, header, padding; then
 * the body.
 *
 *     position p    FF FF FF FF | int32 header + padding | header | padding | body ...
 *                                                                             ^ multiple of 8 or 64
 *
 * Source: Arrow format, "Encapsulated message format". Only a schema is copied: the caller writes
 * prefix, header and padding one after the other. The length does not include the body; its size is
 * in the header (message.ts).
 */
import { assert } from "../errors.ts";
import { invalidIpc } from "./invalid-ipc.ts";

/** The end of a stream, also of one inside a file. */
export const END_OF_STREAM: Buffer = Buffer.from("ffffffff00000000", "hex");
/** Zeros for padding, longer than any padding. Never written to. */
export const ZERO_PADDING: Buffer = Buffer.alloc(128);

const PREFIX_SIZE_BYTES = 8;
const CONTINUATION = 0xffffffff;

export interface FramedHeader {
  /** Continuation and length, 8 bytes. */
  readonly prefix: Buffer;
  /** The given header. */
  readonly header: Uint8Array;
  /**
   * Zeros to write after the header, included in the prefix's length; take them from ZERO_PADDING.
   */
  readonly paddingSizeBytes: number;
}

/** Frames a header for `position`, a multiple of 8, so that its body is aligned. */
export function frameHeader(header: Uint8Array, position: number, bodyAlignment: 8 | 64): FramedHeader {
  assert(position % 8 === 0, "messages stand at multiples of 8");
  const headerEnd = position + PREFIX_SIZE_BYTES + header.byteLength;
  const paddingSizeBytes = Math.ceil(headerEnd / bodyAlignment) * bodyAlignment - headerEnd;
  const prefix = Buffer.allocUnsafe(PREFIX_SIZE_BYTES);
  prefix.writeUInt32LE(CONTINUATION, 0);
  prefix.writeInt32LE(header.byteLength + paddingSizeBytes, 4);
  return { prefix, header, paddingSizeBytes };
}

/** A header with prefix and padding, copied: the schema in a FlightInfo or SchemaResult. */
export function encapsulateHeader(header: Uint8Array): Buffer {
  const { prefix, paddingSizeBytes } = frameHeader(header, 0, 8);
  const whole = Buffer.allocUnsafeSlow(prefix.length + header.length + paddingSizeBytes);
  whole.set(prefix);
  whole.set(header, prefix.length);
  whole.fill(0, prefix.length + header.length);
  return whole;
}

/**
 * Reads the frame at `position`; also that of Arrow before 0.15, which has no continuation.
 * `header` is a view including the padding; it is empty at the end of a stream. `sizeBytes` is
 * prefix plus header.
 * @throws {CacheError} INVALID_IPC if the frame is incomplete.
 */
export function readFramedHeader(
  bytes: Uint8Array,
  position: number,
): { header: Uint8Array; sizeBytes: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const uint32At = (at: number): number => {
    if (at < 0 || at + 4 > bytes.byteLength) throw invalidIpc("a message's frame is cut short");
    return view.getUint32(at, true);
  };
  const first = uint32At(position);
  const prefixSizeBytes = first === CONTINUATION ? PREFIX_SIZE_BYTES : 4;
  const length = first === CONTINUATION ? uint32At(position + 4) : first;
  const start = position + prefixSizeBytes;
  if (start + length > bytes.byteLength) throw invalidIpc("a message header is cut short");
  return { header: bytes.subarray(start, start + length), sizeBytes: prefixSizeBytes + length };
}
