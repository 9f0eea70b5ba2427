/**
 * Reads what an object file holds: where its batches or its data lie, and what the cache remembers of it.
 *
 * Files of our own tell all of it in the footer. Files a client wrote straight into the directory tell less:
 * their messages are read once to count rows and find the data. No body is read here. Cost for a file up to
 * wholeReadBytesMax: one read, which also serves the body afterwards; above: three reads.
 */
import { readFramedHeader } from "../arrow/encapsulated.ts";
import { type Block, decodeFooter, FILE_MAGIC, type Footer, footerSizeBytes } from "../arrow/footer.ts";
import { CacheError, isCacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { ByteSource } from "./byte-sink.ts";
import { readClientFile } from "./client-file.ts";
import { classifyHead, type FileForm } from "./file-head.ts";
import { decodeObjectMetadata } from "./object-metadata.ts";
import { encodeDiskRow } from "./opaque-row.ts";
import { type ByteRange, blocksInOrder, StoredBatches, type StoredObject } from "./stored-blocks.ts";

const TAIL_BYTES = 64 * 1024;
/** Footer length, int32, and the six letters of the magic. */
const FOOTER_TRAILER_BYTES = 10;

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
    const footer = decodeFooter(tail, source.sizeBytes);
    const metadata = decodeObjectMetadata(footer.metadata);
    const magicSize = form === "file" ? FILE_MAGIC.length : 0;
    const schema = await readSchemaHeader(source, magicSize);
    if (metadata === undefined) return await readClientFile(source, footer, schema);
    const { version, kind, rowCount, dataBytes, checksum } = metadata;
    if (metadata.schemaStart > metadata.schemaEnd || metadata.schemaEnd > schema.length) {
      throw new CacheError("OBJECT_CORRUPT", "the schema's place in the file is out of bounds");
    }
    const schemaHeader = schema.subarray(metadata.schemaStart, metadata.schemaEnd);
    const isOpaque = kind === "opaque";
    const batches = isOpaque ? [] : batchesOf(footer, metadata.appMetadata);
    const dataRanges = isOpaque ? locateOwnRows(blocksInOrder(footer), dataBytes) : [];
    return { kind, version, rowCount, dataBytes, schemaHeader, dataRanges, batches, checksum, source };
  } catch (error) {
    if (!isCacheError(error, "INVALID_IPC")) throw error;
    throw new CacheError("OBJECT_CORRUPT", "the stored file is damaged", {
      cause: error,
      facts: { reason: error.message },
    });
  }
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

/** The end of the file from END_OF_STREAM or later; undefined when no footer is there. */
async function readTail(source: ByteSource): Promise<Buffer | undefined> {
  if (source.sizeBytes < FOOTER_TRAILER_BYTES) return undefined;
  const guess = Math.min(source.sizeBytes, TAIL_BYTES);
  const tail = await source.read(source.sizeBytes - guess, guess);
  const trailer = tail.subarray(guess - FOOTER_TRAILER_BYTES);
  if (!trailer.subarray(FOOTER_TRAILER_BYTES - 6).equals(FILE_MAGIC.subarray(0, 6))) return undefined;
  const needed = footerSizeBytes(trailer);
  if (needed > source.sizeBytes) throw new CacheError("OBJECT_CORRUPT", "the footer is longer than the file");
  return needed <= guess ? tail : await source.read(source.sizeBytes - needed, needed);
}

async function refuseUnlessUnfinished(source: ByteSource, form: FileForm): Promise<undefined> {
  const start = await source.read(0, Math.min(16, source.sizeBytes));
  const state = await classifyHead(start, form, async (position) =>
    position + 8 <= source.sizeBytes ? await source.read(position, 8) : undefined,
  );
  if (state === "foreign") return undefined;
  const what = state === "ours" ? "a file of the cache has lost its end" : "the file is no Arrow file";
  throw new CacheError("OBJECT_CORRUPT", what);
}

async function readSchemaHeader(source: ByteSource, position: number): Promise<Buffer> {
  const start = await source.read(position, Math.min(8, source.sizeBytes - position));
  const isOldFraming = start.readUInt32LE(0) !== 0xffffffff;
  const lengthBytes = start.readInt32LE(isOldFraming ? 0 : 4);
  if (lengthBytes <= 0 || lengthBytes > LIMITS.dataHeaderBytesMax + 1024) {
    throw new CacheError("OBJECT_CORRUPT", "the schema message has an impossible length");
  }
  const framed = await source.read(position, lengthBytes + (isOldFraming ? 4 : 8));
  const { header } = readFramedHeader(framed, 0);
  return Buffer.from(header.buffer, header.byteOffset, header.byteLength);
}

function batchesOf(footer: Footer, appMetadata: readonly Uint8Array[] | undefined): StoredBatches {
  if (
    appMetadata !== undefined &&
    appMetadata.length !== footer.dictionaries.length + footer.recordBatches.length
  ) {
    throw new CacheError("OBJECT_CORRUPT", "app_metadata is kept for another number of batches");
  }
  return new StoredBatches(footer, appMetadata);
}

const { front, metadataSizeBytes } = encodeDiskRow(0, 0);
const ROW_BODY_FRONT_BYTES = front.length - metadataSizeBytes;

/** All rows but the last are full to the same size, so the total says how long the last one is. */
function locateOwnRows(blocks: Iterable<Block>, dataBytes: number): ByteRange[] {
  let leftBytes = dataBytes;
  const ranges = Array.from(blocks, (block) => {
    const room = block.bodySizeBytes - ROW_BODY_FRONT_BYTES;
    const sizeBytes = Math.min(leftBytes, room, LIMITS.opaqueRowBytesMax);
    leftBytes -= sizeBytes;
    return { position: block.position + block.metadataSizeBytes + ROW_BODY_FRONT_BYTES, sizeBytes };
  });
  if (leftBytes !== 0) throw new CacheError("OBJECT_CORRUPT", "the value is shorter than the footer says");
  return ranges;
}
