/**
 * Reads an object file that a client wrote straight into the storage directory (PROTOCOL, "Files").
 *
 * It carries none of the cache's own metadata: it counts as version 1, its kind is told by its schema, rows are
 * counted from its messages, and an opaque value is found through its offsets.
 */
import type { Block, Footer } from "../arrow/footer.ts";
import { type BatchLayout, decodeMessage } from "../arrow/message.ts";
import { CacheError } from "../errors.ts";
import type { ByteSource } from "./byte-sink.ts";
import { readPayloadSchema } from "./object-schema.ts";
import {
  type ByteRange,
  blocksInOrder,
  readBlockHeader,
  StoredBatches,
  type StoredObject,
} from "./stored-blocks.ts";

const FIRST_VERSION = 1;

/** @throws {CacheError} OBJECT_CORRUPT, INVALID_IPC when a message in it is malformed. */
export async function readClientFile(
  source: ByteSource,
  footer: Footer,
  schemaHeader: Buffer,
): Promise<StoredObject> {
  const payload = readPayloadSchema(schemaHeader);
  const dataRanges: ByteRange[] = [];
  let rowCount = 0;
  let dataBytes = 0;
  for (const block of blocksInOrder(footer)) {
    const message = decodeMessage(await readBlockHeader(source, block));
    if (message.kind === "schema") throw new CacheError("OBJECT_CORRUPT", "a block of the file is a schema");
    if (message.kind === "recordBatch") rowCount += message.batch.rowCount;
    if (payload.kind === "opaque") {
      const range = await locateCells(source, block, message.batch, payload.offsetBytes);
      dataRanges.push(range);
      dataBytes += range.sizeBytes;
    } else {
      dataBytes += block.bodySizeBytes;
    }
  }
  return {
    kind: payload.kind === "opaque" ? "opaque" : "table",
    version: FIRST_VERSION,
    rowCount,
    dataBytes,
    schemaHeader,
    dataRanges,
    batches: payload.kind === "opaque" ? [] : new StoredBatches(footer),
    checksum: [],
    source,
  };
}

/** Where the data cells of one batch lie in the file. */
async function locateCells(
  source: ByteSource,
  block: Block,
  layout: BatchLayout,
  offsetBytes: 4 | 8,
): Promise<ByteRange> {
  const bodyPosition = block.position + block.metadataSizeBytes;
  if (layout.rowCount === 0) return { position: bodyPosition, sizeBytes: 0 };
  if (layout.compression !== "none") throw new CacheError("OBJECT_CORRUPT", "an opaque file is compressed");
  const buffers = layout.buffers();
  const offsets = buffers[3];
  const values = buffers[4];
  if (offsets === undefined || values === undefined || buffers.length !== 5) {
    throw new CacheError("OBJECT_CORRUPT", "an opaque batch has not two columns");
  }
  if (offsets.sizeBytes < (layout.rowCount + 1) * offsetBytes) {
    throw new CacheError("OBJECT_CORRUPT", "an opaque batch has fewer offsets than rows");
  }
  const readOffset = async (index: number): Promise<number> => {
    const bytes = await source.read(bodyPosition + offsets.offset + index * offsetBytes, offsetBytes);
    return offsetBytes === 4 ? bytes.readInt32LE(0) : Number(bytes.readBigInt64LE(0));
  };
  const first = await readOffset(0);
  const last = await readOffset(layout.rowCount);
  if (first < 0 || last < first || last > values.sizeBytes) {
    throw new CacheError("OBJECT_CORRUPT", "an opaque batch has offsets outside of its values");
  }
  return { position: bodyPosition + values.offset + first, sizeBytes: last - first };
}
