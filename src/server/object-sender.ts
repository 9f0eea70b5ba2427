/**
 * Sends what is stored as FlightData: a small head and the body's bytes as they lie in the file.
 *
 * A message up to one read chunk is read in one go and written at once. A larger one goes out in pieces: while one piece is
 * on its way to the socket the next ones are read, until LIMITS.sendQueueBytesMax wait; one more is read ahead of them.
 */
import type { Block } from "../arrow/block-list.ts";
import { frameHeader, ZERO_PADDING } from "../arrow/encapsulated.ts";
import { decodeBodySize } from "../arrow/message.ts";
import { CacheError } from "../errors.ts";
import { encodeFlightDataHead, partsSizeBytes } from "../flight/flight-data-encoder.ts";
import type { ServerCall } from "../grpc/call.ts";
import { LIMITS } from "../limits.ts";
import type { ByteSource } from "../object/byte-sink.ts";
import type { RowFrame } from "../object/opaque-row.ts";
import { type ByteRange, type StoredBatch, unframeBlock } from "../object/stored-blocks.ts";

export class ObjectSender {
  readonly #call: ServerCall;

  constructor(call: ServerCall) {
    this.#call = call;
  }

  async sendSchema(schemaHeader: Uint8Array): Promise<void> {
    await this.#call.write(encodeFlightDataHead({ dataHeader: schemaHeader, bodySizeBytes: 0 }));
  }

  /** One opaque row; its data is what the ranges of the source hold, one after the other. */
  async sendRow(row: RowFrame, source: ByteSource, data: readonly ByteRange[]): Promise<void> {
    const parts = encodeFlightDataHead({ dataHeader: row.header, bodySizeBytes: row.bodySizeBytes });
    parts.push(row.bodyFront);
    const padding = ZERO_PADDING.subarray(0, row.paddingSizeBytes);
    const only = data.length === 1 ? data[0] : undefined;
    if (only !== undefined && only.sizeBytes <= LIMITS.readChunkBytes) {
      parts.push(await source.read(only.position, only.sizeBytes), padding);
      await this.#call.write(parts);
      return;
    }
    const frontSizeBytes = row.bodyFront.length;
    await this.#call.startMessage(partsSizeBytes(parts) + row.bodySizeBytes - frontSizeBytes, parts);
    for (const range of data) await this.#sendPieces(source, range);
    if (padding.length > 0) await this.#call.writePiece(padding);
  }

  /** One dictionary or record batch as it was put, with its app_metadata. */
  async sendBatch(source: ByteSource, batch: StoredBatch): Promise<void> {
    const { block, appMetadata } = batch;
    const isSmall = block.metadataSizeBytes + block.bodySizeBytes <= LIMITS.readChunkBytes;
    const firstBytes = isSmall ? block.metadataSizeBytes + block.bodySizeBytes : block.metadataSizeBytes;
    const first = await source.read(block.position, firstBytes);
    const dataHeader = unframeBlock(first);
    const bodySizeBytes = sentBodyBytes(dataHeader, block);
    const parts = encodeFlightDataHead({ dataHeader, appMetadata, bodySizeBytes });
    if (isSmall) {
      const body = first.subarray(block.metadataSizeBytes, block.metadataSizeBytes + bodySizeBytes);
      if (bodySizeBytes > 0) parts.push(body);
      await this.#call.write(parts);
      return;
    }
    await this.#call.startMessage(partsSizeBytes(parts) + bodySizeBytes, parts);
    await this.#sendPieces(source, {
      position: block.position + block.metadataSizeBytes,
      sizeBytes: bodySizeBytes,
    });
  }

  async #sendPieces(source: ByteSource, range: ByteRange): Promise<void> {
    const end = range.position + range.sizeBytes;
    const read = (position: number): Promise<Buffer> | undefined => {
      if (position >= end) return undefined;
      const viewBytes = source.contiguousBytes?.(position) ?? Number.POSITIVE_INFINITY;
      const reading = source.read(position, Math.min(LIMITS.readChunkBytes, end - position, viewBytes));
      // When the call ends first nobody waits for this read any more.
      reading.catch(() => {});
      return reading;
    };
    let position = range.position;
    let next = read(position);
    while (next !== undefined) {
      const piece = await next;
      position += piece.length;
      next = read(position);
      await this.#call.writePiece(piece, () => source.giveBack?.(piece));
    }
  }
}

/** The body as it was put: in the file it is padded to 8 bytes. @throws {CacheError} OBJECT_CORRUPT */
function sentBodyBytes(dataHeader: Uint8Array, block: Block): number {
  let bodySizeBytes: number;
  try {
    bodySizeBytes = decodeBodySize(dataHeader);
  } catch (cause) {
    throw new CacheError("OBJECT_CORRUPT", "a stored message is damaged", { cause });
  }
  if (bodySizeBytes <= block.bodySizeBytes) return bodySizeBytes;
  throw new CacheError("OBJECT_CORRUPT", "a stored body is shorter than its message says");
}

/** A schema message as GetFlightInfo and GetSchema send it: with prefix and padding; a copy. */
export function encapsulateSchema(schemaHeader: Uint8Array): Buffer {
  const frame = frameHeader(schemaHeader, 0, 8);
  return Buffer.concat([frame.prefix, schemaHeader, ZERO_PADDING.subarray(0, frame.paddingSizeBytes)]);
}
