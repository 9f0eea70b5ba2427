/**
 * The end of an IPC file: positions of its messages, its schema, and metadata.
 *
 *     ... last message | END_OF_STREAM | footer flatbuffer | int32 its size | "ARROW1"
 *     footer          Footer table | metadata | blocks | the schema message's flatbuffer, unchanged
 *
 * Source: Arrow format, File.fbs. Footer.schema refers to the Schema table inside the embedded
 * message, so the schema needs no encoder here and every type works. A file that contains a stream
 * ends in the same way. Decoding costs time proportional to the footer; its blocks take 24 bytes of
 * memory each.
 */
import { assert } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { atOnce } from "../turns.ts";
import { type Block, BlockList, type BlockSequence } from "./block-list.ts";
import { END_OF_STREAM } from "./encapsulated.ts";
import { FlatbufferReader, type FlatbufferTable } from "./flatbuffer-reader.ts";
import { FlatbufferWriter, int16, OFFSET } from "./flatbuffer-writer.ts";
import { invalidIpc } from "./invalid-ipc.ts";
import { decodeKeyValues, type SchemaMetadata, writeKeyValues } from "./key-values.ts";
import { type ArrowSchema, decodeSchemaTable, schemaTable } from "./schema.ts";
import { BLOCK_SIZE_BYTES, FOOTER, MESSAGE, METADATA_V5 } from "./slots.ts";

export type { Block, BlockSequence } from "./block-list.ts";

export interface FooterParts {
  /** The header of the file's Schema message. */
  readonly schemaHeader: Uint8Array;
  readonly dictionaries: BlockSequence;
  readonly recordBatches: BlockSequence;
  readonly metadata: SchemaMetadata;
}

export interface Footer {
  /** Decoded on demand. */
  readonly schema: ArrowSchema;
  readonly dictionaries: BlockList;
  readonly recordBatches: BlockList;
  readonly metadata: SchemaMetadata;
}

/** The start of an IPC file. The last six bytes of a file are these without the zeros. */
export const FILE_MAGIC: Buffer = Buffer.from("ARROW1\0\0", "latin1");
/** The magic at the end of a file, after the footer's size. */
const TAIL_MAGIC = FILE_MAGIC.subarray(0, 6);
const TRAILER_SIZE_BYTES = 4 + TAIL_MAGIC.length;
/** Of most files, the tables around it included. */
const METADATA_BYTES = 1024;
/** Half a millisecond of work. */
const BLOCKS_PER_STEP = 2048;

/**
 * Encodes everything after the last message of a file, for `position`, a multiple of 8. One copy of
 * the schema.
 */
export function encodeFooter(parts: FooterParts, position: number): Buffer {
  return atOnce(encodeFooterSteps(parts, position));
}

/** The same in steps, so that others can run in between: a file may have very many blocks. */
export function* encodeFooterSteps(parts: FooterParts, position: number): Generator<void, Buffer> {
  assert(position % 8 === 0, "a footer stands at a multiple of 8");
  const blockCount = parts.dictionaries.length + parts.recordBatches.length;
  const writer = new FlatbufferWriter(
    parts.schemaHeader.byteLength + BLOCK_SIZE_BYTES * blockCount + METADATA_BYTES,
  );
  const message = new FlatbufferReader(parts.schemaHeader).root();
  // Readers want the footer to be of the version that its messages are of.
  const version = message.int16(MESSAGE.version, METADATA_V5);
  const footer = writer.table([int16(version), OFFSET, OFFSET, OFFSET, OFFSET]);
  writer.link(0, footer.position);
  writeKeyValues(writer, footer.slots[FOOTER.metadata]!, parts.metadata);
  yield;
  yield* writeBlocks(writer, footer.slots[FOOTER.dictionaries]!, parts.dictionaries);
  yield* writeBlocks(writer, footer.slots[FOOTER.recordBatches]!, parts.recordBatches);
  writer.align(8);
  const embedded = writer.bytes(parts.schemaHeader);
  const schema = schemaTable(message);
  writer.link(footer.slots[FOOTER.schema]!, embedded + schema.position);
  writer.align(8);
  yield;
  return frameFooter(writer.finish());
}

function* writeBlocks(writer: FlatbufferWriter, from: number, blocks: BlockSequence): Generator<void> {
  const vector = writer.vector(blocks.length, BLOCK_SIZE_BYTES, 8);
  writer.link(from, vector);
  for (let index = 0; index < blocks.length; index++) {
    const block = blocks.at(index)!;
    const position = vector + 4 + BLOCK_SIZE_BYTES * index;
    writer.setInt64(position, block.position);
    writer.setInt32(position + 8, block.metadataSizeBytes);
    writer.setInt64(position + 16, block.bodySizeBytes);
    if (index % BLOCKS_PER_STEP === BLOCKS_PER_STEP - 1) yield;
  }
}

