/**
 * The parts that each layout takes of a batch: its buffers in order, their required sizes, and the
 * checks of the body.
 *
 * One row per layout, in the order of Columnar.rst. `nullCount` is 0 for layouts without a validity
 * bitmap, and the length for a null column. A child has at least the rows that its parent's rows
 * need.
 * Source: Arrow format, Columnar.rst.
 */
import { LIMITS } from "../../limits.ts";
import { invalidIpc } from "../invalid-ipc.ts";
import { type BufferRange, type FieldNode, UNKNOWN_NULLS } from "../message.ts";
import type { BatchParts } from "./batch-parts.ts";
import type { ColumnPlan, LayoutName } from "./column-plan.ts";
import { DenseOffsetsWalk, IndicesWalk, RunEndsWalk, TagsWalk } from "./walks/indices.ts";
import { HoldWalk, OffsetsWalk, SizesWalk } from "./walks/offsets.ts";
import { ValidityWalk } from "./walks/validity.ts";
import { TextWalk, ValuesWalk } from "./walks/values.ts";
import { HeldViews, ViewsWalk } from "./walks/views.ts";
import type { Elements } from "./walks/walk.ts";

/** Columns and data buffers per step: some ten microseconds of work. */
const COLUMNS_PER_STEP = 32;

/**
 * Takes columns of a batch with their children, in order. @throws {CacheError} INVALID_IPC,
 * OBJECT_TOO_LARGE
 */
export function* takeColumns(
  parts: BatchParts,
  plans: readonly ColumnPlan[],
  took: (node: FieldNode, index: number) => void,
): Generator<void, void> {
  for (const [index, plan] of plans.entries()) {
    took(yield* takeColumn(parts, plan), index);
    if (index % COLUMNS_PER_STEP === COLUMNS_PER_STEP - 1) yield;
  }
}

function* takeColumn(parts: BatchParts, plan: ColumnPlan): Generator<void, FieldNode> {
  const node = parts.node();
  const flat = FLAT[plan.layout];
  if (flat !== undefined) flat(parts, plan, node);
  else yield* NESTED[plan.layout]!(parts, plan, node);
  return node;
}

type TakeFlat = (parts: BatchParts, plan: ColumnPlan, node: FieldNode) => void;
type TakeNested = (parts: BatchParts, plan: ColumnPlan, node: FieldNode) => Generator<void, void>;

const FLAT: Partial<Record<LayoutName, TakeFlat>> = {
  null: (_, __, { length, nullCount }) => {
    if (nullCount !== length && nullCount !== UNKNOWN_NULLS)
      throw invalidIpc("a null column has non-null rows");
  },

  fixed: (parts, { bits, rule }, node) => {
    const isWalked = parts.context.isFull && rule !== undefined && rule.kind !== "utf8";
    const valid = takeValidity(parts, node, isWalked);
    const { offset } = parts.buffer(Math.ceil((node.length * bits) / 8));
    if (isWalked) parts.walk(new ValuesWalk(elements(parts, offset, node.length, bits), rule, valid));
  },

  indices: (parts, { bits, isSigned, dictionaryId }, node) => {
    const valid = takeValidity(parts, node, true);
    const { offset } = parts.buffer((node.length * bits) / 8);
    const dictionaryLength = parts.context.dictionaryLengths.get(dictionaryId!) ?? 0;
    const places = { ...elements(parts, offset, node.length, bits), isSigned };
    parts.walk(new IndicesWalk(places, dictionaryLength, valid));
  },

  binary: (parts, { bits, rule }, node) => {
    takeValidity(parts, node, false);
    const offsets = takeOffsets(parts, node, bits);
    const data = parts.buffer(0);
    const isText = parts.context.isFull && rule !== undefined && !parts.isCompressed;
    // Beyond this size the starts of values are not checked: they cannot cause reads out of bounds.
    const isHeld = isText && 8 * offsets.count <= LIMITS.validationHeldBytesMax;
    const held = isHeld ? new Float64Array(offsets.count) : undefined;
    parts.walk(new OffsetsWalk(offsets, data.sizeBytes, held));
    if (isText) parts.walk(new TextWalk(data.offset, data.sizeBytes, held));
  },
};

