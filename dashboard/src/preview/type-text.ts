/**
 * Names Arrow types as the documentation of Arrow does: `int32`, `list<utf8>`, `timestamp[ms, UTC]`.
 * Pure.
 */
import { type DataType, type Field, Type } from "@uwdata/flechette";
import { cut, visible } from "../format/visible-text.ts";

const FLOATS = ["float16", "float32", "float64"];
const TIME_UNITS = ["s", "ms", "us", "ns"];
const INTERVALS = ["year_month", "day_time", "month_day_nano"];
const DEPTH_MAX = 3;
const CHILDREN_MAX = 8;

const PLAIN: Readonly<Record<number, string>> = {
  [Type.Null]: "null",
  [Type.Binary]: "binary",
  [Type.Utf8]: "utf8",
  [Type.Bool]: "bool",
  [Type.LargeBinary]: "large_binary",
  [Type.LargeUtf8]: "large_utf8",
  [Type.BinaryView]: "binary_view",
  [Type.Utf8View]: "utf8_view",
};

const NESTED: Readonly<Record<number, string>> = {
  [Type.List]: "list",
  [Type.Struct]: "struct",
  [Type.Union]: "union",
  [Type.FixedSizeList]: "fixed_size_list",
  [Type.Map]: "map",
  [Type.LargeList]: "large_list",
  [Type.RunEndEncoded]: "run_end_encoded",
  [Type.ListView]: "list_view",
  [Type.LargeListView]: "large_list_view",
};

export function typeText(type: DataType, depth = 0): string {
  const plain = PLAIN[type.typeId];
  if (plain !== undefined) return plain;
  const nested = NESTED[type.typeId];
  if (nested !== undefined && "children" in type) {
    return `${nested}<${depth < DEPTH_MAX ? childrenText(type.children, depth) : "…"}>`;
  }
  switch (type.typeId) {
    case Type.Dictionary:
      return depth < DEPTH_MAX ? `dictionary<${typeText(type.dictionary, depth + 1)}>` : "dictionary<…>";
    case Type.Int:
      return `${type.signed ? "" : "u"}int${type.bitWidth}`;
    case Type.Float:
      return FLOATS[type.precision] ?? "float";
    case Type.Decimal:
      return `decimal${type.bitWidth}(${type.precision}, ${type.scale})`;
    case Type.Date:
      return type.unit === 0 ? "date32" : "date64";
    case Type.Time:
      return `time${type.bitWidth}[${TIME_UNITS[type.unit]}]`;
    case Type.Timestamp:
      return `timestamp[${TIME_UNITS[type.unit]}${type.timezone ? `, ${visible(cut(type.timezone, 40))}` : ""}]`;
    case Type.Interval:
      return `interval[${INTERVALS[type.unit]}]`;
    case Type.Duration:
      return `duration[${TIME_UNITS[type.unit]}]`;
    case Type.FixedSizeBinary:
      return `fixed_size_binary[${type.stride}]`;
    default:
      return "unknown";
  }
}

function childrenText(children: readonly Field[], depth: number): string {
  const texts = children.slice(0, CHILDREN_MAX).map(({ name, type }) => {
    const text = typeText(type, depth + 1);
    return children.length === 1 ? text : `${visible(cut(name, 40))}: ${text}`;
  });
  return texts.join(", ") + (children.length > CHILDREN_MAX ? ", …" : "");
}
