/**
 * Sends stored messages as FlightData: a small head, then the bytes of the body as they are in the
 * file.
 *
 * A message up to one read chunk is read at once and sent in one write. A larger message is sent in
 * pieces: while one piece is being sent, the next ones are read until LIMITS.sendQueueBytesMax
 * wait, plus one more.
 */
import type { Block } from "../../arrow/block-list.ts";
import { ZERO_PADDING } from "../../arrow/encapsulated.ts";
import { decodeBodySize } from "../../arrow/message.ts";
import { CacheError } from "../../errors.ts";
import { encodeFlightDataHead, partsSizeBytes } from "../../flight/flight-data-encoder.ts";
import type { ServerCall } from "../../grpc/call.ts";
import { LIMITS } from "../../limits.ts";
import type { ByteSource } from "../../object/byte-sink.ts";
import { padTo, type RowFrame } from "../../object/opaque-row.ts";
import { type ByteRange, type StoredBatch, unframeBlock } from "../../object/stored-blocks.ts";
import { turnIfDue, turnIfLarge } from "../../turns.ts";

/** Small pieces between two checks of the turn's length, as there may be very many. */
const SMALL_PIECES_PER_CHECK = 16;

export class ObjectSender {
  readonly #call: ServerCall;
  #piecesSent = 0;
  /** Sent bytes of bodies. */
  sentBytes = 0;

  constructor(call: ServerCall) {
    this.#call = call;
  }

  async sendSchema(schemaHeader: Uint8Array, appMetadata?: Uint8Array): Promise<void> {
    await this.#call.write(encodeFlightDataHead({ dataHeader: schemaHeader, appMetadata, bodySizeBytes: 0 }));
  }

  /** Sends one opaque row. Its data are the ranges of the source, in order. */
  async sendRow(row: RowFrame, source: ByteSource, data: readonly ByteRange[]): Promise<void> {
    const parts = encodeFlightDataHead({ dataHeader: row.header, bodySizeBytes: row.bodySizeBytes });
    this.sentBytes += row.bodySizeBytes;
    parts.push(row.bodyFront);
    const padding = ZERO_PADDING.subarray(0, row.paddingSizeBytes);
    const only = data.length === 1 ? data[0] : undefined;
    if (only !== undefined && only.sizeBytes <= LIMITS.readChunkBytes) {
      const granted = await this.#reserve(only.sizeBytes);
      const isWhole = granted === only.sizeBytes;
      if (isWhole) parts.push(await source.read(only.position, granted), padding);
      this.#call.release(granted);
      if (isWhole) return await this.#call.write(parts);
    }
    const frontSizeBytes = row.bodyFront.length;
    await this.#call.startMessage(partsSizeBytes(parts) + row.bodySizeBytes - frontSizeBytes, parts);
    for (const range of data) await this.#sendPieces(source, range, range.sizeBytes);
    if (padding.length > 0) await this.#call.writePiece(padding);
  }

  /** Sends one dictionary or record batch as it was put, with its app_metadata. */
  async sendBatch(source: ByteSource, batch: StoredBatch): Promise<void> {
    const { block, appMetadata } = batch;
    const wholeBytes = block.metadataSizeBytes + block.bodySizeBytes;
    const granted = wholeBytes <= LIMITS.readChunkBytes ? await this.#reserve(wholeBytes) : 0;
    const isSmall = granted === wholeBytes;
    const first = isSmall
      ? await source.read(block.position, wholeBytes)
      : await this.#readHeader(source, block, granted);
    const dataHeader = unframeBlock(first);
    const bodySizeBytes = sentBodyBytes(dataHeader, block);
    const parts = encodeFlightDataHead({ dataHeader, appMetadata, bodySizeBytes });
    this.sentBytes += bodySizeBytes;
    if (isSmall) {
      const body = first.subarray(block.metadataSizeBytes, block.metadataSizeBytes + bodySizeBytes);
      if (bodySizeBytes > 0) parts.push(body);
      this.#call.release(wholeBytes);
      return await this.#call.write(parts);
    }
    await this.#call.startMessage(partsSizeBytes(parts) + bodySizeBytes, parts);
    const position = block.position + block.metadataSizeBytes;
    const sizeBytes = Math.min(padTo(bodySizeBytes, 8), block.bodySizeBytes);
    await this.#sendPieces(source, { position, sizeBytes }, bodySizeBytes);
  }

  /** Reads a complete message header; waits until there is memory for all of it. */
  async #readHeader(source: ByteSource, block: Block, reservedBytes: number): Promise<Buffer> {
    this.#call.release(reservedBytes);
    await this.#call.reserveWhole(block.metadataSizeBytes);
    try {
      return await source.read(block.position, block.metadataSizeBytes);
    } finally {
      this.#call.release(block.metadataSizeBytes);
    }
  }

  /**
   * Reads one piece ahead while another is sent, if the call has memory for it.
   * @param sentBytes bytes of the range to send: all without the padding of a body, which is read
   *   only for the checksum.
   */
  async #sendPieces(source: ByteSource, range: ByteRange, sentBytes: number): Promise<void> {
    const end = range.position + range.sizeBytes;
    let position = range.position;
    let next: Promise<Buffer> | undefined;
    while (position < end) {
      next ??= source.read(position, await this.#reserve(this.#pieceBytes(source, position, end)));
      const piece = await next;
      position += piece.length;
      next = this.#readAhead(source, position, end);
      const padding = Math.min(Math.max(0, position - range.position - sentBytes), piece.length);
      const sent = piece.subarray(0, piece.length - padding);
      // The send queue charges the piece from here on. The read-ahead piece stays reserved.
      this.#call.release(piece.length);
      if (sent.length > 0) await this.#call.writePiece(sent, () => source.giveBack?.(piece));
      else source.giveBack?.(piece);
      // Bytes in memory are read without a wait: one turn could run hundreds of gets.
      this.#piecesSent += 1;
      const turn = this.#piecesSent % SMALL_PIECES_PER_CHECK === 0 ? turnIfDue() : turnIfLarge(sent.length);
      if (turn !== undefined) await turn;
    }
  }

  #pieceBytes(source: ByteSource, position: number, end: number): number {
    const viewBytes = source.contiguousBytes?.(position) ?? Number.POSITIVE_INFINITY;
    return Math.min(LIMITS.readChunkBytes, end - position, viewBytes);
  }

  #readAhead(source: ByteSource, position: number, end: number): Promise<Buffer> | undefined {
    if (position >= end) return undefined;
    const granted = this.#call.reserveNow(this.#pieceBytes(source, position, end));
    if (granted === 0) return undefined;
    const reading = source.read(position, granted);
    // If the call ends first, nothing awaits this read, and its error must not be unhandled.
    reading.catch(() => {});
    return reading;
  }

  async #reserve(wantedBytes: number): Promise<number> {
    if (wantedBytes === 0) return 0;
    return this.#call.reserveNow(wantedBytes) || (await this.#call.reserve(wantedBytes));
  }
}

/**
 * The size of the body as it was put: the file pads it to 8 bytes.
 * @throws {CacheError} OBJECT_CORRUPT
 */
function sentBodyBytes(dataHeader: Uint8Array, block: Block): number {
  let bodySizeBytes: number;
  try {
    bodySizeBytes = decodeBodySize(dataHeader);
  } catch (cause) {
    throw new CacheError("OBJECT_CORRUPT", "a stored message is damaged", { cause });
  }
  if (bodySizeBytes <= block.bodySizeBytes) return bodySizeBytes;
  throw new CacheError("OBJECT_CORRUPT", "a stored body is shorter than the size in its message");
}