const NESTED: Partial<Record<LayoutName, TakeNested>> = {
  view: function* (parts, { rule }, node) {
    if (parts.context.isBigEndian) throw invalidIpc("a big-endian schema has a view column");
    const valid = takeValidity(parts, node, true);
    const views = parts.buffer(16 * node.length);
    const place = parts.keepPlace();
    const data: BufferRange[] = [];
    for (let left = parts.dataBufferCount(); left > 0; left -= 1) {
      data.push(parts.buffer(0));
      if (left % COLUMNS_PER_STEP === 0) yield;
    }
    const sizes = data.map(({ sizeBytes }) => sizeBytes);
    const held = holdViews(parts, sizes, { rows: node.length, isText: rule !== undefined });
    const whatToLookAt = { bits: valid, held };
    parts.walk(new ViewsWalk({ start: views.offset, count: node.length }, sizes, whatToLookAt), place);
    if (held !== undefined)
      for (const [index, { offset }] of data.entries()) parts.walk(held.collect(offset, index));
  },

  list: function* (parts, plan, node) {
    yield* takeList(parts, plan, node);
  },

  listView: function* (parts, { bits, children }, node) {
    takeValidity(parts, node, false);
    const offsets = parts.buffer((node.length * bits) / 8);
    const sizes = parts.buffer((node.length * bits) / 8);
    const held = new Float64Array(parts.held(node.length, 8));
    parts.walk(new HoldWalk(elements(parts, offsets.offset, node.length, bits), held));
    const place = parts.keepPlace();
    const { length } = yield* takeColumn(parts, children[0]!);
    parts.walk(new SizesWalk(elements(parts, sizes.offset, node.length, bits), held, length), place);
  },

  fixedSizeList: function* (parts, { count, children }, node) {
    takeValidity(parts, node, false);
    requireRows(yield* takeColumn(parts, children[0]!), node.length * count);
  },

  struct: function* (parts, { children }, node) {
    takeValidity(parts, node, false);
    yield* takeColumns(parts, children, (child) => requireRows(child, node.length));
  },

  map: function* (parts, plan, node) {
    const entries = yield* takeList(parts, plan, node);
    if (entries.nullCount > 0) throw invalidIpc("a map has null entries");
  },

  sparseUnion: function* (parts, { typeIds, children }, node) {
    takeUnionValidity(parts, node);
    parts.walk(new TagsWalk(parts.buffer(node.length).offset, node.length, typeIds));
    yield* takeColumns(parts, children, (child) => requireRows(child, node.length));
  },

  denseUnion: function* (parts, { typeIds, children }, node) {
    takeUnionValidity(parts, node);
    const { offset } = parts.buffer(node.length);
    const tags = new Uint8Array(parts.held(node.length, 1));
    parts.walk(new TagsWalk(offset, node.length, typeIds, tags));
    const offsets = parts.buffer(4 * node.length);
    const place = parts.keepPlace();
    const lengths = new Map<number, number>();
    yield* takeColumns(parts, children, ({ length }, index) => lengths.set(typeIds[index]!, length));
    parts.walk(new DenseOffsetsWalk(elements(parts, offsets.offset, node.length, 32), tags, lengths), place);
  },

  runEndEncoded: function* (parts, { children }, { length, nullCount }) {
    const [endsPlan, valuesPlan] = children as [ColumnPlan, ColumnPlan];
    const ends = parts.node();
    if (nullCount > 0 || ends.nullCount > 0) throw invalidIpc("run ends have nulls");
    if (ends.length === 0 && length > 0) throw invalidIpc("the runs end before their column does");
    takeValidity(parts, ends, false);
    const { offset } = parts.buffer((ends.length * endsPlan.bits) / 8);
    parts.walk(new RunEndsWalk(elements(parts, offset, ends.length, endsPlan.bits), length));
    requireRows(yield* takeColumn(parts, valuesPlan), ends.length);
  },
};

