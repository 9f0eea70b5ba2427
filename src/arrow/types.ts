/**
 * The type of a field as canonical text with parameters: `int64`, `decimal128(38,9)`,
 * `timestamp[us, UTC]`.
 *
 * The text does not include nested types, which are the field's children. Two types have equal
 * texts exactly if they mean the same to a reader. An unknown type becomes `type#N` with its raw
 * slots, so that it can be stored and compared. Parameters are not validated here.
 * Source: Schema.fbs, union Type, including the defaults of absent slots.
 */
import { LIMITS } from "../limits.ts";
import type { FlatbufferTable } from "./flatbuffer-reader.ts";
import { invalidIpc } from "./invalid-ipc.ts";
import { TYPE_ID } from "./slots.ts";

const PLAIN = new Map<number, string>([
  [TYPE_ID.null, "null"],
  [TYPE_ID.binary, "binary"],
  [TYPE_ID.utf8, "utf8"],
  [TYPE_ID.bool, "bool"],
  [TYPE_ID.list, "list"],
  [TYPE_ID.struct, "struct"],
  [TYPE_ID.largeBinary, "large_binary"],
  [TYPE_ID.largeUtf8, "large_utf8"],
  [TYPE_ID.largeList, "large_list"],
  [TYPE_ID.runEndEncoded, "run_end_encoded"],
  [TYPE_ID.binaryView, "binary_view"],
  [TYPE_ID.utf8View, "utf8_view"],
  [TYPE_ID.listView, "list_view"],
  [TYPE_ID.largeListView, "large_list_view"],
]);

const TIME_UNITS = ["s", "ms", "us", "ns"];
const INTERVAL_UNITS = ["year_month", "day_time", "month_day_nano"];
const MILLISECOND = 1;

/** @throws {CacheError} INVALID_IPC */
export function formatType(typeId: number, type: FlatbufferTable, childCount: number): string {
  switch (typeId) {
    case TYPE_ID.int:
      return formatInt(type);
    case TYPE_ID.floatingPoint:
      return `float${named(["16", "32", "64"], type.int16(0, 0))}`;
    case TYPE_ID.decimal:
      return `decimal${type.int32(2, 128)}(${type.int32(0, 0)},${type.int32(1, 0)})`;
    case TYPE_ID.date:
      return `date${named(["32", "64"], type.int16(0, MILLISECOND))}`;
    case TYPE_ID.time:
      return `time${type.int32(1, 32)}[${named(TIME_UNITS, type.int16(0, MILLISECOND))}]`;
    case TYPE_ID.timestamp:
      return formatTimestamp(type);
    case TYPE_ID.duration:
      return `duration[${named(TIME_UNITS, type.int16(0, MILLISECOND))}]`;
    case TYPE_ID.interval:
      return `interval[${named(INTERVAL_UNITS, type.int16(0, 0))}]`;
    case TYPE_ID.union:
      return formatUnion(type, childCount);
    case TYPE_ID.fixedSizeBinary:
      return `fixed_size_binary[${type.int32(0, 0)}]`;
    case TYPE_ID.fixedSizeList:
      return `fixed_size_list[${type.int32(0, 0)}]`;
    case TYPE_ID.map:
      return type.boolean(0) ? "map[keys_sorted]" : "map";
    default:
      return PLAIN.get(typeId) ?? `type#${typeId}(${type.rawSlots()})`;
  }
}

/**
 * Also the index type of a dictionary, which is an Int without a tag. @throws {CacheError}
 * INVALID_IPC
 */
export function formatInt(type: FlatbufferTable): string {
  return `${type.boolean(1) ? "" : "u"}int${type.int32(0, 0)}`;
}

/** An empty time zone equals none (Schema.fbs, "Timestamps with an unset / empty timezone"). */
function formatTimestamp(type: FlatbufferTable): string {
  const unit = named(TIME_UNITS, type.int16(0, 0));
  const zone = shortText(type, 1);
  return zone === "" ? `timestamp[${unit}]` : `timestamp[${unit}, ${zone}]`;
}

/** Absent type ids are the children's indices. */
function formatUnion(type: FlatbufferTable, childCount: number): string {
  const mode = named(["sparse", "dense"], type.int16(0, 0));
  const ids: number[] = [];
  const vector = type.vector(1, 4);
  if (Math.max(childCount, vector?.length ?? 0) > LIMITS.unionChildrenMax)
    throw invalidIpc("a union has too many children");
  if (vector === undefined) for (let child = 0; child < childCount; child++) ids.push(child);
  else for (let id = 0; id < vector.length; id++) ids.push(type.reader.int32(vector.position + 4 * id));
  return `${mode}_union[${ids.join(",")}]`;
}

/** A text of the schema; empty if absent. @throws {CacheError} INVALID_IPC */
export function shortText(table: FlatbufferTable, slot: number): string {
  const range = table.vector(slot, 1);
  if (range === undefined) return "";
  if (range.length > LIMITS.schemaTextBytesMax) throw invalidIpc("a name in the schema is too long");
  return table.reader.text(range);
}

function named(names: readonly string[], value: number): string {
  return names[value] ?? `#${value}`;
}
