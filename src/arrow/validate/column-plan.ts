/**
 * How the columns of a schema lie in a batch: one plan per column, with its layout and its
 * children's plans.
 *
 * A type that is not in this table, or has invalid parameters, cannot be checked and is refused. A
 * dictionary-encoded column has the layout of its indices; its values have the plan of the
 * dictionary.
 * Source: Arrow format, Columnar.rst, "Buffer Listing for Each Layout", and Schema.fbs.
 */
import { invalidIpc } from "../invalid-ipc.ts";
import type { ArrowField, FieldsOnly } from "../schema.ts";

export type LayoutName =
  | "null"
  | "fixed"
  | "indices"
  | "binary"
  | "view"
  | "list"
  | "listView"
  | "fixedSizeList"
  | "struct"
  | "map"
  | "sparseUnion"
  | "denseUnion"
  | "runEndEncoded";

/** The check of each value in full validation. */
export type ValueRule =
  | { readonly kind: "utf8" }
  | { readonly kind: "range"; readonly below: number }
  | { readonly kind: "multiple"; readonly of: number }
  | { readonly kind: "decimal"; readonly digits: number };

export interface ColumnPlan {
  readonly layout: LayoutName;
  readonly children: readonly ColumnPlan[];
  /**
   * Fixed width: bits of a value, 1 for bool. Otherwise bits of an offset, size, index or run end.
   */
  readonly bits: number;
  readonly isSigned: boolean;
  /** Fixed-size list: values per list. */
  readonly count: number;
  /** Union: the type id of each child. */
  readonly typeIds: readonly number[];
  /** Indices: the id of their dictionary. */
  readonly dictionaryId: bigint | undefined;
  readonly rule: ValueRule | undefined;
}

export interface TablePlan {
  readonly columns: readonly ColumnPlan[];
  /** Plans of the values, by id. */
  readonly dictionaries: ReadonlyMap<bigint, ColumnPlan>;
  /** Including children and dictionaries. */
  readonly columnCount: number;
  readonly isBigEndian: boolean;
}

type Parts = Partial<ColumnPlan> & Pick<ColumnPlan, "layout">;

/** Fields per step: some ten microseconds of work. */
const FIELDS_PER_STEP = 32;

/** @throws {CacheError} INVALID_IPC */
export function* planTableSteps(schema: FieldsOnly): Generator<void, TablePlan> {
  const planner = new Planner();
  const columns = yield* planner.columns(schema.fields);
  const isBigEndian = schema.endianness === "big";
  return { columns, dictionaries: planner.dictionaries, columnCount: planner.columnCount, isBigEndian };
}

class Planner {
  readonly dictionaries = new Map<bigint, ColumnPlan>();
  /** Texts of dictionary plans: columns that share a dictionary have equal texts. */
  readonly #texts = new Map<bigint, string>();
  columnCount = 0;

