/**
 * Arrow's custom_metadata: a vector of KeyValue tables in schemas, fields and footers.
 *
 * Order and repeated keys are kept. Values are text by the format, but writers put any bytes there:
 * invalid UTF-8 is read as U+FFFD here and stays unchanged in the message.
 */
import { LIMITS } from "../limits.ts";
import type { FlatbufferTable, TextEncoding, VectorRange } from "./flatbuffer-reader.ts";
import { type FlatbufferWriter, OFFSET } from "./flatbuffer-writer.ts";
import { invalidIpc } from "./invalid-ipc.ts";
import { KEY_VALUE } from "./slots.ts";

export type SchemaMetadata = readonly (readonly [string, string])[];

const NONE: SchemaMetadata = [];
const NO_RANGE: VectorRange = { position: 0, length: 0 };

/**
 * Decodes the metadata in a slot. A missing vector, key or value is read as empty. @throws
 * {CacheError} INVALID_IPC
 */
export function decodeKeyValues(
  table: FlatbufferTable,
  slot: number,
  encoding: TextEncoding = "utf8",
): SchemaMetadata {
  const vector = entriesVector(table, slot);
  if (vector.length === 0) return NONE;
  const entries: [string, string][] = [];
  for (let index = 0; index < vector.length; index++) {
    const entry = table.reader.tableAt(vector.position + 4 * index);
    const [key, value] = [entry.string(KEY_VALUE.key, encoding), entry.string(KEY_VALUE.value, encoding)];
    entries.push([key ?? "", value ?? ""]);
  }
  return entries;
}

/** One undecoded entry. */
export interface KeyValueRange {
  /** Position of the KeyValue table. */
  readonly position: number;
  readonly key: VectorRange;
  readonly value: VectorRange | undefined;
}

/**
 * The entries in a slot, one after the other, without decoding their texts. @throws {CacheError}
 * INVALID_IPC
 */
export function* keyValueRanges(table: FlatbufferTable, slot: number): Generator<KeyValueRange> {
  const vector = entriesVector(table, slot);
  for (let index = 0; index < vector.length; index++) {
    const entry = table.reader.tableAt(vector.position + 4 * index);
    const key = entry.vector(KEY_VALUE.key, 1) ?? NO_RANGE;
    yield { position: entry.position, key, value: entry.vector(KEY_VALUE.value, 1) };
  }
}

/** Counts the entries; visits each but decodes none. @throws {CacheError} INVALID_IPC */
export function countKeyValues(table: FlatbufferTable, slot: number): number {
  const vector = entriesVector(table, slot);
  for (let index = 0; index < vector.length; index++) {
    const entry = table.reader.tableAt(vector.position + 4 * index);
    entry.vector(KEY_VALUE.key, 1);
    entry.vector(KEY_VALUE.value, 1);
  }
  return vector.length;
}

function entriesVector(table: FlatbufferTable, slot: number): VectorRange {
  const vector = table.vector(slot, 4) ?? NO_RANGE;
  if (vector.length > LIMITS.metadataEntriesMax) throw invalidIpc("too many metadata entries");
  return vector;
}

/**
 * Writes a vector of entries and links it to the offset at `from`. `older` are positions of
 * KeyValue tables that will follow everything written now. Returns their places in the vector,
 * after the new entries, for the caller to link.
 */
export function writeKeyValues(
  writer: FlatbufferWriter,
  from: number,
  entries: SchemaMetadata,
  olderCount = 0,
): number {
  const vector = writer.vector(entries.length + olderCount, 4, 4);
  writer.link(from, vector);
  entries.forEach(([key, value], index) => {
    const table = writer.table([OFFSET, OFFSET]);
    writer.link(vector + 4 + 4 * index, table.position);
    writer.link(table.slots[KEY_VALUE.key]!, writer.string(key));
    writer.link(table.slots[KEY_VALUE.value]!, writer.string(value));
  });
  return vector + 4 + 4 * entries.length;
}
