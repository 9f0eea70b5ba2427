/**
 * The positions of an opaque batch's cells in its body, and the bytes that determine them.
 *
 * no nulls     all cells are adjacent: the first and the last offset are enough
 * nulls        bytes under a null cell are not data: validity and all offsets are needed
 * compressed   one row only: the value is the whole buffer; its first 8 bytes are the original size
 */
import { type BatchLayout, type BufferRange, UNKNOWN_NULLS } from "../arrow/message.ts";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { ValueCodec } from "./opaque-row.ts";

/** Bytes of the body, from the first of the value to after its last. */
export interface CellRange {
  readonly start: number;
  readonly end: number;
}

/** Bytes to collect from the body as it passes. */
interface Watch {
  readonly start: number;
  readonly bytes: Buffer;
}

export interface CellPlan {
  readonly watches: readonly Watch[];
  /** Set if the cells are known before the body. */
  readonly cells: readonly CellRange[] | undefined;
  /** Position in the body from which `locate` can be called; no cell begins before it. */
  readonly decidedAt: number;
  /** @throws {CacheError} INVALID_IPC if offsets point outside the values. */
  locate(): readonly CellRange[];
  /** Called after the body has passed. @throws {CacheError} INVALID_IPC */
  codec(): ValueCodec | undefined;
  /**
   * For a compressed batch, after the body has passed: the position of a value stored uncompressed,
   * without its size prefix.
   */
  readonly plainCells?: () => readonly CellRange[] | undefined;
}

const COLUMNS = 2;
const COLUMN_BUFFERS = 5;
const NO_CODEC = (): undefined => undefined;
const NO_DATA: CellPlan = { watches: [], cells: [], decidedAt: 0, locate: () => [], codec: NO_CODEC };

/**
 * @throws {CacheError} INVALID_IPC, INVALID_REQUEST for compressed rows, OBJECT_TOO_LARGE over a
 *   limit
 */
export function planCells(layout: BatchLayout, offsetBytes: 4 | 8): CellPlan {
  const buffers = layout.buffers(COLUMN_BUFFERS);
  const [versionNode, dataNode] = layout.nodes(COLUMNS);
  if (buffers.length !== COLUMN_BUFFERS || versionNode === undefined || dataNode === undefined) {
    throw new CacheError("INVALID_IPC", "an opaque batch must have two columns in five buffers");
  }
  if (layout.rowCount === 0 || dataNode.nullCount === layout.rowCount) return NO_DATA;
  const [, , validity, offsets, values] = buffers as [
    BufferRange,
    BufferRange,
    BufferRange,
    BufferRange,
    BufferRange,
  ];
  if (layout.compression !== "none") return planCompressed(layout, values);
  const { rowCount } = layout;
  if (offsets.sizeBytes < (rowCount + 1) * offsetBytes) {
    throw new CacheError("INVALID_IPC", "an opaque batch has fewer offsets than rows");
  }
  const offsetsEnd = offsets.offset + (rowCount + 1) * offsetBytes;
  const hasNulls = dataNode.nullCount === UNKNOWN_NULLS ? validity.sizeBytes > 0 : dataNode.nullCount > 0;
  const plan = hasNulls
    ? planWithNulls({ rowCount, offsetBytes, offsets, values, validity })
    : planAdjacent({ rowCount, offsetBytes, offsets, values });
  if (values.sizeBytes > 0 && values.offset < Math.max(plan.decidedAt, offsetsEnd)) {
    throw new CacheError("INVALID_IPC", "an opaque batch has its values before its offsets");
  }
  return plan;
}

interface DataColumn {
  readonly rowCount: number;
  readonly offsetBytes: 4 | 8;
  readonly offsets: BufferRange;
  readonly values: BufferRange;
}

function planAdjacent({ rowCount, offsetBytes, offsets, values }: DataColumn): CellPlan {
  const first = { start: offsets.offset, bytes: Buffer.alloc(offsetBytes) };
  const last = { start: offsets.offset + rowCount * offsetBytes, bytes: Buffer.alloc(offsetBytes) };
  return {
    watches: [first, last],
    cells: undefined,
    decidedAt: last.start + offsetBytes,
    locate: () => [
      cellRange(readOffset(first.bytes, 0, offsetBytes), readOffset(last.bytes, 0, offsetBytes), values),
    ],
    codec: NO_CODEC,
  };
}

