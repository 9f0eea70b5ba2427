/**
 * The rows of an answer about an opaque object: version, base or patch, and the value's bytes as they pass by.
 *
 * Reads both forms, `{version, data}` and `{version, kind, data}` (docs/protocol.md, "DoGet"),
 * columns in this order as every server of ours sends them. A value that was put compressed is
 * decompressed where Node can: zstd from 22.15 on.
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
  /** Of the column `data`. */
  readonly offsetBytes: 4 | 8;
}

/** What the columns of an opaque answer are; undefined for the schema of a table. */
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

/** The batch that a message of an answer is. @throws {CacheError} INVALID_IPC */
export function batchOf(data: IncomingFlightData): Exclude<IpcMessage, { kind: "schema" }> {
  const message = decodeMessage(data.dataHeader);
  if (message.kind === "schema" || message.bodySizeBytes !== data.bodySizeBytes) {
    throw new CacheError("INVALID_IPC", "the answer has a batch that is not what it says");
  }
  return message;
}

/**
 * The value's bytes out of the body of one batch, as views while it passes by.
 * @throws {CacheError} INVALID_IPC, UNREADABLE_VALUE when it cannot be decompressed here.
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

/** The batch as it would be without its second column, which has three buffers; the body stays as it is. */
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

/** Longest kind there is. */
const KIND_BYTES_MAX = 8;

/**
 * How many bytes of a body `rowHead` needs: all before the column `data`, as far as it is told there.
 * @throws {CacheError} INVALID_IPC over LIMITS.opaqueFrontBytesMax
 */
export function rowHeadSizeBytes(batch: BatchLayout): number {
  const [, version, , offsets, kind] = batch.buffers();
  if (version === undefined || offsets === undefined || kind === undefined) throw noRow();
  const sizeBytes = Math.max(
    version.offset + version.sizeBytes,
    offsets.offset + offsets.sizeBytes,
    kind.offset + kind.sizeBytes,
  );
  if (sizeBytes > LIMITS.opaqueFrontBytesMax) throw noRow();
  return sizeBytes;
}

/** Stored bytes of the value of a batch of one row. */
export function storedValueBytes(batch: BatchLayout): number {
  return batch.buffers().at(-1)?.sizeBytes ?? 0;
}

/** Version and kind out of the beginning of a body of one row. @throws {CacheError} INVALID_IPC */
export function readRowHead(batch: BatchLayout, start: Buffer): RowHead {
  const hasCodec = batch.compression !== "none";
  const cells = batch
    .buffers()
    .map(({ offset, sizeBytes }) => start.subarray(offset + (hasCodec ? 8 : 0), offset + sizeBytes));
  const [, version, , offsets, kindText] = cells;
  if (batch.rowCount !== 1 || version === undefined || version.length < 8 || (offsets?.length ?? 0) < 8)
    throw noRow();
  const kind = kindText?.subarray(0, KIND_BYTES_MAX).toString("latin1", 0, offsets!.readInt32LE(4));
  if (kind !== "base" && kind !== "patch") throw noRow();
  return { version: Number(version.readBigUInt64LE(0)), kind };
}

function noRow(): CacheError {
  return new CacheError("INVALID_IPC", "the answer has a row that is neither base nor patch");
}
