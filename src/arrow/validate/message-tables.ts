/**
 * The tables of Message.fbs and Schema.fbs, format 1.5, slot by slot, for the verifier.
 *
 * Slots are required if readers rely on them. Numbers of slots and tags as in slots.ts.
 */
import { HEADER_TYPE, TYPE_ID } from "../slots.ts";
import { type SlotSpec, type TableSpec, verifySteps } from "./flatbuffer-verifier.ts";

const BYTE: SlotSpec = { kind: "scalar", sizeBytes: 1 };
const INT16: SlotSpec = { kind: "scalar", sizeBytes: 2 };
const INT32: SlotSpec = { kind: "scalar", sizeBytes: 4 };
const INT64: SlotSpec = { kind: "scalar", sizeBytes: 8 };
/** Names of fields and time zones. Metadata of some writers is not UTF-8. */
const TEXT: SlotSpec = { kind: "string", isUtf8: true };

const KEY_VALUE: TableSpec = [
  { kind: "string", isRequired: true },
  { kind: "string", isRequired: true },
];
const METADATA: SlotSpec = { kind: "tables", of: () => KEY_VALUE };

const INT: TableSpec = [INT32, BYTE];
const ENUM: TableSpec = [INT16];
const EMPTY: TableSpec = [];

const TYPES: ReadonlyMap<number, TableSpec> = new Map([
  [TYPE_ID.null, EMPTY],
  [TYPE_ID.int, INT],
  [TYPE_ID.floatingPoint, ENUM],
  [TYPE_ID.binary, EMPTY],
  [TYPE_ID.utf8, EMPTY],
  [TYPE_ID.bool, EMPTY],
  [TYPE_ID.decimal, [INT32, INT32, INT32]],
  [TYPE_ID.date, ENUM],
  [TYPE_ID.time, [INT16, INT32]],
  [TYPE_ID.timestamp, [INT16, TEXT]],
  [TYPE_ID.interval, ENUM],
  [TYPE_ID.list, EMPTY],
  [TYPE_ID.struct, EMPTY],
  [TYPE_ID.union, [INT16, { kind: "vector", elementBytes: 4 }]],
  [TYPE_ID.fixedSizeBinary, [INT32]],
  [TYPE_ID.fixedSizeList, [INT32]],
  [TYPE_ID.map, [BYTE]],
  [TYPE_ID.duration, ENUM],
  [TYPE_ID.largeBinary, EMPTY],
  [TYPE_ID.largeUtf8, EMPTY],
  [TYPE_ID.largeList, EMPTY],
  [TYPE_ID.runEndEncoded, EMPTY],
  [TYPE_ID.binaryView, EMPTY],
  [TYPE_ID.utf8View, EMPTY],
  [TYPE_ID.listView, EMPTY],
  [TYPE_ID.largeListView, EMPTY],
]);

const DICTIONARY_ENCODING: TableSpec = [
  INT64,
  { kind: "table", of: () => INT, isRequired: true },
  BYTE,
  INT16,
];

const FIELD: TableSpec = [
  TEXT,
  BYTE,
  BYTE,
  { kind: "union", of: TYPES, isRequired: true },
  { kind: "table", of: () => DICTIONARY_ENCODING },
  { kind: "tables", of: () => FIELD },
  METADATA,
];

const SCHEMA: TableSpec = [
  INT16,
  { kind: "tables", of: () => FIELD, isRequired: true },
  METADATA,
  { kind: "vector", elementBytes: 8 },
];

const RECORD_BATCH: TableSpec = [
  INT64,
  { kind: "vector", elementBytes: 16 },
  { kind: "vector", elementBytes: 16 },
  { kind: "table", of: () => [BYTE, BYTE] },
  { kind: "vector", elementBytes: 8 },
];

const DICTIONARY_BATCH: TableSpec = [
  INT64,
  { kind: "table", of: () => RECORD_BATCH, isRequired: true },
  BYTE,
];

const HEADERS: ReadonlyMap<number, TableSpec> = new Map([
  [HEADER_TYPE.schema, SCHEMA],
  [HEADER_TYPE.dictionaryBatch, DICTIONARY_BATCH],
  [HEADER_TYPE.recordBatch, RECORD_BATCH],
]);

const MESSAGE: TableSpec = [INT16, BYTE, { kind: "union", of: HEADERS, isRequired: true }, INT64, METADATA];

/** Verifies a bare Message flatbuffer. @throws {CacheError} INVALID_IPC */
export function verifyMessageSteps(header: Uint8Array): Generator<void, void> {
  return verifySteps(header, MESSAGE);
}