function planWithNulls(column: DataColumn & { readonly validity: BufferRange }): CellPlan {
  const { rowCount, offsetBytes, offsets, values, validity } = column;
  const validityBytes = Math.ceil(rowCount / 8);
  const offsetsBytes = (rowCount + 1) * offsetBytes;
  if (validity.sizeBytes < validityBytes)
    throw new CacheError("INVALID_IPC", "a validity buffer is too short");
  if (validityBytes + offsetsBytes > LIMITS.opaqueOffsetsBytesMax) {
    throw new CacheError(
      "OBJECT_TOO_LARGE",
      `an opaque batch with nulls has more than ${LIMITS.opaqueOffsetsBytesMax} bytes of offsets`,
    );
  }
  const bits = { start: validity.offset, bytes: Buffer.alloc(validityBytes) };
  const all = { start: offsets.offset, bytes: Buffer.alloc(offsetsBytes) };
  const locate = (): CellRange[] => {
    const cells: { start: number; end: number }[] = [];
    for (let row = 0; row < rowCount; row += 1) {
      if ((bits.bytes[row >> 3]! & (1 << (row & 7))) === 0) continue;
      const from = readOffset(all.bytes, row, offsetBytes);
      const cell = cellRange(from, readOffset(all.bytes, row + 1, offsetBytes), values);
      const last = cells.at(-1);
      if (cell.start < (last?.end ?? 0)) throw new CacheError("INVALID_IPC", "opaque offsets descend");
      if (cell.start === last?.end) last.end = cell.end;
      else if (cell.end > cell.start) cells.push(cell);
    }
    return cells;
  };
  const decidedAt = Math.max(bits.start + validityBytes, all.start + offsetsBytes);
  return { watches: [bits, all], cells: undefined, decidedAt, locate, codec: NO_CODEC };
}

const CODEC_PREFIX_BYTES = 8;
const NOT_COMPRESSED = -1n;

function planCompressed(layout: BatchLayout, values: BufferRange): CellPlan {
  const name = layout.compression;
  if (name === "none") throw new CacheError("INVALID_IPC", "the batch is not compressed");
  if (layout.rowCount > 1) {
    throw new CacheError("INVALID_REQUEST", "compressed rows cannot be joined: put one row, or uncompressed");
  }
  if (values.sizeBytes > LIMITS.opaqueRowBytesMax) {
    throw new CacheError("OBJECT_TOO_LARGE", `a compressed value exceeds ${LIMITS.opaqueRowBytesMax} bytes`);
  }
  const cells = [{ start: values.offset, end: values.offset + values.sizeBytes }];
  // An empty value may have an empty buffer, without a size prefix.
  if (values.sizeBytes === 0) return NO_DATA;
  if (values.sizeBytes < CODEC_PREFIX_BYTES)
    throw new CacheError("INVALID_IPC", "a compressed buffer has no size");
  const prefix = { start: values.offset, bytes: Buffer.alloc(CODEC_PREFIX_BYTES) };
  const codec = (): ValueCodec => {
    const said = prefix.bytes.readBigInt64LE(0);
    const valueSizeBytes = said === NOT_COMPRESSED ? values.sizeBytes - CODEC_PREFIX_BYTES : Number(said);
    if (valueSizeBytes < 0 || valueSizeBytes > LIMITS.opaqueRowBytesMax) {
      throw new CacheError("INVALID_IPC", "a compressed value decompresses to an impossible size");
    }
    return { name, valueSizeBytes };
  };
  const plainCells = (): readonly CellRange[] | undefined => {
    const said = prefix.bytes.readBigInt64LE(0);
    if (said === 0n) return [];
    const start = values.offset + CODEC_PREFIX_BYTES;
    return said === NOT_COMPRESSED ? [{ start, end: values.offset + values.sizeBytes }] : undefined;
  };
  return { watches: [prefix], cells, decidedAt: 0, locate: () => cells, codec, plainCells };
}

function cellRange(first: number, last: number, values: BufferRange): { start: number; end: number } {
  if (first < 0 || last < first || last > values.sizeBytes) {
    throw new CacheError("INVALID_IPC", "an opaque batch has offsets outside its values");
  }
  return { start: values.offset + first, end: values.offset + last };
}

function readOffset(bytes: Buffer, index: number, offsetBytes: 4 | 8): number {
  return offsetBytes === 4 ? bytes.readInt32LE(index * 4) : Number(bytes.readBigInt64LE(index * 8));
}