/**
 * Data that full validation holds of a view column; none if it is too large, as it cannot cause
 * reads out of bounds.
 */
function holdViews(
  parts: BatchParts,
  sizes: readonly number[],
  { rows, isText }: { rows: number; isText: boolean },
): HeldViews | undefined {
  if (!parts.context.isFull || parts.isCompressed) return undefined;
  const heldBytes = sizes.reduce((sum, size) => sum + size, VIEW_COST_BYTES * rows);
  return heldBytes <= LIMITS.validationHeldBytesMax ? new HeldViews(sizes, isText) : undefined;
}

/** Approximate memory of a held long view. */
const VIEW_COST_BYTES = 64;

/** Lists and maps. @returns the child's node. */
function* takeList(
  parts: BatchParts,
  { bits, children, layout }: ColumnPlan,
  node: FieldNode,
): Generator<void, FieldNode> {
  takeValidity(parts, node, false);
  const offsets = takeOffsets(parts, node, bits);
  const place = parts.keepPlace();
  const child =
    layout === "map" ? yield* takeEntries(parts, children[0]!) : yield* takeColumn(parts, children[0]!);
  // Its limit is known only now, but in the body it precedes the child.
  parts.walk(new OffsetsWalk(offsets, child.length), place);
  return child;
}

/** The struct of keys and values. Keys must not be null. */
function* takeEntries(parts: BatchParts, { children }: ColumnPlan): Generator<void, FieldNode> {
  const node = parts.node();
  takeValidity(parts, node, false);
  yield* takeColumns(parts, children, (column, index) => {
    requireRows(column, node.length);
    if (index === 0 && column.nullCount > 0) throw invalidIpc("a map has null keys");
  });
  return node;
}

/** @returns the bits, filled while the body passes, if they are wanted and there are nulls. */
function takeValidity(parts: BatchParts, node: FieldNode, isWanted: boolean): Uint8Array | undefined {
  const bitsBytes = Math.ceil(node.length / 8);
  const isUnknown = node.nullCount === UNKNOWN_NULLS;
  const { offset, sizeBytes } = parts.buffer(node.nullCount > 0 ? bitsBytes : 0);
  const hasNulls = isUnknown ? sizeBytes > 0 && bitsBytes > 0 : node.nullCount > 0;
  if (isUnknown && hasNulls && !parts.isCompressed && sizeBytes < bitsBytes) {
    throw invalidIpc("a buffer is smaller than its column needs");
  }
  if (!hasNulls || parts.isCompressed) return undefined;
  const bits = isWanted ? new Uint8Array(parts.held(bitsBytes, 1)) : undefined;
  parts.walk(new ValidityWalk(offset, node, bits));
  return bits;
}

/** Before V5 unions had a validity bitmap; current readers support it without nulls. */
function takeUnionValidity(parts: BatchParts, { nullCount }: FieldNode): void {
  if (nullCount > 0) throw invalidIpc("a union has nulls of its own");
  if (parts.context.metadataVersion === "V4") parts.buffer(0);
}

/** One offset more than rows; with no rows there may be none. */
function takeOffsets(parts: BatchParts, { length }: FieldNode, bits: number): Elements {
  const { offset, sizeBytes } = parts.buffer(length === 0 ? 0 : ((length + 1) * bits) / 8);
  if (length === 0 && sizeBytes < bits / 8) {
    if (sizeBytes > 0) throw invalidIpc("a buffer is smaller than its column needs");
    return elements(parts, offset, 0, bits);
  }
  return elements(parts, offset, length + 1, bits);
}

function requireRows(child: FieldNode, rows: number): void {
  if (child.length < rows) throw invalidIpc("a child has fewer rows than its parent needs");
}

function elements(parts: BatchParts, start: BufferRange["offset"], count: number, bits: number): Elements {
  const elementBytes = (bits / 8) as Elements["elementBytes"];
  return { start, count, elementBytes, isBigEndian: parts.context.isBigEndian };
}
