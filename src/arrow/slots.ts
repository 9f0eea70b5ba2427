/**
 * Numbers of the Arrow format: slots of flatbuffer tables, union tags, and struct sizes.
 *
 * Source: Schema.fbs, Message.fbs and File.fbs of the Arrow format, version 1.5. A slot is a
 * field's index in its .fbs table; a union has two slots, the tag first. Structs are stored inline
 * in their vectors.
 */

/** MetadataVersion: nothing reads versions older than V4 any more. */
export const METADATA_V4 = 3;
export const METADATA_V5 = 4;

export const MESSAGE = { version: 0, headerType: 1, header: 2, bodySizeBytes: 3, metadata: 4 } as const;
export const HEADER_TYPE = { schema: 1, dictionaryBatch: 2, recordBatch: 3 } as const;

export const SCHEMA = { endianness: 0, fields: 1, metadata: 2, features: 3 } as const;
export const FIELD = {
  name: 0,
  nullable: 1,
  typeId: 2,
  type: 3,
  dictionary: 4,
  children: 5,
  metadata: 6,
} as const;
export const DICTIONARY_ENCODING = { id: 0, indexType: 1, isOrdered: 2 } as const;
export const KEY_VALUE = { key: 0, value: 1 } as const;

export const RECORD_BATCH = {
  rowCount: 0,
  nodes: 1,
  buffers: 2,
  compression: 3,
  dataBufferCounts: 4,
} as const;
export const DICTIONARY_BATCH = { id: 0, data: 1, isDelta: 2 } as const;
export const BODY_COMPRESSION = { codec: 0, method: 1 } as const;
/** FieldNode {length: int64, null_count: int64}; Buffer {offset: int64, length: int64}. */
export const NODE_SIZE_BYTES = 16;
export const BUFFER_SIZE_BYTES = 16;
/** An int64 per view column. */
export const DATA_BUFFER_COUNT_BYTES = 8;

export const FOOTER = { version: 0, schema: 1, dictionaries: 2, recordBatches: 3, metadata: 4 } as const;
/** Block {offset: int64, metaDataLength: int32, 4 bytes of padding, bodyLength: int64}. */
export const BLOCK_SIZE_BYTES = 24;

/** The Type union. Names are this project's canonical texts for types without parameters. */
export const TYPE_ID = {
  null: 1,
  int: 2,
  floatingPoint: 3,
  binary: 4,
  utf8: 5,
  bool: 6,
  decimal: 7,
  date: 8,
  time: 9,
  timestamp: 10,
  interval: 11,
  list: 12,
  struct: 13,
  union: 14,
  fixedSizeBinary: 15,
  fixedSizeList: 16,
  map: 17,
  duration: 18,
  largeBinary: 19,
  largeUtf8: 20,
  largeList: 21,
  runEndEncoded: 22,
  binaryView: 23,
  utf8View: 24,
  listView: 25,
  largeListView: 26,
} as const;
