/**
 * Reads the first rows of a table as values. Fetches only the batches that contain these rows.
 *
 * The optional package @uwdata/flechette decodes the cells and is imported only here. It gets
 * batches that batch-check.ts has checked, so that a hostile table is rejected and cannot cause
 * endless reads. A batch is fetched whole, so a very large one is rejected. A cell that cannot be
 * decoded does not hide the others.
 */
import zlib from "node:zlib";
import type { CompressionType_ } from "@uwdata/flechette";
import type { IpcMessage } from "../arrow/message.ts";
import { type ArrowField, decodeSchema } from "../arrow/schema.ts";
import { frameMessage, frameSchema, streamEnd } from "../client/values/ipc-messages.ts";
import { LIMITS } from "../limits.ts";
import type { ArrowInput } from "./arrow-input.ts";
import { BatchCheck, type Decompress } from "./batch-check.ts";
import { VerbError } from "./failure.ts";
import { decodeWholeLz4Frame } from "./lz4-frame.ts";
import type { Progress } from "./progress.ts";
import { formatSize } from "./quantities.ts";

type Flechette = typeof import("@uwdata/flechette");

export interface TablePreview {
  readonly fields: readonly ArrowField[];
  /** Number of decoded rows; the table may have more. */
  readonly rowCount: number;
  /**
   * The cell as flechette decodes it; 64-bit numbers, times and decimals are integers. Throws if
   * flechette cannot decode it.
   */
  value(row: number, column: number): unknown;
}

/** A table that cannot be displayed: the reason, and the first bytes of its Arrow stream. */
export class TablePreviewError extends VerbError {
  readonly start: Buffer;

  constructor(reason: string, start: Buffer, cause: unknown) {
    super("dataError", `the table cannot be displayed: ${reason}`, { cause });
    this.start = start;
  }
}

const START_BYTES = 512;

const EXACT = { useBigInt: true, useBigIntTimestamp: true, useDecimalInt: true, useMap: true } as const;

/**
 * @throws {VerbError} unavailable if flechette is not installed; {TablePreviewError}; errors of reading
 * the batches
 */
export async function previewTable(
  input: ArrowInput,
  rowsMax: number,
  progress: Pick<Progress, "add">,
): Promise<TablePreview> {
  const { fields } = decodeSchema(input.schemaHeader);
  if (rowsMax === 0) return { fields, rowCount: 0, value: () => undefined };
  const flechette = await importFlechette();
  registerCodecs(flechette, new DecompressionBudget());
  const { parts, rowCount } = await collectRows(input, { rowsMax, progress });
  const table = withPreviewError(parts, () => flechette.tableFromIPC(parts, EXACT));
  return {
    fields,
    rowCount: Math.min(rowCount, rowsMax),
    value: (row, column) => table.getChildAt(column).at(row),
  };
}

async function importFlechette(): Promise<Flechette> {
  try {
    return await import("@uwdata/flechette");
  } catch (cause) {
    throw new VerbError(
      "unavailable",
      "displaying a table needs the package @uwdata/flechette, which is not installed: npm install @uwdata/flechette",
      { cause },
    );
  }
}

/** Absent before Node 22.15, and absent from the types of the oldest supported Node. */
const { zstdDecompressSync } = zlib as {
  zstdDecompressSync?: (bytes: Uint8Array, options: { maxOutputLength: number }) => Buffer;
};

/** Limits the decompressed size of one table: a few KiB can declare a terabyte. */
class DecompressionBudget {
  #bytesLeft: number = LIMITS.shownTableBytesMax;

  /** Call it before the allocation. @throws {VerbError} dataError */
  take(sizeBytes: number): void {
    this.#bytesLeft -= sizeBytes;
    if (sizeBytes >= 0 && this.#bytesLeft >= 0) return;
    const text = `the first rows exceed the limit of ${formatSize(LIMITS.shownTableBytesMax)} when decompressed`;
    throw new VerbError("dataError", `${text}: use get -o FILE`);
  }
}

function decompressor(budget: DecompressionBudget): Decompress {
  return (codec, bytes, sizeBytes) => {
    budget.take(sizeBytes);
    if (codec === "lz4_frame") return decodeWholeLz4Frame(bytes, sizeBytes);
    // The copy begins at the start of its memory, so that views of it are aligned.
    return new Uint8Array(zstdDecompressSync!(bytes, { maxOutputLength: Math.max(1, sizeBytes) }));
  };
}

/** Compressed bodies are decompressed only here, for the display. */
function registerCodecs(
  { setCompressionCodec, CompressionType }: Flechette,
  budget: DecompressionBudget,
): void {
  const decompress = decompressor(budget);
  const codec = (name: "lz4_frame" | "zstd") => ({
    decode: (bytes: Uint8Array, sizeBytes = 0) => decompress(name, bytes, sizeBytes),
    encode: (bytes: Uint8Array) => bytes,
  });
  setCompressionCodec(CompressionType.LZ4_FRAME as CompressionType_, codec("lz4_frame"));
  if (zstdDecompressSync === undefined) return;
  setCompressionCodec(CompressionType.ZSTD as CompressionType_, codec("zstd"));
}

interface Collecting {
  readonly rowsMax: number;
  readonly progress: Pick<Progress, "add">;
}

/** Collects the table's first batches as an IPC stream, one part per message. */
async function collectRows(
  { schemaHeader, batches }: ArrowInput,
  { rowsMax, progress }: Collecting,
): Promise<{ parts: Uint8Array[]; rowCount: number }> {
  const parts = [frameSchema(schemaHeader)];
  const check = withPreviewError(
    parts,
    () => new BatchCheck(schemaHeader, decompressor(new DecompressionBudget())),
  );
  let rowCount = 0;
  let sizeBytes = 0;
  for await (const { header, message, body } of batches) {
    if (message.kind === "schema") continue;
    refuseZstd(message);
    sizeBytes += message.bodySizeBytes;
    if (sizeBytes > LIMITS.shownTableBytesMax) throw tooLarge(sizeBytes);
    const framed = frameMessage(header, message.bodySizeBytes);
    let position = 0;
    for await (const chunk of body) {
      framed.body.set(chunk, position);
      position += chunk.byteLength;
      progress.add(chunk.byteLength);
    }
    parts.push(framed.part);
    await check
      .check(header, message, Buffer.from(framed.body.buffer, framed.body.byteOffset, framed.body.length))
      .catch((error: unknown) => withPreviewError(parts, () => raise(error)));
    if (message.kind === "recordBatch") rowCount += message.batch.rowCount;
    if (rowCount >= rowsMax) break;
  }
  return { parts: [...parts, streamEnd()], rowCount };
}

function refuseZstd(message: IpcMessage): void {
  if (message.kind === "schema" || message.batch.compression !== "zstd" || zstdDecompressSync !== undefined)
    return;
  throw new VerbError("dataError", "the table is compressed with zstd: reading it needs Node 22.15 or later");
}

function tooLarge(sizeBytes: number): VerbError {
  return new VerbError(
    "dataError",
    `the first rows are in batches of ${formatSize(sizeBytes)}, over the limit of ${formatSize(LIMITS.shownTableBytesMax)}` +
      ": use get -o FILE",
  );
}

/** Converts errors about unsupported types and malformed bytes to TablePreviewError. */
function withPreviewError<T>(parts: readonly Uint8Array[], work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const start = Buffer.concat(parts.map((part) => part.subarray(0, START_BYTES))).subarray(0, START_BYTES);
    throw new TablePreviewError(reason, start, cause);
  }
}

function raise(error: unknown): never {
  throw error;
}
