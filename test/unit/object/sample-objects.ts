/**
 * Object files for tests, written by the writers of src/object into memory, and what readers find in them.
 */
import { withSchemaMetadata } from "../../../src/arrow/schema-metadata.ts";
import type { Lifetime } from "../../../src/object/object-metadata.ts";
import { readPayloadSchema } from "../../../src/object/object-schema.ts";
import { OpaqueWriter } from "../../../src/object/opaque-writer.ts";
import { readBlockHeader, type StoredObject } from "../../../src/object/stored-blocks.ts";
import { type IpcBatchMessage, TableWriter } from "../../../src/object/table-writer.ts";
import { goldenStream, type SplitMessage, splitStream } from "../arrow/golden.ts";
import { MemoryBytes } from "./memory-bytes.ts";

export interface WrittenObject {
  readonly file: MemoryBytes;
  readonly form: "file" | "stream";
}

/** A value given in these pieces. */
export async function writeOpaque(
  pieces: readonly Uint8Array[],
  {
    version = 1,
    rowBytesMax,
    lifetime,
  }: { version?: number; rowBytesMax?: number; lifetime?: Lifetime } = {},
): Promise<WrittenObject> {
  const file = new MemoryBytes();
  const writer = new OpaqueWriter(file, rowBytesMax);
  for (const piece of pieces) await writer.append([piece]);
  const { part: form } = await writer.finish(version, { lifetime });
  return { file, form };
}

export interface TablePut {
  readonly schemaHeader: Buffer;
  readonly batches: readonly SplitMessage[];
}

/** A stream of test/golden/arrow as a client would put it. */
export function goldenTable(name: string): TablePut {
  const [schema, ...batches] = splitStream(goldenStream(name));
  return { schemaHeader: Buffer.from(schema!.header), batches };
}

/** The same as a Flame table, with a logical type. */
export function asFlameTable({ schemaHeader, batches }: TablePut): TablePut {
  const { header } = withSchemaMetadata(schemaHeader, [
    ["flame.cache.format", "arrow-table-v1"],
    ["flame.cache.logical_type", "pyarrow.table"],
  ]);
  return { schemaHeader: header, batches };
}

export async function writeTable(
  { schemaHeader, batches }: TablePut,
  { version = 1, appMetadata = [] }: { version?: number; appMetadata?: readonly string[] } = {},
): Promise<WrittenObject> {
  const file = new MemoryBytes();
  const writer = new TableWriter(file, schemaHeader, readPayloadSchema(schemaHeader));
  for (const [index, { header, body, message }] of batches.entries()) {
    await writer.beginBatch(header, message as IpcBatchMessage);
    await writer.appendBody([body]);
    writer.endBatch(Buffer.from(appMetadata[index] ?? ""));
  }
  const { part: form } = await writer.finish(version);
  return { file, form };
}

/** The value of an opaque object, as hex. */
export async function readValue(object: StoredObject): Promise<string> {
  const parts: Buffer[] = [];
  for (const { position, sizeBytes } of object.dataRanges) {
    parts.push(await object.source.read(position, sizeBytes));
  }
  return Buffer.concat(parts).toString("hex");
}

/** The messages of a table in order: header without the padding of its frame, body, app_metadata. */
export async function messagesOf(
  object: StoredObject,
  like: readonly SplitMessage[],
): Promise<{ header: string; body: string; appMetadata: string }[]> {
  const found: { header: string; body: string; appMetadata: string }[] = [];
  for (const { block, appMetadata } of object.batches) {
    const sent = like[found.length]!;
    const header = await readBlockHeader(object.source, block);
    const body = await object.source.read(block.position + block.metadataSizeBytes, sent.body.length);
    found.push({
      header: Buffer.from(header.subarray(0, sent.header.length)).toString("hex"),
      body: body.toString("hex"),
      appMetadata: Buffer.from(appMetadata).toString(),
    });
  }
  return found;
}

/** Everything a reader may take from an object, so that a damaged one fails here if it fails at all. */
export async function readAll(object: StoredObject): Promise<number> {
  let sizeBytes = 0;
  for (const range of object.dataRanges) {
    sizeBytes += (await object.source.read(range.position, range.sizeBytes)).length;
  }
  for (const { block } of object.batches) {
    await readBlockHeader(object.source, block);
    const bodyPosition = block.position + block.metadataSizeBytes;
    sizeBytes += (await object.source.read(bodyPosition, block.bodySizeBytes)).length;
  }
  return sizeBytes;
}
