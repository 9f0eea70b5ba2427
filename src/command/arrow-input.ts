/**
 * Reads an Arrow IPC file or stream as the messages of a put, with unchanged headers and bodies.
 *
 * The first bytes decide: `ARROW1\0\0` is a file; FFFFFFFF and a schema message are a stream. A
 * file on disk is read through its footer. A file from a pipe is read from front to back, which
 * yields the same messages; if its writer left out the end-of-stream marker, the footer ends it.
 * Bodies are passed on in pieces.
 */
import { firstMessagePositions, MAGIC_BYTES_MAX } from "../arrow/first-message.ts";
import { decodeFooter, FILE_MAGIC, footerSizeBytes } from "../arrow/footer.ts";
import type { SchemaMetadata } from "../arrow/key-values.ts";
import { decodeMessage, type IpcMessage } from "../arrow/message.ts";
import { decodeSchema } from "../arrow/schema.ts";
import { CacheError, isCacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { ByteSource } from "../object/byte-sink.ts";
import { readFirstSchema } from "../object/first-schema.ts";
import { blocksInOrder, readBlockHeader } from "../object/stored-blocks.ts";
import type { ByteReader } from "./byte-reader.ts";

const CONTINUATION = Buffer.from("ffffffff", "hex");
const FRAME_BYTES = 8;
const TRAILER_BYTES = 10;

export interface ArrowMessage {
  readonly header: Uint8Array;
  readonly message: IpcMessage;
  /** Exactly `message.bodySizeBytes`. Must be read before the next message. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface ArrowInput {
  readonly schemaHeader: Buffer;
  readonly batches: AsyncIterable<ArrowMessage>;
  /** The custom metadata of a file's footer; undefined for a stream and for a file from a pipe. */
  readonly metadata?: SchemaMetadata;
}

/**
 * Detects Arrow IPC by the first bytes, which stay in the reader.
 * @returns undefined if the input is not Arrow IPC.
 */
export async function detectArrow(reader: ByteReader): Promise<"file" | "stream" | undefined> {
  const start = await reader.peek(FRAME_BYTES);
  if (start.equals(FILE_MAGIC)) return "file";
  if (start.length < FRAME_BYTES || !start.subarray(0, 4).equals(CONTINUATION)) return undefined;
  const sizeBytes = start.readInt32LE(4);
  if (sizeBytes <= 0 || sizeBytes > LIMITS.dataHeaderBytesMax) return undefined;
  const framed = await reader.peek(FRAME_BYTES + sizeBytes);
  return framed.length === FRAME_BYTES + sizeBytes && isSchema(framed.subarray(FRAME_BYTES))
    ? "stream"
    : undefined;
}

function isSchema(header: Buffer): boolean {
  try {
    decodeSchema(header);
    return true;
  } catch (error) {
    if (isCacheError(error)) return false;
    throw error;
  }
}

/** Reads from front to back. @throws {CacheError} INVALID_IPC, also while the batches are read. */
export async function readArrowStream(reader: ByteReader): Promise<ArrowInput> {
  const isFile = (await reader.peek(FILE_MAGIC.length)).equals(FILE_MAGIC);
  if (isFile) await skipMagic(reader);
  const schemaHeader = await readHeader(reader);
  if (schemaHeader === undefined) throw truncated("it has no schema");
  decodeSchema(schemaHeader);
  return { schemaHeader: Buffer.from(schemaHeader), batches: streamBatches(reader, isFile) };
}

/**
 * Skips the magic and its padding. If the schema may begin at several positions, the first with a
 * schema counts.
 */
async function skipMagic(reader: ByteReader): Promise<void> {
  const positions = firstMessagePositions(await reader.peek(MAGIC_BYTES_MAX));
  for (const position of positions) {
    const isOnly = position === positions.at(-1);
    if (!isOnly && !(await hasSchemaAt(reader, position))) continue;
    await reader.read(position);
    return;
  }
  throw truncated("it has no schema");
}

/** Checks a frame from before Arrow 0.15: only those files have several possible positions. */
async function hasSchemaAt(reader: ByteReader, position: number): Promise<boolean> {
  const start = position + 4;
  const sizeBytes = (await reader.peek(start)).readInt32LE(position);
  if (sizeBytes <= 0 || sizeBytes > LIMITS.dataHeaderBytesMax) return false;
  return isSchema((await reader.peek(start + sizeBytes)).subarray(start));
}

async function* streamBatches(reader: ByteReader, isFile: boolean): AsyncGenerator<ArrowMessage> {
  if (isFile && (await isAtFooter(reader))) return await skipFooter(reader);
  for (let header = await readHeader(reader); header !== undefined; header = await readHeader(reader)) {
    const message = decodeBatch(header);
    yield { header, message, body: readExactly(reader, message.bodySizeBytes) };
    // A body is padded with zeros to a multiple of 8.
    await reader.read((8 - (message.bodySizeBytes % 8)) % 8);
    if (isFile && (await isAtFooter(reader))) return await skipFooter(reader);
  }
  // Read what follows the end, such as a file's footer, so that a program that writes to a pipe
  // does not find it closed.
  while ((await reader.next(LIMITS.readChunkBytes)) !== undefined);
}

/** True if the next bytes are not a message. */
async function isAtFooter(reader: ByteReader): Promise<boolean> {
  const start = await reader.peek(4);
  if (start.length < 4 || start.equals(CONTINUATION)) return false;
  const sizeBytes = start.readInt32LE(0);
  if (sizeBytes === 0) return false;
  if (sizeBytes < 0 || sizeBytes > LIMITS.dataHeaderBytesMax) return true;
  try {
    decodeBatch((await reader.peek(4 + sizeBytes)).subarray(4));
    return false;
  } catch (error) {
    if (isCacheError(error, "INVALID_IPC")) return true;
    throw error;
  }
}

/** Reads the rest of a file, which must be exactly its footer. @throws {CacheError} INVALID_IPC */
async function skipFooter(reader: ByteReader): Promise<void> {
  let end: Buffer = Buffer.alloc(0);
  let restBytes = 0;
  for (;;) {
    const piece = await reader.next(LIMITS.readChunkBytes);
    if (piece === undefined) break;
    restBytes += piece.length;
    end = Buffer.from(Buffer.concat([end, piece.subarray(-TRAILER_BYTES)]).subarray(-TRAILER_BYTES));
  }
  if (footerSizeBytes(end) !== restBytes) throw truncated("expected a message or the file's footer");
}

/**
 * The header of the next message; undefined at the end of the stream. Also accepts frames from
 * before Arrow 0.15.
 */
async function readHeader(reader: ByteReader): Promise<Buffer | undefined> {
  let size = await reader.read(4);
  if (size.length === 0) return undefined;
  if (size.equals(CONTINUATION)) size = await reader.read(4);
  if (size.length < 4) throw truncated("the frame of a message is incomplete");
  const sizeBytes = size.readInt32LE(0);
  if (sizeBytes === 0) return undefined;
  if (sizeBytes < 0 || sizeBytes > LIMITS.dataHeaderBytesMax) {
    const text = "the input is not Arrow IPC: the size of a message header is out of range";
    throw new CacheError("INVALID_IPC", text, { facts: { sizeBytes } });
  }
  const header = await reader.read(sizeBytes);
  if (header.length < sizeBytes) throw truncated("the header of a message is incomplete");
  return header;
}

async function* readExactly(reader: ByteReader, sizeBytes: number): AsyncGenerator<Buffer> {
  let left = sizeBytes;
  for await (const piece of reader.pieces(sizeBytes)) {
    left -= piece.length;
    yield piece;
  }
  if (left > 0) throw truncated("the body of a message is incomplete");
}

/** Reads through the footer. @throws {CacheError} INVALID_IPC, also while the batches are read. */
export async function readArrowFile(source: ByteSource): Promise<ArrowInput> {
  if (source.sizeBytes < FILE_MAGIC.length + FRAME_BYTES + TRAILER_BYTES) throw truncated("it has no footer");
  const trailer = await source.read(source.sizeBytes - TRAILER_BYTES, TRAILER_BYTES);
  const tailBytes = footerSizeBytes(trailer);
  if (tailBytes > source.sizeBytes) throw truncated("the footer is incomplete");
  const footer = decodeFooter(await source.read(source.sizeBytes - tailBytes, tailBytes), source.sizeBytes);
  const schemaHeader = await readFirstSchema(source);
  decodeSchema(schemaHeader);
  return { schemaHeader, batches: fileBatches(source, footer), metadata: footer.metadata };
}

async function* fileBatches(
  source: ByteSource,
  footer: Parameters<typeof blocksInOrder>[0],
): AsyncGenerator<ArrowMessage> {
  for (const block of blocksInOrder(footer)) {
    const header = await readBlockHeader(source, block);
    const message = decodeBatch(header);
    if (message.bodySizeBytes > block.bodySizeBytes) throw truncated("a body exceeds its block");
    const position = block.position + block.metadataSizeBytes;
    yield { header, message, body: readPieces(source, position, message.bodySizeBytes) };
  }
}

/** A range of a file, one piece per read. */
export async function* readPieces(
  source: ByteSource,
  position: number,
  sizeBytes: number,
): AsyncGenerator<Buffer> {
  for (let done = 0; done < sizeBytes; ) {
    const piece = await source.read(position + done, Math.min(LIMITS.readChunkBytes, sizeBytes - done));
    done += piece.length;
    yield piece;
  }
}

function decodeBatch(header: Uint8Array): IpcMessage {
  const message = decodeMessage(header);
  if (message.kind === "schema") throw new CacheError("INVALID_IPC", "the batches contain a second schema");
  return message;
}

function truncated(what: string): CacheError {
  return new CacheError("INVALID_IPC", `the Arrow input is truncated: ${what}`);
}
