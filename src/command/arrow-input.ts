/**
 * An Arrow IPC file or stream as the messages of a put: each message's header and body as they lie in it.
 *
 * Told by how the bytes begin: `ARROW1\0\0` is a file, FFFFFFFF and a schema message a stream. A file on disk is read by its
 * footer, one that comes through a pipe from front to back, which holds the same messages; where its writer left out the end of
 * the stream, its footer ends it. Bodies pass on in pieces.
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
  /** Exactly `message.bodySizeBytes`; to be taken before the next message. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface ArrowInput {
  readonly schemaHeader: Buffer;
  readonly batches: AsyncIterable<ArrowMessage>;
  /** What a file's footer says beside its schema; of a stream, and of a file from a pipe, it is not known. */
  readonly metadata?: SchemaMetadata;
}

/**
 * What the reader's bytes begin as. Nothing is taken from it.
 * @param known true: the caller says that it is Arrow.
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

/** From front to back. @throws {CacheError} INVALID_IPC, also while the batches are taken. */
export async function readArrowStream(reader: ByteReader): Promise<ArrowInput> {
  const isFile = (await reader.peek(FILE_MAGIC.length)).equals(FILE_MAGIC);
  if (isFile) await skipMagic(reader);
  const schemaHeader = await readHeader(reader);
  if (schemaHeader === undefined) throw cutShort("there is no schema");
  decodeSchema(schemaHeader);
  return { schemaHeader: Buffer.from(schemaHeader), batches: streamBatches(reader, isFile) };
}

/** With the zeros behind it. Of several places where the schema may begin the first one that holds one counts. */
async function skipMagic(reader: ByteReader): Promise<void> {
  const positions = firstMessagePositions(await reader.peek(MAGIC_BYTES_MAX));
  for (const position of positions) {
    const isOnly = position === positions.at(-1);
    if (!isOnly && !(await hasSchemaAt(reader, position))) continue;
    await reader.read(position);
    return;
  }
  throw cutShort("there is no schema");
}

/** Framed as Arrow before 0.15 did: of newer files there is one place only. */
async function hasSchemaAt(reader: ByteReader, position: number): Promise<boolean> {
  const start = position + 4;
  const sizeBytes = (await reader.peek(start)).readInt32LE(position);
  if (sizeBytes <= 0 || sizeBytes > LIMITS.dataHeaderBytesMax) return false;
  return isSchema((await reader.peek(start + sizeBytes)).subarray(start));
}

async function* streamBatches(reader: ByteReader, isFile: boolean): AsyncGenerator<ArrowMessage> {
  if (isFile && (await isAtFooter(reader))) return await passFooter(reader);
  for (let header = await readHeader(reader); header !== undefined; header = await readHeader(reader)) {
    const message = decodeBatch(header);
    yield { header, message, body: exactly(reader, message.bodySizeBytes) };
    // A body that is not a multiple of 8 long is followed by zeros.
    await reader.read((8 - (message.bodySizeBytes % 8)) % 8);
    if (isFile && (await isAtFooter(reader))) return await passFooter(reader);
  }
  // What follows the end, such as a file's footer, is taken too: whoever writes into a pipe is not to find it closed.
  while ((await reader.next(LIMITS.readChunkBytes)) !== undefined);
}

/** True when what comes next is no message. */
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

/** Takes the rest of a file, which must be its footer and nothing else. @throws {CacheError} INVALID_IPC */
async function passFooter(reader: ByteReader): Promise<void> {
  let end: Buffer = Buffer.alloc(0);
  let restBytes = 0;
  for (;;) {
    const piece = await reader.next(LIMITS.readChunkBytes);
    if (piece === undefined) break;
    restBytes += piece.length;
    end = Buffer.from(Buffer.concat([end, piece.subarray(-TRAILER_BYTES)]).subarray(-TRAILER_BYTES));
  }
  if (footerSizeBytes(end) !== restBytes) throw cutShort("neither a message nor the file's footer");
}

/** The next message's header; undefined at the end of the stream. Also framed as Arrow before 0.15 did. */
async function readHeader(reader: ByteReader): Promise<Buffer | undefined> {
  let size = await reader.read(4);
  if (size.length === 0) return undefined;
  if (size.equals(CONTINUATION)) size = await reader.read(4);
  if (size.length < 4) throw cutShort("a message's frame");
  const sizeBytes = size.readInt32LE(0);
  if (sizeBytes === 0) return undefined;
  if (sizeBytes < 0 || sizeBytes > LIMITS.dataHeaderBytesMax) {
    throw new CacheError("INVALID_IPC", "a message's size is out of range", { facts: { sizeBytes } });
  }
  const header = await reader.read(sizeBytes);
  if (header.length < sizeBytes) throw cutShort("a message's header");
  return header;
}

async function* exactly(reader: ByteReader, sizeBytes: number): AsyncGenerator<Buffer> {
  let left = sizeBytes;
  for await (const piece of reader.pieces(sizeBytes)) {
    left -= piece.length;
    yield piece;
  }
  if (left > 0) throw cutShort("a message's body");
}

/** By its footer. @throws {CacheError} INVALID_IPC, also while the batches are taken. */
export async function readArrowFile(source: ByteSource): Promise<ArrowInput> {
  if (source.sizeBytes < FILE_MAGIC.length + FRAME_BYTES + TRAILER_BYTES) throw cutShort("the file");
  const trailer = await source.read(source.sizeBytes - TRAILER_BYTES, TRAILER_BYTES);
  const tailBytes = footerSizeBytes(trailer);
  if (tailBytes > source.sizeBytes) throw cutShort("the file");
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
    if (message.bodySizeBytes > block.bodySizeBytes) throw cutShort("a message's body");
    const position = block.position + block.metadataSizeBytes;
    yield { header, message, body: readPieces(source, position, message.bodySizeBytes) };
  }
}

/** A stretch of a file in pieces of one read each. */
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
  if (message.kind === "schema") throw new CacheError("INVALID_IPC", "a second schema is among the batches");
  return message;
}

function cutShort(what: string): CacheError {
  return new CacheError("INVALID_IPC", `the Arrow bytes are cut short: ${what}`);
}
