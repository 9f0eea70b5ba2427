/**
 * Reads an object file: positions of its batches or its data, and its cache metadata.
 *
 * The footer of our own files contains everything. Files of other programs contain less: their
 * messages are read once to count rows and find the data. Bodies are not read here.
 * Cost: one read for a file up to wholeReadBytesMax, which also serves the body later; three reads
 * for a larger one.
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

/** These codes refuse a client's request; in a stored file they mean damage. */
const READING_REFUSALS: ReadonlySet<string> = new Set(["INVALID_IPC", "INVALID_REQUEST", "OBJECT_TOO_LARGE"]);
const TAIL_BYTES = 64 * 1024;
/** Footer length, int32, and the six letters of the magic. */
const FOOTER_TRAILER_BYTES = 10;
const END_OF_STREAM_BYTES = 8;
/** A schema with the front that the cache adds: at most the entries' offsets again, and padding. */
const STORED_SCHEMA_BYTES_MAX = 2 * LIMITS.dataHeaderBytesMax;

/**
 * @param expectedForm the form in the file's name; "either" if the name does not determine it.
 * @returns undefined if the file is incomplete and not ours: a client is still writing it.
 * @throws {CacheError} OBJECT_CORRUPT if it is damaged; STORAGE_IO
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
      throw new CacheError("OBJECT_CORRUPT", "the schema's position in the file is out of bounds");
    }
    const schemaHeader = schema.subarray(metadata.schemaStart, metadata.schemaEnd);
    const isOpaque = kind === "opaque";
    const batches = isOpaque ? [] : batchesOf(footer, metadata.appMetadata);
    const dataRanges = isOpaque ? locateOwnRows(blocksInOrder(footer), dataBytes) : [];
    const facts = { kind, version, rowCount, dataBytes, schemaHeader, dataRanges, codec, batches };
    const { lifetime, putBy, schemaAppMetadata } = metadata;
    return { ...facts, schemaAppMetadata, lifetime, putBy, isOwn: true, checksum, source };
  } catch (error) {
    if (!isCacheError(error) || !READING_REFUSALS.has(error.code)) throw error;
    throw new CacheError("OBJECT_CORRUPT", "the stored file is damaged", {
      cause: error,
      facts: { reason: error.message },
    });
  }
}

/**
 * Determines whether the cache wrote an unreadable file, by the mark in its head or the seal of its
 * footer.
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

/** The end of the file, from END_OF_STREAM or before; undefined if there is no footer. */
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

/** Our footer must be sealed, and the checksum must end where it begins. */
function checkFooter(tail: Buffer, source: ByteSource, metadata: ObjectMetadata): void {
  const endSizeBytes = END_OF_STREAM_BYTES + footerSizeBytes(tail);
  const coveredBytes = metadata.checksum.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  const isIntact = isFooterIntact(tail.subarray(tail.length - endSizeBytes));
  // An engine without checksums computes no sums, but seals the footer, so no segment can get lost.
  const isCovered = metadata.checksum.length === 0 || coveredBytes === source.sizeBytes - endSizeBytes;
  if (!isIntact || !isCovered) throw damagedFooter();
}

/** The head is the first segment of the checksum, and is read whole; readers compare the rest. */
function checkHead(head: readonly Buffer[], { checksum: [first] }: ObjectMetadata): void {
  if (first === undefined) return;
  const sizeBytes = head.reduce((sum, part) => sum + part.length, 0);
  const isIntact = first.crc32 === head.reduce((sum, part) => crc32(part, sum), 0);
  if (first.sizeBytes !== sizeBytes || !isIntact)
    throw new CacheError("OBJECT_CORRUPT", "the head does not match its checksum");
}

function damagedFooter(): CacheError {
  return new CacheError("OBJECT_CORRUPT", "the footer does not match its seal");
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
  const what = state === "ours" ? "the end of the cache's file is missing" : "the file is not an Arrow file";
  throw new CacheError("OBJECT_CORRUPT", what);
}

async function readForeignSchema(source: ByteSource, form: FileForm): Promise<Buffer> {
  return form === "file" ? await readFirstSchema(source) : (await readHead(source, form)).header;
}

/** The schema message, and the parts of the head from which it was read. */
async function readHead(source: ByteSource, form: FileForm): Promise<{ header: Buffer; head: Buffer[] }> {
  const position = form === "file" ? FILE_MAGIC.length : 0;
  const start = await source.read(0, position + 8);
  if (!start.subarray(0, position).equals(FILE_MAGIC.subarray(0, position))) {
    throw new CacheError("OBJECT_CORRUPT", "the file does not begin with the Arrow magic");
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
    throw new CacheError(
      "OBJECT_CORRUPT",
      "the number of app_metadata entries differs from the number of batches",
    );
  }
  return new StoredBatches(footer, appMetadata);
}

/** All rows but the last have the maximum size, so the total determines the size of the last. */
function locateOwnRows(blocks: Iterable<Block>, dataBytes: number): ByteRange[] {
  let leftBytes = dataBytes;
  const ranges = Array.from(blocks, (block) => {
    const room = Math.max(0, block.bodySizeBytes - DISK_ROW_BODY_FRONT_BYTES);
    const sizeBytes = Math.min(leftBytes, room, LIMITS.opaqueRowBytesMax);
    leftBytes -= sizeBytes;
    return { position: block.position + block.metadataSizeBytes + DISK_ROW_BODY_FRONT_BYTES, sizeBytes };
  });
  if (leftBytes !== 0)
    throw new CacheError("OBJECT_CORRUPT", "the value is shorter than its footer declares");
  return ranges;
}
