/**
 * Encodes FlightData: everything before the body, as parts to write one after the other.
 *
 * | part                        | field                     |
 * |-----------------------------|---------------------------|
 * | 0A, size, descriptor        | flight_descriptor = 1     |
 * | 12, size, header            | data_header = 2           |
 * | 1A, size, metadata          | app_metadata = 3          |
 * | C2 3E, size, then the body  | data_body = 1000          |
 *
 * Values are views, never copied; only tags and sizes are new, from one small buffer. The caller
 * writes the body after the parts. Empty values are omitted, as in protobuf.
 */
import { assert } from "../errors.ts";
import { varintSizeBytes, writeVarint } from "./varint.ts";

/** A field number shifted by three, with wire type 2: a size, then that many bytes. */
export const FLIGHT_DATA_TAGS = {
  descriptor: 0x0a,
  dataHeader: 0x12,
  appMetadata: 0x1a,
  body: 0x1f42,
} as const;

export interface FlightDataParts {
  /** A bare IPC Message flatbuffer. */
  readonly dataHeader: Uint8Array;
  readonly appMetadata?: Uint8Array | undefined;
  /** An encoded FlightDescriptor; only in the first message of a call. */
  readonly descriptor?: Uint8Array | undefined;
  readonly bodySizeBytes: number;
}

/**
 * The parts before the body. With a body, the last part ends with the body's tag and size. The
 * message is `partsSizeBytes(parts) + bodySizeBytes` long.
 */
export function encodeFlightDataHead(head: FlightDataParts): Uint8Array[] {
  assert(Number.isSafeInteger(head.bodySizeBytes) && head.bodySizeBytes >= 0, "bodySizeBytes is a size");
  const framing = Buffer.allocUnsafe(FRAMING_BYTES_MAX);
  const parts: Uint8Array[] = [];
  let from = 0;
  const field = (tag: number, value: Uint8Array | undefined) => {
    if (value === undefined || value.byteLength === 0) return;
    const to = writePrefix(framing, from, tag, value.byteLength);
    parts.push(framing.subarray(from, to), value);
    from = to;
  };
  field(FLIGHT_DATA_TAGS.descriptor, head.descriptor);
  field(FLIGHT_DATA_TAGS.dataHeader, head.dataHeader);
  field(FLIGHT_DATA_TAGS.appMetadata, head.appMetadata);
  if (head.bodySizeBytes > 0) {
    parts.push(framing.subarray(from, writePrefix(framing, from, FLIGHT_DATA_TAGS.body, head.bodySizeBytes)));
  }
  return parts;
}

/** Total bytes of all parts. */
export function partsSizeBytes(parts: readonly Uint8Array[]): number {
  let sizeBytes = 0;
  for (const part of parts) sizeBytes += part.byteLength;
  return sizeBytes;
}

function writePrefix(target: Uint8Array, position: number, tag: number, sizeBytes: number): number {
  return writeVarint(target, writeVarint(target, position, tag), sizeBytes);
}

/** Four fields, each with a tag of at most two bytes and a size of at most eight (2^53). */
const FRAMING_BYTES_MAX =
  4 * (varintSizeBytes(FLIGHT_DATA_TAGS.body) + varintSizeBytes(Number.MAX_SAFE_INTEGER));
