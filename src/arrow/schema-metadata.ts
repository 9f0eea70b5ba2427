/**
 * Sets metadata of a schema message without decoding its types: a new root is put in front.
 *
 *     front  root offset | Message' | Schema' | custom_metadata' | KeyValues of `set`
 *     old    the unchanged message: fields, types, features, kept KeyValues, the unused old roots
 *
 * The front is a multiple of 8 long, so the old bytes, to which its offsets refer forward, keep
 * their alignment. Only the fields of the Schema table of format 1.5 are carried over.
 * Cost: one copy of the message.
 */
import { FlatbufferReader, type FlatbufferTable, type VectorRange } from "./flatbuffer-reader.ts";
import { FlatbufferWriter, int16, int64, OFFSET, uint8 } from "./flatbuffer-writer.ts";
import { keyValueRanges, type SchemaMetadata, writeKeyValues } from "./key-values.ts";
import { schemaTable } from "./schema.ts";
import { HEADER_TYPE, MESSAGE, SCHEMA } from "./slots.ts";

/** Initial capacity, so that the writer need not grow; a larger front is only slower. */
const FRONT_SIZE_BYTES_EXPECTED = 1024;

export interface MessageWithFront {
  /** The new message. */
  readonly header: Buffer;
  /**
   * Position of the old message in it, a multiple of 8: `header.subarray(frontSizeBytes)` is the
   * given message.
   */
  readonly frontSizeBytes: number;
}

/**
 * Sets metadata of a Schema message: entries of `set` replace those with equal keys and come first;
 * entries with a key in `removed` are dropped; all others are kept.
 * @throws {CacheError} INVALID_IPC if the header is not a Schema message.
 */
export function withSchemaMetadata(
  header: Uint8Array,
  set: SchemaMetadata,
  removed: readonly string[] = [],
): MessageWithFront {
  const reader = new FlatbufferReader(header);
  const message = reader.root();
  const schema = schemaTable(message);
  const kept = keptEntries(reader, schema, [...set.map(([key]) => key), ...removed]);
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
 * Finds the value of a key in a Schema message, so that a value of the same length can overwrite
 * it. The first entry of the key counts; undefined if there is none.
 * @throws {CacheError} INVALID_IPC if the header is not a Schema message.
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

/**
 * Positions of the KeyValue tables whose keys are not in `set`. Keys are compared as bytes, never
 * decoded.
 */
function keptEntries(
  reader: FlatbufferReader,
  schema: FlatbufferTable,
  dropped: readonly string[],
): number[] {
  const replaced = dropped.map((key) => Buffer.from(key));
  const kept: number[] = [];
  for (const entry of keyValueRanges(schema, SCHEMA.metadata)) {
    if (!replaced.some((key) => equalBytes(reader, entry.key, key))) kept.push(entry.position);
  }
  return kept;
}

function equalBytes(reader: FlatbufferReader, range: VectorRange, wanted: Buffer): boolean {
  return range.length === wanted.length && reader.slice(range.position, range.length).equals(wanted);
}

/** Position of the vector in a slot, at its length. */
function vectorPosition(table: FlatbufferTable, slot: number, elementSizeBytes: number): number | undefined {
  const vector = table.vector(slot, elementSizeBytes);
  return vector === undefined ? undefined : vector.position - 4;
}
