/**
 * Writes a stored object once more, in our form: the same value or batches, as they are stored, compressed or not.
 *
 * Bodies pass in pieces of one read and are not decoded. The writer that comes back has everything but the version.
 */
import { decodeMessage } from "../arrow/message.ts";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { ByteSink, ByteSource } from "./byte-sink.ts";
import { readPayloadSchema } from "./object-schema.ts";
import type { ObjectWriter } from "./object-writer.ts";
import { OpaqueWriter } from "./opaque-writer.ts";
import { type ByteRange, readBlockHeader, type StoredObject } from "./stored-blocks.ts";
import { TableWriter } from "./table-writer.ts";

/** @throws {CacheError} OBJECT_CORRUPT, STORAGE_FULL, STORAGE_IO */
export async function copyObject(object: StoredObject, sink: ByteSink): Promise<ObjectWriter> {
  return object.kind === "opaque" ? await copyValue(object, sink) : await copyTable(object, sink);
}

async function copyValue({ dataRanges, codec, source }: StoredObject, sink: ByteSink): Promise<OpaqueWriter> {
  const writer = new OpaqueWriter(sink);
  for (const range of dataRanges)
    for await (const piece of pieces(source, range)) await writer.append([piece]);
  writer.endBatch(codec);
  return writer;
}

async function copyTable(
  { schemaHeader, batches, source }: StoredObject,
  sink: ByteSink,
): Promise<TableWriter> {
  const header = Buffer.from(schemaHeader);
  const writer = new TableWriter(sink, header, readPayloadSchema(header));
  for (const { block, appMetadata } of batches) {
    const batchHeader = await readBlockHeader(source, block);
    const message = decodeMessage(batchHeader);
    if (message.kind === "schema") throw new CacheError("OBJECT_CORRUPT", "a block of the file is a schema");
    await writer.beginBatch(batchHeader, message);
    const position = block.position + block.metadataSizeBytes;
    for await (const piece of pieces(source, { position, sizeBytes: message.bodySizeBytes }))
      await writer.appendBody([piece]);
    writer.endBatch(appMetadata);
  }
  return writer;
}

/** What the sink keeps as views is never given back to the source. */
async function* pieces(source: ByteSource, { position, sizeBytes }: ByteRange): AsyncGenerator<Buffer> {
  for (let done = 0; done < sizeBytes; ) {
    const viewBytes = source.contiguousBytes?.(position + done) ?? LIMITS.readChunkBytes;
    const piece = await source.read(
      position + done,
      Math.min(LIMITS.readChunkBytes, viewBytes, sizeBytes - done),
    );
    done += piece.length;
    yield piece;
  }
}