  *columns(fields: readonly ArrowField[]): Generator<void, ColumnPlan[]> {
    const plans: ColumnPlan[] = [];
    for (const field of fields) {
      plans.push(yield* this.#column(field));
      this.columnCount += 1;
      if (this.columnCount % FIELDS_PER_STEP === 0) yield;
    }
    return plans;
  }

  *#column(field: ArrowField): Generator<void, ColumnPlan> {
    const values = yield* this.#values(field);
    const { dictionary } = field;
    if (dictionary === undefined) return values;
    const { id } = dictionary;
    const text = JSON.stringify(values, bigintsAsText);
    if ((this.#texts.get(id) ?? text) !== text)
      throw invalidIpc("two columns share a dictionary of different types");
    this.#texts.set(id, text);
    this.dictionaries.set(id, values);
    const index = /^(u?)int(8|16|32|64)$/.exec(dictionary.indexType.name);
    if (index === null) throw unknownType(dictionary.indexType.name);
    const [, sign, bits] = index;
    return plan({ layout: "indices", bits: Number(bits), isSigned: sign === "", dictionaryId: id });
  }

  *#values(field: ArrowField): Generator<void, ColumnPlan> {
    const parts = layoutOf(field.type.name);
    const made = plan({ ...parts, children: yield* this.columns(field.children) });
    const isWhole = CHILDREN[made.layout]?.(field, made) ?? field.children.length === 0;
    if (!isWhole)
      throw invalidIpc("a field does not have the children of its type", {
        type: field.type.name.slice(0, 80),
      });
    return made;
  }
}

/** Whether the children fit the layout; a layout without an entry has none. */
const CHILDREN: Partial<Record<LayoutName, (field: ArrowField, plan: ColumnPlan) => boolean>> = {
  list: ({ children }) => children.length === 1,
  listView: ({ children }) => children.length === 1,
  fixedSizeList: ({ children }) => children.length === 1,
  struct: () => true,
  map: ({ children }) => isMapEntry(children),
  sparseUnion: ({ children }, { typeIds }) => areTags(typeIds, children.length),
  denseUnion: ({ children }, { typeIds }) => areTags(typeIds, children.length),
  runEndEncoded: ({ children: [ends, ...others] }) =>
    others.length === 1 && ends?.dictionary === undefined && /^int(16|32|64)$/.test(ends?.type.name ?? ""),
};

function isMapEntry([entry, ...others]: readonly ArrowField[]): boolean {
  if (entry === undefined || others.length > 0 || entry.nullable || entry.dictionary !== undefined)
    return false;
  return entry.type.name === "struct" && entry.children.length === 2 && entry.children[0]?.nullable === false;
}

function areTags(ids: readonly number[], childCount: number): boolean {
  return (
    ids.length === childCount && new Set(ids).size === childCount && ids.every((id) => id >= 0 && id <= 127)
  );
}

const DAY_MS = 86_400_000;
const UTF8 = { kind: "utf8" } as const;

/** Types without parameters. */
const PLAIN: ReadonlyMap<string, Parts> = new Map<string, Parts>([
  ["null", { layout: "null" }],
  ["bool", { layout: "fixed", bits: 1 }],
  ["date32", { layout: "fixed", bits: 32 }],
  ["date64", { layout: "fixed", bits: 64, rule: { kind: "multiple", of: DAY_MS } }],
  ["time32[s]", { layout: "fixed", bits: 32, rule: { kind: "range", below: DAY_MS / 1000 } }],
  ["time32[ms]", { layout: "fixed", bits: 32, rule: { kind: "range", below: DAY_MS } }],
  ["time64[us]", { layout: "fixed", bits: 64, rule: { kind: "range", below: DAY_MS * 1000 } }],
  ["time64[ns]", { layout: "fixed", bits: 64, rule: { kind: "range", below: DAY_MS * 1_000_000 } }],
  ["interval[year_month]", { layout: "fixed", bits: 32 }],
  ["interval[day_time]", { layout: "fixed", bits: 64 }],
  ["interval[month_day_nano]", { layout: "fixed", bits: 128 }],
  ["binary", { layout: "binary", bits: 32 }],
  ["utf8", { layout: "binary", bits: 32, rule: UTF8 }],
  ["large_binary", { layout: "binary", bits: 64 }],
  ["large_utf8", { layout: "binary", bits: 64, rule: UTF8 }],
  ["binary_view", { layout: "view" }],
  ["utf8_view", { layout: "view", rule: UTF8 }],
  ["list", { layout: "list", bits: 32 }],
  ["large_list", { layout: "list", bits: 64 }],
  ["list_view", { layout: "listView", bits: 32 }],
  ["large_list_view", { layout: "listView", bits: 64 }],
  ["struct", { layout: "struct" }],
  ["map", { layout: "map", bits: 32 }],
  ["map[keys_sorted]", { layout: "map", bits: 32 }],
  ["run_end_encoded", { layout: "runEndEncoded" }],
]);

const DECIMAL_DIGITS: ReadonlyMap<number, number> = new Map([
  [32, 9],
  [64, 18],
  [128, 38],
  [256, 76],
]);

/** Types with parameters; undefined if the parameters are invalid. */
const WITH_PARAMETERS: readonly (readonly [RegExp, (parts: readonly string[]) => Parts | undefined])[] = [
  [
    /^(u?)int(8|16|32|64)$/,
    ([sign, bits]) => ({ layout: "fixed", bits: Number(bits), isSigned: sign === "" }),
  ],
  [/^float(16|32|64)$/, ([bits]) => ({ layout: "fixed", bits: Number(bits) })],
  [/^(?:timestamp|duration)\[(?:s|ms|us|ns)(?:, .*)?\]$/s, () => ({ layout: "fixed", bits: 64 })],
  [/^decimal(\d+)\((-?\d+),-?\d+\)$/, ([bits, digits]) => decimal(Number(bits), Number(digits))],
  [/^fixed_size_binary\[(\d+)\]$/, ([width]) => ({ layout: "fixed", bits: 8 * Number(width) })],
  [/^fixed_size_list\[(\d+)\]$/, ([count]) => ({ layout: "fixedSizeList", count: Number(count) })],
  [/^sparse_union\[(.*)\]$/, ([ids]) => ({ layout: "sparseUnion", typeIds: numbers(ids) })],
  [/^dense_union\[(.*)\]$/, ([ids]) => ({ layout: "denseUnion", bits: 32, typeIds: numbers(ids) })],
];

function layoutOf(type: string): Parts {
  const plain = PLAIN.get(type);
  if (plain !== undefined) return plain;
  for (const [pattern, make] of WITH_PARAMETERS) {
    const match = pattern.exec(type);
    const parts = match === null ? undefined : make(match.slice(1));
    if (parts !== undefined) return parts;
  }
  throw unknownType(type);
}

function decimal(bits: number, digits: number): Parts | undefined {
  const digitsMax = DECIMAL_DIGITS.get(bits);
  if (digitsMax === undefined || digits < 1 || digits > digitsMax) return undefined;
  return { layout: "fixed", bits, rule: { kind: "decimal", digits } };
}

function numbers(text = ""): number[] {
  return text === "" ? [] : text.split(",").map(Number);
}

function plan(parts: Parts): ColumnPlan {
  const rest = { children: [], bits: 0, isSigned: true, count: 0, typeIds: [], dictionaryId: undefined };
  return { ...rest, rule: undefined, ...parts };
}

function unknownType(type: string): Error {
  return invalidIpc("a field has a type that cannot be checked", { type: type.slice(0, 80) });
}

function bigintsAsText(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
