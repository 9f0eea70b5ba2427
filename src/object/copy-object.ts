/**
 * Copies a stored object to our form: the same value or batches, as stored, compressed or not.
 *
 * Bodies pass in pieces of one read and are not decoded. The returned writer lacks only the
 * version.
 */
import type { Block } from "../arrow/footer.ts";
import { decodeMessage } from "../arrow/message.ts";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { turnIfDue } from "../turns.ts";
import type { ByteSink, ByteSource } from "./byte-sink.ts";
import { readPayloadSchemaInTurns } from "./object-schema.ts";
import type { ObjectWriter } from "./object-writer.ts";
import { padTo } from "./opaque-row.ts";
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
  { schemaHeader, schemaAppMetadata, batches, source }: StoredObject,
  sink: ByteSink,
): Promise<TableWriter> {
  const header = Buffer.from(schemaHeader);
  const writer = new TableWriter(sink, header, await readPayloadSchemaInTurns(header));
  if (schemaAppMetadata !== undefined) writer.keepSchemaAppMetadata(schemaAppMetadata);
  for (const { block, appMetadata } of batches) {
    const turn = turnIfDue();
    if (turn !== undefined) await turn;
    const batchHeader = await readBlockHeader(source, block);
    const message = decodeMessage(batchHeader);
    if (message.kind === "schema") throw new CacheError("OBJECT_CORRUPT", "a block of the file is a schema");
    if (message.bodySizeBytes > block.bodySizeBytes)
      throw new CacheError("OBJECT_CORRUPT", "a stored body is shorter than its message declares");
    await writer.beginBatch(batchHeader, message);
    await copyBody(source, block, { writer, bodySizeBytes: message.bodySizeBytes });
    writer.endBatch(appMetadata);
  }
  return writer;
}

interface CopiedBody {
  readonly writer: TableWriter;
  /** Without its padding, which is read only for the checksum (checked-source.ts). */
  readonly bodySizeBytes: number;
}

async function copyBody(
  source: ByteSource,
  block: Block,
  { writer, bodySizeBytes }: CopiedBody,
): Promise<void> {
  const position = block.position + block.metadataSizeBytes;
  const sizeBytes = Math.min(padTo(bodySizeBytes, 8), block.bodySizeBytes);
  let leftBytes = bodySizeBytes;
  for await (const piece of pieces(source, { position, sizeBytes })) {
    const body = piece.subarray(0, Math.min(piece.length, leftBytes));
    leftBytes -= body.length;
    if (body.length > 0) await writer.appendBody([body]);
  }
}

/** Buffers that the sink keeps as views are never returned to the source. */
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
