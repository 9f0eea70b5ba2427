/**
 * Reads an object file of another program: a client that writes into the storage directory, or the
 * Rust cache.
 *
 * It has no cache metadata: the schema gives its kind, the messages give the rows, and offsets
 * locate an opaque value. Its version is in the value's row or the table's schema
 * (version-cell.ts); files of clients contain none and count as version 1.
 */
import type { Block, Footer } from "../arrow/footer.ts";
import { type BatchLayout, decodeMessage } from "../arrow/message.ts";
import { CacheError } from "../errors.ts";
import { turnIfDue } from "../turns.ts";
import type { ByteSource } from "./byte-sink.ts";
import { readPayloadSchemaInTurns } from "./object-schema.ts";
import { type CellPlan, planCells } from "./opaque-cells.ts";
import type { ValueCodec } from "./opaque-row.ts";
import {
  type ByteRange,
  blocksInOrder,
  readBlockHeader,
  StoredBatches,
  type StoredObject,
} from "./stored-blocks.ts";
import { decodeVersionCell, NO_VERSION, placeOfVersionCell, schemaVersion } from "./version-cell.ts";

const FIRST_VERSION = 1;

/** @throws {CacheError} OBJECT_CORRUPT, INVALID_IPC if one of its messages is malformed. */
export async function readClientFile(
  source: ByteSource,
  footer: Footer,
  schemaHeader: Buffer,
): Promise<StoredObject> {
  const payload = await readPayloadSchemaInTurns(schemaHeader);
  const dataRanges: ByteRange[] = [];
  let rowCount = 0;
  let dataBytes = 0;
  let codec: ValueCodec | undefined;
  let version = schemaVersion(payload, schemaHeader);
  for (const block of blocksInOrder(footer)) {
    await turnIfDue();
    const message = decodeMessage(await readBlockHeader(source, block));
    if (message.kind === "schema") throw new CacheError("OBJECT_CORRUPT", "a block of the file is a schema");
    if (message.bodySizeBytes > block.bodySizeBytes) {
      throw new CacheError("OBJECT_CORRUPT", "a block of the file is shorter than its message says");
    }
    if (message.kind === "recordBatch") rowCount += message.batch.rowCount;
    if (!Number.isSafeInteger(rowCount))
      throw new CacheError("OBJECT_CORRUPT", "the batches have too many rows");
    if (payload.kind === "opaque") {
      if (version === NO_VERSION) version = await readVersion(source, block, message.batch);
      const cells = await locateCells(source, block, planCells(message.batch, payload.offsetBytes));
      if (cells.ranges.length > 0 && dataRanges.length > 0 && (codec ?? cells.codec) !== undefined) {
        throw new CacheError("OBJECT_CORRUPT", "an opaque file has several compressed rows");
      }
      codec ??= cells.codec;
      for (const range of cells.ranges) {
        dataRanges.push(range);
        dataBytes += range.sizeBytes;
      }
    } else {
      dataBytes += block.bodySizeBytes;
    }
  }
  return {
    kind: payload.kind === "opaque" ? "opaque" : "table",
    version: version === NO_VERSION ? FIRST_VERSION : version,
    saysVersion: version !== NO_VERSION,
    rowCount,
    dataBytes,
    schemaHeader,
    dataRanges,
    codec,
    batches: payload.kind === "opaque" ? [] : new StoredBatches(footer),
    isOwn: false,
    checksum: [],
    source,
  };
}

async function readVersion(source: ByteSource, block: Block, batch: BatchLayout): Promise<number> {
  const place = placeOfVersionCell(batch);
  if (place === undefined) return NO_VERSION;
  const position = block.position + block.metadataSizeBytes + place.position;
  return decodeVersionCell(await source.read(position, place.sizeBytes), batch.compression);
}

/** Positions of the data cells of one batch in the file, and their compression. */
async function locateCells(
  source: ByteSource,
  block: Block,
  plan: CellPlan,
): Promise<{ ranges: readonly ByteRange[]; codec: ValueCodec | undefined }> {
  const bodyPosition = block.position + block.metadataSizeBytes;
  for (const { start, bytes } of plan.watches) {
    (await source.read(bodyPosition + start, bytes.length)).copy(bytes);
  }
  // A value that did not shrink can be sent without a codec, which more clients can read.
  const plain = plan.plainCells?.();
  const ranges = (plain ?? plan.locate()).map(({ start, end }) => ({
    position: bodyPosition + start,
    sizeBytes: end - start,
  }));
  return { ranges, codec: plain === undefined ? plan.codec() : undefined };
}
