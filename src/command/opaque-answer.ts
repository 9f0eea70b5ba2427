/**
 * Reads the rows of an answer about an opaque object: version, kind and the bytes of the value.
 *
 * Reads both forms, `{version, data}` and `{version, kind, data}` (docs/protocol.md, "DoGet"), with
 * the columns in the order in which the server sends them. A compressed value is decompressed, zstd
 * with Node 22.15 or later.
 */
import { type BatchLayout, decodeMessage, type IpcMessage } from "../arrow/message.ts";
import type { ArrowSchema } from "../arrow/schema.ts";
import type { IncomingFlightData } from "../client/flight/incoming-flight-data.ts";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { OpaqueBody } from "../object/opaque-body.ts";
import type { RowKind } from "../object/opaque-row.ts";
import { decompressBuffer } from "./compressed-value.ts";

export interface OpaqueColumns {
  readonly hasKind: boolean;
  /** Width of the offsets of column `data`. */
  readonly offsetBytes: 4 | 8;
}

/** The columns of an opaque answer; undefined for the schema of a table. */
export function opaqueColumns(schema: ArrowSchema): OpaqueColumns | undefined {
  const fields = schema.fields.map(
    ({ name, type, dictionary }) => `${name}:${dictionary ? "dictionary" : type.name}`,
  );
  const data = fields.pop();
  const isOpaque =
    fields[0] === "version:uint64" &&
    (fields.length === 1 || (fields.length === 2 && fields[1] === "kind:utf8"));
  if (!isOpaque || schema.endianness !== "little") return undefined;
  if (data === "data:binary") return { hasKind: fields.length === 2, offsetBytes: 4 };
  return data === "data:large_binary" ? { hasKind: fields.length === 2, offsetBytes: 8 } : undefined;
}

/** Decodes a message of an answer as a batch. @throws {CacheError} INVALID_IPC */
export function batchOf(data: IncomingFlightData): Exclude<IpcMessage, { kind: "schema" }> {
  const message = decodeMessage(data.dataHeader);
  if (message.kind === "schema" || message.bodySizeBytes !== data.bodySizeBytes) {
    throw new CacheError(
      "INVALID_IPC",
      "the answer contains a message that is not a batch, or a body of a different size",
    );
  }
  return message;
}

/**
 * The bytes of the value in the body of one batch, as views of the chunks.
 * @throws {CacheError} INVALID_IPC; UNREADABLE_VALUE if this Node cannot decompress it.
 */
export async function* valueBytes(
  batch: BatchLayout,
  chunks: AsyncIterable<Buffer>,
  columns: OpaqueColumns,
): AsyncGenerator<Buffer> {
  const body = new OpaqueBody(columns.hasKind ? withoutKind(batch) : batch, columns.offsetBytes);
  const stored = takeValue(chunks, body);
  yield* batch.compression === "none" ? stored : decompressBuffer(batch.compression, stored);
}

async function* takeValue(chunks: AsyncIterable<Buffer>, body: OpaqueBody): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) yield* body.take([chunk]);
  body.end();
}

/** The batch without its second column, which has three buffers. The body does not change. */
export function withoutKind(batch: BatchLayout): BatchLayout {
  return {
    rowCount: batch.rowCount,
    compression: batch.compression,
    nodes: () => batch.nodes().toSpliced(1, 1),
    buffers: () => batch.buffers().toSpliced(2, 3),
  };
}

export interface RowHead {
  readonly version: number;
  readonly kind: RowKind;
}

/** At least the length of the longest kind, `patch`. */
const KIND_BYTES_MAX = 8;

/**
 * The number of bytes of a body that `readRowHead` needs: the buffers before the cells of `data`.
 * @throws {CacheError} INVALID_IPC if it exceeds LIMITS.opaqueFrontBytesMax
 */
export function rowHeadSizeBytes(batch: BatchLayout): number {
  const [, version, , offsets, kind] = batch.buffers();
  if (version === undefined || offsets === undefined || kind === undefined) throw unknownRow();
  const sizeBytes = Math.max(
    version.offset + version.sizeBytes,
    offsets.offset + offsets.sizeBytes,
    kind.offset + kind.sizeBytes,
  );
  if (sizeBytes > LIMITS.opaqueFrontBytesMax) throw unknownRow();
  return sizeBytes;
}

/** Stored size of the value in a batch of one row. */
export function storedValueBytes(batch: BatchLayout): number {
  return batch.buffers().at(-1)?.sizeBytes ?? 0;
}

/**
 * Decodes version and kind from the beginning of a body of one row.
 * @throws {CacheError} INVALID_IPC
 */
export function readRowHead(batch: BatchLayout, start: Buffer): RowHead {
  const hasCodec = batch.compression !== "none";
  const cells = batch
    .buffers()
    .map(({ offset, sizeBytes }) => start.subarray(offset + (hasCodec ? 8 : 0), offset + sizeBytes));
  const [, version, , offsets, kindText] = cells;
  if (batch.rowCount !== 1 || version === undefined || version.length < 8 || (offsets?.length ?? 0) < 8)
    throw unknownRow();
  const kind = kindText?.subarray(0, KIND_BYTES_MAX).toString("latin1", 0, offsets!.readInt32LE(4));
  if (kind !== "base" && kind !== "patch") throw unknownRow();
  return { version: Number(version.readBigUInt64LE(0)), kind };
}

function unknownRow(): CacheError {
  return new CacheError("INVALID_IPC", "the answer contains a row that is neither base nor patch");
}
