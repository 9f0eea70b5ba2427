/**
 * Drives FlightDataDecoder over a whole message, cut where a test wants it, and makes messages to feed it.
 *
 * Results are plain hex and numbers, so that two ways to the same message can be compared with toEqual.
 */
import { FlightDataDecoder } from "../../../src/flight/flight-data-decoder.ts";
import { varintSizeBytes, writeVarint } from "../../../src/flight/varint.ts";

export interface DecodedFlightData {
  readonly descriptor: string | undefined;
  readonly dataHeader: string;
  readonly appMetadata: string;
  readonly bodySizeBytes: number;
  readonly body: string;
}

/** Decodes one message that arrives in these pieces. */
export function decodePieces(pieces: readonly Buffer[]): DecodedFlightData {
  const decoder = new FlightDataDecoder();
  decoder.begin(Buffer.concat(pieces).length);
  const body = pieces.flatMap((piece) => decoder.push(piece));
  body.push(...decoder.end());
  const head = decoder.head!;
  return {
    descriptor: head.descriptor?.toString("hex"),
    dataHeader: head.dataHeader.toString("hex"),
    appMetadata: decoder.appMetadata.toString("hex"),
    bodySizeBytes: head.bodySizeBytes,
    body: Buffer.concat(body).toString("hex"),
  };
}

export function decodeWhole(message: Buffer): DecodedFlightData {
  return decodePieces([message]);
}

/** The message in pieces of this size. */
export function cut(message: Buffer, pieceSizeBytes: number): Buffer[] {
  const count = Math.ceil(message.length / pieceSizeBytes);
  return Array.from({ length: count }, (_, index) =>
    message.subarray(index * pieceSizeBytes, (index + 1) * pieceSizeBytes),
  );
}

export function varint(value: number): Buffer {
  const bytes = Buffer.alloc(varintSizeBytes(value));
  writeVarint(bytes, 0, value);
  return bytes;
}

/** A field of bytes: tag, size, value. */
export function field(number: number, value: Uint8Array | string): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

export const DESCRIPTOR = 1;
export const DATA_HEADER = 2;
export const APP_METADATA = 3;
export const BODY = 1000;