function frameFooter(footer: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(END_OF_STREAM.length + footer.length + TRAILER_SIZE_BYTES);
  framed.set(END_OF_STREAM, 0);
  framed.set(footer, END_OF_STREAM.length);
  const trailer = framed.writeInt32LE(footer.length, END_OF_STREAM.length + footer.length);
  framed.set(TAIL_MAGIC, trailer);
  return framed;
}

/**
 * Returns how many bytes of a file's end decodeFooter needs, given its last ten.
 * @throws {CacheError} INVALID_IPC if they do not end an IPC file, or the footer exceeds
 *   LIMITS.footerBytesMax.
 */
export function footerSizeBytes(last10: Buffer): number {
  const end = last10.subarray(-TRAILER_SIZE_BYTES);
  if (end.length < TRAILER_SIZE_BYTES || !end.subarray(4).equals(TAIL_MAGIC)) {
    throw invalidIpc("the file does not end with the Arrow magic");
  }
  const sizeBytes = end.readInt32LE(0);
  if (sizeBytes <= 0 || sizeBytes > LIMITS.footerBytesMax) {
    throw invalidIpc("the footer's size is out of range", { sizeBytes });
  }
  return sizeBytes + TRAILER_SIZE_BYTES;
}

/**
 * Decodes the footer of a file of `fileSizeBytes` bytes. `tail` is the end of the file and may be
 * longer than the footer. Every block lies before the footer, has a size that is a multiple of 8,
 * and all together are not larger than the file. The position of a block depends on the padding of
 * the magic, which is 9 bytes long with some writers.
 * @throws {CacheError} INVALID_IPC
 */
export function decodeFooter(tail: Buffer, fileSizeBytes: number): Footer {
  return atOnce(decodeFooterSteps(tail, fileSizeBytes));
}

/** The same in steps, so that others can run in between. */
export function* decodeFooterSteps(tail: Buffer, fileSizeBytes: number): Generator<void, Footer> {
  const sizeBytes = footerSizeBytes(tail);
  const footerPosition = fileSizeBytes - sizeBytes;
  if (tail.length < sizeBytes || footerPosition < 0) throw invalidIpc("the file is shorter than its footer");
  const bytes = tail.subarray(tail.length - sizeBytes, tail.length - TRAILER_SIZE_BYTES);
  const footer = new FlatbufferReader(bytes).root();
  const schema = footer.table(FOOTER.schema);
  if (schema === undefined) throw invalidIpc("the footer has no schema");
  const budget = {
    blocks: LIMITS.batchesPerFileMax as number,
    sizeBytes: footerPosition,
    end: footerPosition,
  };
  const dictionaries = yield* decodeBlocks(footer, FOOTER.dictionaries, budget);
  const recordBatches = yield* decodeBlocks(footer, FOOTER.recordBatches, budget);
  yield;
  return {
    get schema() {
      return decodeSchemaTable(schema);
    },
    dictionaries,
    recordBatches,
    metadata: decodeKeyValues(footer, FOOTER.metadata),
  };
}

/**
 * Remaining number and size of blocks of both kinds: overlapping blocks would make a small file
 * send without end.
 */
interface BlockBudget {
  blocks: number;
  sizeBytes: number;
  /** No block may reach beyond this position. */
  readonly end: number;
}

function* decodeBlocks(
  footer: FlatbufferTable,
  slot: number,
  budget: BlockBudget,
): Generator<void, BlockList> {
  const vector = footer.vector(slot, BLOCK_SIZE_BYTES);
  const count = vector?.length ?? 0;
  budget.blocks -= count;
  if (budget.blocks < 0) throw invalidIpc("the file has too many batches");
  const blocks = new BlockList();
  for (let index = 0; index < count; index++) {
    const block = decodeBlock(footer.reader, vector!.position + BLOCK_SIZE_BYTES * index);
    const messageSizeBytes = block.metadataSizeBytes + block.bodySizeBytes;
    budget.sizeBytes -= messageSizeBytes;
    if (block.position + messageSizeBytes > budget.end || budget.sizeBytes < 0) {
      throw invalidIpc("a block of the footer is outside the file", { index });
    }
    blocks.push(block);
    if (index % BLOCKS_PER_STEP === BLOCKS_PER_STEP - 1) yield;
  }
  return blocks;
}

function decodeBlock(reader: FlatbufferReader, at: number): Block {
  const position = reader.int64(at);
  const metadataSizeBytes = reader.int32(at + 8);
  const bodySizeBytes = reader.int64(at + 16);
  if (position < 0 || metadataSizeBytes <= 0 || bodySizeBytes < 0) {
    throw invalidIpc("a block of the footer is malformed");
  }
  if (metadataSizeBytes % 8 !== 0 || bodySizeBytes % 8 !== 0) {
    throw invalidIpc("a block of the footer is not aligned");
  }
  return { position, metadataSizeBytes, bodySizeBytes };
}
