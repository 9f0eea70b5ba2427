/**
 * New metadata for a schema message, without understanding any of its types.
 *
 *     front  root offset | Message' | Schema' | custom_metadata' | KeyValues of `set`        a multiple of 8 long
 *     old    the message as it came, every byte: fields, types, features, the kept KeyValues, the old and now unused roots
 *
 * The offsets of the front point forward into the old bytes, whose alignment stays. Only what the Schema table of format 1.5 has
 * is carried over. Cost: one copy of the message.
 */
import { FlatbufferReader, type FlatbufferTable, type VectorRange } from "./flatbuffer-reader.ts";
import { FlatbufferWriter, int16, int64, OFFSET, uint8 } from "./flatbuffer-writer.ts";
import { keyValueRanges, type SchemaMetadata, writeKeyValues } from "./key-values.ts";
import { schemaTable } from "./schema.ts";
import { HEADER_TYPE, MESSAGE, SCHEMA } from "./slots.ts";

/** Room for the front so that the writer need not grow; more is only slower. */
const FRONT_SIZE_BYTES_EXPECTED = 1024;

export interface MessageWithFront {
  /** The new message. */
  readonly header: Buffer;
  /** Where the old message begins in it, a multiple of 8: `header.subarray(frontSizeBytes)` is what was given. */
  readonly frontSizeBytes: number;
}

/**
 * Sets metadata of a Schema message: entries of `set` replace those with equal keys and come first, all others are kept.
 * @throws {CacheError} INVALID_IPC when the header is no Schema message.
 */
export function withSchemaMetadata(header: Uint8Array, set: SchemaMetadata): MessageWithFront {
  const reader = new FlatbufferReader(header);
  const message = reader.root();
  const schema = schemaTable(message);
  const kept = keptEntries(reader, schema, set);
  const messageMetadata = vectorPosition(message, MESSAGE.metadata, 4);
  const fields = vectorPosition(schema, SCHEMA.fields, 4);
  const features = vectorPosition(schema, SCHEMA.features, 8);

  const writer = new FlatbufferWriter(header.byteLength + FRONT_SIZE_BYTES_EXPECTED);
  const newMessage = writer.table([
    int16(message.int16(MESSAGE.version, 0)),
    uint8(HEADER_TYPE.schema),
    OFFSET,
    int64(message.bigint64(MESSAGE.bodySizeBytes, 0n)),
    messageMetadata === undefined ? undefined : OFFSET,
  ]);
  writer.link(0, newMessage.position);
  const newSchema = writer.table([
    int16(schema.int16(SCHEMA.endianness, 0)),
    fields === undefined ? undefined : OFFSET,
    OFFSET,
    features === undefined ? undefined : OFFSET,
  ]);
  writer.link(newMessage.slots[MESSAGE.header]!, newSchema.position);
  const keptFrom = writeKeyValues(writer, newSchema.slots[SCHEMA.metadata]!, set, kept.length);
  writer.align(8);

  const frontSizeBytes = writer.bytes(header);
  const linkOld = (from: number, target: number | undefined): void => {
    if (target !== undefined) writer.link(from, frontSizeBytes + target);
  };
  linkOld(newMessage.slots[MESSAGE.metadata]!, messageMetadata);
  linkOld(newSchema.slots[SCHEMA.fields]!, fields);
  linkOld(newSchema.slots[SCHEMA.features]!, features);
  kept.forEach((position, index) => {
    linkOld(keptFrom + 4 * index, position);
  });
  return { header: writer.finish(), frontSizeBytes };
}

/**
 * Where the value of a key lies in a Schema message, so that one of the same length can be written over it.
 * The first entry of that key counts; undefined when there is none.
 * @throws {CacheError} INVALID_IPC when the header is no Schema message.
 */
export function findMetadataValue(
  header: Uint8Array,
  key: string,
): { position: number; sizeBytes: number } | undefined {
  const reader = new FlatbufferReader(header);
  const wanted = Buffer.from(key);
  for (const entry of keyValueRanges(schemaTable(reader.root()), SCHEMA.metadata)) {
    if (!equalBytes(reader, entry.key, wanted)) continue;
    return entry.value && { position: entry.value.position, sizeBytes: entry.value.length };
  }
  return undefined;
}

/** Positions of the KeyValue tables whose keys are not set anew. Keys are compared as bytes, never decoded. */
function keptEntries(reader: FlatbufferReader, schema: FlatbufferTable, set: SchemaMetadata): number[] {
  const replaced = set.map(([key]) => Buffer.from(key));
  const kept: number[] = [];
  for (const entry of keyValueRanges(schema, SCHEMA.metadata)) {
    if (!replaced.some((key) => equalBytes(reader, entry.key, key))) kept.push(entry.position);
  }
  return kept;
}

function equalBytes(reader: FlatbufferReader, range: VectorRange, wanted: Buffer): boolean {
  return range.length === wanted.length && reader.slice(range.position, range.length).equals(wanted);
}

/** Where the vector in a slot stands, its length in front. */
function vectorPosition(table: FlatbufferTable, slot: number, elementSizeBytes: number): number | undefined {
  const vector = table.vector(slot, elementSizeBytes);
  return vector === undefined ? undefined : vector.position - 4;
}
