/**
 * The rows of an opaque answer to `KEY:V`: version, base or patch, and the value's bytes as they pass by.
 *
 *     columns {version: uint64, kind: utf8, data: binary or large_binary}, by name, in any order; one row per batch
 *
 * The front of a body (a few dozen bytes, up to the value) is collected to read version and kind; the value's bytes are
 * views. Where they lie is found and checked by object/opaque-body.ts. Source: docs/protocol.md,
 * "DoGet".
 */
import { type BatchLayout, type BufferRange, decodeMessage } from "../../arrow/message.ts";
import type { ArrowSchema } from "../../arrow/schema.ts";
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { OpaqueBody } from "../../object/opaque-body.ts";
import type { RowKind } from "../../object/opaque-row.ts";
import type { IncomingFlightData } from "../flight/incoming-flight-data.ts";
import { unreadable } from "../values/value-tags.ts";

interface Column {
  readonly node: number;
  readonly firstBuffer: number;
}

/** Where the columns of an opaque answer are. */
export interface OpaqueColumns {
  readonly version: Column;
  readonly kind: Column;
  readonly data: Column;
  /** Width of the offsets of `data`. */
  readonly offsetBytes: 4 | 8;
}

const BUFFERS_OF_TYPE: Readonly<Record<string, number>> = { uint64: 2, utf8: 3, binary: 3, large_binary: 3 };

/** The columns, when the schema is the one of an opaque answer; undefined for a table's. */
export function opaqueColumns({ fields, endianness }: ArrowSchema): OpaqueColumns | undefined {
  if (fields.length !== 3 || endianness !== "little") return undefined;
  const found = new Map<string, Column>();
  let firstBuffer = 0;
  for (const [node, { name, type, dictionary }] of fields.entries()) {
    if (dictionary !== undefined) return undefined;
    found.set(`${name}:${type.name}`, { node, firstBuffer });
    firstBuffer += BUFFERS_OF_TYPE[type.name] ?? 0;
  }
  const version = found.get("version:uint64");
  const kind = found.get("kind:utf8");
  const data = found.get("data:binary") ?? found.get("data:large_binary");
  if (version === undefined || kind === undefined || data === undefined) return undefined;
  return { version, kind, data, offsetBytes: found.has("data:large_binary") ? 8 : 4 };
}

/** One row; its bytes can be read once, before the next message is asked for. */
export interface OpaqueRow {
  readonly version: number;
  readonly kind: RowKind;
  /** The value is not larger. */
  readonly dataSizeBytesMax: number;
  /** The value's bytes as views. @throws {CacheError} UNREADABLE_VALUE when it was put compressed; INVALID_IPC */
  data(): AsyncIterable<Buffer>;
}

/** Reads up to the value's first byte. @throws {CacheError} INVALID_IPC when the message is no such row. */
export async function readOpaqueRow(data: IncomingFlightData, columns: OpaqueColumns): Promise<OpaqueRow> {
  const message = decodeMessage(data.dataHeader);
  if (message.kind !== "recordBatch" || message.batch.rowCount !== 1) {
    throw new CacheError("INVALID_IPC", "an opaque answer has one row in each batch");
  }
  if (message.bodySizeBytes !== data.bodySizeBytes) {
    throw new CacheError("INVALID_IPC", "a batch's body is not of the size its message says");
  }
  if (message.batch.compression !== "none") {
    throw unreadable(
      `the value was put compressed with ${message.batch.compression}, which is not read here`,
    );
  }
  const cells = cellRanges(message.batch, columns);
  const body = new OpaqueBody(dataColumnOf(message.batch, columns), columns.offsetBytes);
  const chunks = data.chunks()[Symbol.asyncIterator]();
  const front: Buffer[] = [];
  let frontBytes = 0;
  while (frontBytes < cells.end) {
    const next = await chunks.next();
    if (next.done === true) throw new CacheError("INVALID_IPC", "an opaque row is cut short");
    front.push(next.value);
    frontBytes += next.value.length;
  }
  const { version, kind } = readCells(Buffer.concat(front, frontBytes), cells);
  const dataSizeBytesMax = message.batch.buffers()[columns.data.firstBuffer + 2]?.sizeBytes ?? 0;
  return { version, kind, dataSizeBytesMax, data: () => dataViews(body, front, chunks) };
}

async function* dataViews(
  body: OpaqueBody,
  front: readonly Buffer[],
  chunks: AsyncIterator<Buffer>,
): AsyncGenerator<Buffer, void, void> {
  yield* body.take(front);
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    yield* body.take([next.value]);
  }
  body.end();
}

interface CellRanges {
  readonly version: BufferRange;
  readonly kindOffsets: BufferRange;
  readonly kindText: BufferRange;
  /** Where the last of them ends in the body. */
  readonly end: number;
}

/** "base" or "patch" in UTF-8: a longer text is neither. */
const KIND_BYTES_MAX = 8;

function cellRanges(batch: BatchLayout, { version, kind }: OpaqueColumns): CellRanges {
  const buffers = batch.buffers();
  const ranges = [
    buffers[version.firstBuffer + 1],
    buffers[kind.firstBuffer + 1],
    buffers[kind.firstBuffer + 2],
  ];
  const [versionCell, kindOffsets, kindText] = ranges;
  if (versionCell === undefined || kindOffsets === undefined || kindText === undefined) {
    throw new CacheError("INVALID_IPC", "an opaque row has too few buffers");
  }
  if (versionCell.sizeBytes < 8 || kindOffsets.sizeBytes < 8) {
    throw new CacheError("INVALID_IPC", "an opaque row has a cell that is too short");
  }
  const ends = [
    versionCell.offset + 8,
    kindOffsets.offset + 8,
    kindText.offset + Math.min(kindText.sizeBytes, KIND_BYTES_MAX),
  ];
  const end = Math.max(...ends);
  if (end > LIMITS.opaqueFrontBytesMax) {
    throw new CacheError("INVALID_IPC", "an opaque row has its version or kind too far behind", {
      facts: { end },
    });
  }
  return { version: versionCell, kindOffsets, kindText, end };
}

function readCells(front: Buffer, cells: CellRanges): { version: number; kind: RowKind } {
  const version = Number(front.readBigUInt64LE(cells.version.offset));
  const from = front.readInt32LE(cells.kindOffsets.offset);
  const to = front.readInt32LE(cells.kindOffsets.offset + 4);
  const kind =
    from === 0 && to <= KIND_BYTES_MAX
      ? front.toString("latin1", cells.kindText.offset, cells.kindText.offset + to)
      : "";
  if (!Number.isSafeInteger(version) || (kind !== "base" && kind !== "patch")) {
    throw new CacheError("INVALID_IPC", "an opaque row has an impossible version or kind");
  }
  return { version, kind };
}

/** The batch as if it had the columns version and data only, which is the form OpaqueBody reads. */
function dataColumnOf(batch: BatchLayout, { version, data }: OpaqueColumns): BatchLayout {
  return {
    rowCount: batch.rowCount,
    compression: batch.compression,
    nodes: () => {
      const nodes = batch.nodes();
      return [version, data].flatMap(({ node }) => nodes[node] ?? []);
    },
    buffers: () => {
      const buffers = batch.buffers();
      const of = ({ firstBuffer }: Column, count: number) => buffers.slice(firstBuffer, firstBuffer + count);
      return [...of(version, 2), ...of(data, 3)];
    },
  };
}
