/**
 * Reads the rows of an opaque answer to `KEY:V`: version, base or patch, and the value's bytes as
 * they arrive.
 *
 *     columns {version: uint64, kind: utf8, data: binary or large_binary}, by name, in any order; one row per batch
 *
 * The front of a body (a few dozen bytes before the value) is collected to read version and kind.
 * The value's bytes are views; object/opaque-body.ts locates and checks them.
 * Source: docs/protocol.md, "DoGet".
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

/** Positions of the columns of an opaque answer. */
export interface OpaqueColumns {
  readonly version: Column;
  readonly kind: Column;
  readonly data: Column;
  /** Width of the offsets of `data`. */
  readonly offsetBytes: 4 | 8;
}

const BUFFERS_OF_TYPE: Readonly<Record<string, number>> = { uint64: 2, utf8: 3, binary: 3, large_binary: 3 };

/** The columns if this is the schema of an opaque answer; undefined for a table. */
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

/** One row. Its bytes can be read once, before the next message is requested. */
export interface OpaqueRow {
  readonly version: number;
  readonly kind: RowKind;
  /** Upper bound of the size of the value. */
  readonly dataSizeBytesMax: number;
  /**
   * The value's bytes as views.
   * @throws {CacheError} UNREADABLE_VALUE if it is compressed; INVALID_IPC
   */
  data(): AsyncIterable<Buffer>;
}

/** Reads up to the value's first byte. @throws {CacheError} INVALID_IPC if it is not such a row. */
export async function readOpaqueRow(data: IncomingFlightData, columns: OpaqueColumns): Promise<OpaqueRow> {
  const message = decodeMessage(data.dataHeader);
  if (message.kind !== "recordBatch" || message.batch.rowCount !== 1) {
    throw new CacheError("INVALID_IPC", "an opaque answer must have one row in each batch");
  }
  if (message.bodySizeBytes !== data.bodySizeBytes) {
    throw new CacheError("INVALID_IPC", "the size of a batch's body differs from the size in its message");
  }
  if (message.batch.compression !== "none") {
    throw unreadable(
      `the value is compressed with ${message.batch.compression}, which this client cannot read`,
    );
  }
  const cells = cellRanges(message.batch, columns);
  const body = new OpaqueBody(dataColumnOf(message.batch, columns), columns.offsetBytes);
  const chunks = data.chunks()[Symbol.asyncIterator]();
  const front: Buffer[] = [];
  let frontBytes = 0;
  while (frontBytes < cells.end) {
    const next = await chunks.next();
    if (next.done === true) throw new CacheError("INVALID_IPC", "an opaque row is truncated");
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
  /** The end of the last of them in the body. */
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
    throw new CacheError(
      "INVALID_IPC",
      "the version or kind of an opaque row is too far from the start of the body",
      {
        facts: { end },
      },
    );
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
    throw new CacheError("INVALID_IPC", "an opaque row has an invalid version or kind");
  }
  return { version, kind };
}

/** The batch reduced to the columns version and data, which is the form that OpaqueBody reads. */
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
