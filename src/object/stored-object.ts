/**
 * Reads what an object file holds: where its batches or its data lie, and what the cache remembers of it.
 *
 * Files of our own tell all of it in the footer. Files of other programs tell less: their messages are read once to count rows and
 * find the data. No body is read here. Cost for a file up to wholeReadBytesMax: one read, which also serves the body
 * afterwards; above: three reads.
 */
import { crc32 } from "node:zlib";
import { readFramedHeader } from "../arrow/encapsulated.ts";
import { type Block, decodeFooterSteps, FILE_MAGIC, type Footer, footerSizeBytes } from "../arrow/footer.ts";
import { CacheError, isCacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { inTurns, turnIfDue } from "../turns.ts";
import type { ByteList } from "./byte-list.ts";
import type { ByteSource } from "./byte-sink.ts";
import { readClientFile } from "./client-file.ts";
import { classifyHead, type FileForm, type HeadState } from "./file-head.ts";
import { readFirstSchema } from "./first-schema.ts";
import { decodeObjectMetadata, type ObjectMetadata } from "./object-metadata.ts";
import { DISK_ROW_BODY_FRONT_BYTES } from "./opaque-row.ts";
import { isFooterIntact, SEAL_KEY } from "./sealed-footer.ts";
import { type ByteRange, blocksInOrder, StoredBatches, type StoredObject } from "./stored-blocks.ts";

/** What is a refusal when a client sends it is damage when it lies on disk. */
const READING_REFUSALS: ReadonlySet<string> = new Set(["INVALID_IPC", "INVALID_REQUEST", "OBJECT_TOO_LARGE"]);
const TAIL_BYTES = 64 * 1024;
/** Footer length, int32, and the six letters of the magic. */
const FOOTER_TRAILER_BYTES = 10;
const END_OF_STREAM_BYTES = 8;
/** A schema with the front that the cache sets before it: at most the entries' offsets once more, and padding. */
const STORED_SCHEMA_BYTES_MAX = 2 * LIMITS.dataHeaderBytesMax;

/**
 * @param expectedForm what the file's name says; "either" where the name does not tell.
 * @returns undefined when the file is not whole and not ours: a client is still writing it.
 * @throws {CacheError} OBJECT_CORRUPT when it is damaged; STORAGE_IO
 */
export async function readStoredObject(
  file: ByteSource,
  expectedForm: FileForm | "either",
  wholeReadBytesMax: number = LIMITS.wholeReadBytesMax,
): Promise<StoredObject | undefined> {
  const source = file.sizeBytes <= wholeReadBytesMax ? await readWhole(file) : file;
  try {
    const form = expectedForm === "either" ? await detectForm(source) : expectedForm;
    const tail = await readTail(source);
    if (tail === undefined) return await refuseUnlessUnfinished(source, form);
    const footer = await inTurns(decodeFooterSteps(tail, source.sizeBytes));
    const metadata = decodeObjectMetadata(footer.metadata);
    if (metadata === undefined) {
      if ((await headState(source, form)) === "ours") throw damagedFooter();
      return await readClientFile(source, footer, await readForeignSchema(source, form));
    }
    await turnIfDue();
    const { header: schema, head } = await readHead(source, form);
    checkFooter(tail, source, metadata);
    checkHead(head, metadata);
    const { version, kind, rowCount, dataBytes, checksum, codec } = metadata;
    if (metadata.schemaStart > metadata.schemaEnd || metadata.schemaEnd > schema.length) {
      throw new CacheError("OBJECT_CORRUPT", "the schema's place in the file is out of bounds");
    }
    const schemaHeader = schema.subarray(metadata.schemaStart, metadata.schemaEnd);
    const isOpaque = kind === "opaque";
    const batches = isOpaque ? [] : batchesOf(footer, metadata.appMetadata);
    const dataRanges = isOpaque ? locateOwnRows(blocksInOrder(footer), dataBytes) : [];
    const facts = { kind, version, rowCount, dataBytes, schemaHeader, dataRanges, codec, batches };
    const { lifetime, schemaAppMetadata } = metadata;
    return { ...facts, schemaAppMetadata, lifetime, isOwn: true, checksum, source };
  } catch (error) {
    if (!isCacheError(error) || !READING_REFUSALS.has(error.code)) throw error;
    throw new CacheError("OBJECT_CORRUPT", "the stored file is damaged", {
      cause: error,
      facts: { reason: error.message },
    });
  }
}

/**
 * Tells whether the cache wrote a file that cannot be read, by what is left of it: the mark in its head, or the seal of its footer.
 * @throws {CacheError} STORAGE_IO
 */
export async function isOwnFile(file: ByteSource, form: FileForm): Promise<boolean> {
  if ((await headState(file, form)) === "ours") return true;
  const tailBytes = Math.min(file.sizeBytes, TAIL_BYTES);
  return (await file.read(file.sizeBytes - tailBytes, tailBytes)).includes(SEAL_KEY);
}

async function detectForm(source: ByteSource): Promise<FileForm> {
  const start = await source.read(0, Math.min(FILE_MAGIC.length, source.sizeBytes));
  return start.equals(FILE_MAGIC) ? "file" : "stream";
}

async function readWhole(file: ByteSource): Promise<ByteSource> {
  const bytes = await file.read(0, file.sizeBytes);
  return {
    sizeBytes: bytes.length,
    async read(position, lengthBytes) {
      if (position + lengthBytes > bytes.length)
        throw new CacheError("OBJECT_CORRUPT", "the file ends too early");
      return bytes.subarray(position, position + lengthBytes);
    },
  };
}

/** The end of the file, from END_OF_STREAM or before; undefined when no footer is there. */
async function readTail(source: ByteSource): Promise<Buffer | undefined> {
  if (source.sizeBytes < FOOTER_TRAILER_BYTES) return undefined;
  const guess = Math.min(source.sizeBytes, TAIL_BYTES);
  const tail = await source.read(source.sizeBytes - guess, guess);
  const trailer = tail.subarray(guess - FOOTER_TRAILER_BYTES);
  if (!trailer.subarray(FOOTER_TRAILER_BYTES - 6).equals(FILE_MAGIC.subarray(0, 6))) return undefined;
  const needed = END_OF_STREAM_BYTES + footerSizeBytes(trailer);
  if (needed > source.sizeBytes) throw new CacheError("OBJECT_CORRUPT", "the footer is longer than the file");
  return needed <= guess ? tail : await source.read(source.sizeBytes - needed, needed);
}

/** A footer of ours is sealed, and the checksum before it ends where it begins. */
function checkFooter(tail: Buffer, source: ByteSource, metadata: ObjectMetadata): void {
  const endSizeBytes = END_OF_STREAM_BYTES + footerSizeBytes(tail);
  const coveredBytes = metadata.checksum.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  const isIntact = isFooterIntact(tail.subarray(tail.length - endSizeBytes));
  // An engine that forgets sums nothing up; the footer is sealed all the same, so no segment can get lost.
  const isCovered = metadata.checksum.length === 0 || coveredBytes === source.sizeBytes - endSizeBytes;
  if (!isIntact || !isCovered) throw damagedFooter();
}

/** The head is the first segment of the checksum, and is read whole: the checksum of the rest is the reader's affair. */
function checkHead(head: readonly Buffer[], { checksum: [first] }: ObjectMetadata): void {
  if (first === undefined) return;
  const sizeBytes = head.reduce((sum, part) => sum + part.length, 0);
  const isIntact = first.crc32 === head.reduce((sum, part) => crc32(part, sum), 0);
  if (first.sizeBytes !== sizeBytes || !isIntact)
    throw new CacheError("OBJECT_CORRUPT", "the head is not the one that was written");
}

function damagedFooter(): CacheError {
  return new CacheError("OBJECT_CORRUPT", "the footer is not the one that was written");
}

async function headState(source: ByteSource, form: FileForm): Promise<HeadState> {
  const start = await source.read(0, Math.min(16, source.sizeBytes));
  return await classifyHead(start, form, async (position) =>
    position + 8 <= source.sizeBytes ? await source.read(position, 8) : undefined,
  );
}

async function refuseUnlessUnfinished(source: ByteSource, form: FileForm): Promise<undefined> {
  const state = await headState(source, form);
  if (state === "foreign") return undefined;
  const what = state === "ours" ? "a file of the cache has lost its end" : "the file is no Arrow file";
  throw new CacheError("OBJECT_CORRUPT", what);
}

async function readForeignSchema(source: ByteSource, form: FileForm): Promise<Buffer> {
  return form === "file" ? await readFirstSchema(source) : (await readHead(source, form)).header;
}

/** The schema message, and the parts of the head it was read from. */
async function readHead(source: ByteSource, form: FileForm): Promise<{ header: Buffer; head: Buffer[] }> {
  const position = form === "file" ? FILE_MAGIC.length : 0;
  const start = await source.read(0, position + 8);
  if (!start.subarray(0, position).equals(FILE_MAGIC.subarray(0, position))) {
    throw new CacheError("OBJECT_CORRUPT", "the file does not begin as an Arrow file does");
  }
  const isOldFraming = start.readUInt32LE(position) !== 0xffffffff;
  const lengthBytes = start.readInt32LE(isOldFraming ? position : position + 4);
  if (lengthBytes <= 0 || lengthBytes > STORED_SCHEMA_BYTES_MAX) {
    throw new CacheError("OBJECT_CORRUPT", "the schema message has an impossible length");
  }
  const framed = await source.read(position, lengthBytes + (isOldFraming ? 4 : 8));
  const { header } = readFramedHeader(framed, 0);
  return {
    header: Buffer.from(header.buffer, header.byteOffset, header.byteLength),
    head: [start.subarray(0, position), framed],
  };
}

function batchesOf(footer: Footer, appMetadata: ByteList | undefined): StoredBatches {
  if (
    appMetadata !== undefined &&
    appMetadata.length !== footer.dictionaries.length + footer.recordBatches.length
  ) {
    throw new CacheError("OBJECT_CORRUPT", "app_metadata is kept for another number of batches");
  }
  return new StoredBatches(footer, appMetadata);
}

/** All rows but the last are full to the same size, so the total says how long the last one is. */
function locateOwnRows(blocks: Iterable<Block>, dataBytes: number): ByteRange[] {
  let leftBytes = dataBytes;
  const ranges = Array.from(blocks, (block) => {
    const room = Math.max(0, block.bodySizeBytes - DISK_ROW_BODY_FRONT_BYTES);
    const sizeBytes = Math.min(leftBytes, room, LIMITS.opaqueRowBytesMax);
    leftBytes -= sizeBytes;
    return { position: block.position + block.metadataSizeBytes + DISK_ROW_BODY_FRONT_BYTES, sizeBytes };
  });
  if (leftBytes !== 0) throw new CacheError("OBJECT_CORRUPT", "the value is shorter than the footer says");
  return ranges;
}
