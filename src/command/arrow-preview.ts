/**
 * The first rows of a table, as values: fetches as many batches as they need, and no more.
 *
 * The package @uwdata/flechette reads the cells, an optional peer that is imported here and only now. It gets what was
 * checked before (batch-check.ts), so that a hostile table is refused and not read without end. A batch is fetched whole,
 * so a very large one is refused. One cell that cannot be read does not hide the others.
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
  /** Rows there are values of; the table may have more. */
  readonly rowCount: number;
  /** A cell as flechette gives it, 64-bit numbers, times and decimals as whole numbers. Throws when flechette cannot read it. */
  value(row: number, column: number): unknown;
}

/** A table that cannot be shown as one: why, and how its Arrow stream begins. */
export class UnshownTable extends VerbError {
  readonly start: Buffer;

  constructor(reason: string, start: Buffer, cause: unknown) {
    super("dataError", `the table is not shown: ${reason}`, { cause });
    this.start = start;
  }
}

const START_BYTES = 512;

const EXACT = { useBigInt: true, useBigIntTimestamp: true, useDecimalInt: true, useMap: true } as const;

/** @throws {VerbError} unavailable when flechette is not installed; {UnshownTable}; what taking the batches throws */
export async function previewTable(
  input: ArrowInput,
  rowsMax: number,
  progress: Pick<Progress, "add">,
): Promise<TablePreview> {
  const { fields } = decodeSchema(input.schemaHeader);
  if (rowsMax === 0) return { fields, rowCount: 0, value: () => undefined };
  const flechette = await importFlechette();
  registerCodecs(flechette, new Expansion());
  const { parts, rowCount } = await collectRows(input, { rowsMax, progress });
  const table = explained(parts, () => flechette.tableFromIPC(parts, EXACT));
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
      "tables are shown with the package @uwdata/flechette, which is not installed: npm install @uwdata/flechette",
      { cause },
    );
  }
}

/** Absent before Node 22.15, and from the types of the oldest Node that we run on. */
const { zstdDecompressSync } = zlib as {
  zstdDecompressSync?: (bytes: Uint8Array, options: { maxOutputLength: number }) => Buffer;
};

/** What the buffers of one table may take when they are decompressed: a few KiB of them can say that they are a terabyte. */
class Expansion {
  #bytesLeft: number = LIMITS.shownTableBytesMax;

  /** @throws {VerbError} dataError, before anything is allocated. */
  take(sizeBytes: number): void {
    this.#bytesLeft -= sizeBytes;
    if (sizeBytes >= 0 && this.#bytesLeft >= 0) return;
    const text = `decompressed it is over the ${formatSize(LIMITS.shownTableBytesMax)} that are taken to show some rows`;
    throw new VerbError("dataError", `${text}: get -o FILE brings it all`);
  }
}

function decompressor(expansion: Expansion): Decompress {
  return (codec, bytes, sizeBytes) => {
    expansion.take(sizeBytes);
    if (codec === "lz4_frame") return decodeWholeLz4Frame(bytes, sizeBytes);
    // A copy begins where its memory begins, so that views of it are aligned.
    return new Uint8Array(zstdDecompressSync!(bytes, { maxOutputLength: Math.max(1, sizeBytes) }));
  };
}

/** Bodies that were put compressed stay so until they are shown. */
function registerCodecs({ setCompressionCodec, CompressionType }: Flechette, expansion: Expansion): void {
  const decompress = decompressor(expansion);
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

/** A stream of the table's first batches, in parts, one per message. */
async function collectRows(
  { schemaHeader, batches }: ArrowInput,
  { rowsMax, progress }: Collecting,
): Promise<{ parts: Uint8Array[]; rowCount: number }> {
  const parts = [frameSchema(schemaHeader)];
  const check = explained(parts, () => new BatchCheck(schemaHeader, decompressor(new Expansion())));
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
      .catch((error: unknown) => explained(parts, () => raise(error)));
    if (message.kind === "recordBatch") rowCount += message.batch.rowCount;
    if (rowCount >= rowsMax) break;
  }
  return { parts: [...parts, streamEnd()], rowCount };
}

function refuseZstd(message: IpcMessage): void {
  if (message.kind === "schema" || message.batch.compression !== "zstd" || zstdDecompressSync !== undefined)
    return;
  throw new VerbError(
    "dataError",
    "the table is compressed with zstd, which takes Node 22.15 or later to read",
  );
}

function tooLarge(sizeBytes: number): VerbError {
  return new VerbError(
    "dataError",
    `the first rows lie in batches of ${formatSize(sizeBytes)}, and at most ${formatSize(LIMITS.shownTableBytesMax)}` +
      " are fetched to show some: get -o FILE brings it all",
  );
}

/** What flechette does not know, and bytes that are not what they say, both end as UnshownTable. */
function explained<T>(parts: readonly Uint8Array[], work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const start = Buffer.concat(parts.map((part) => part.subarray(0, START_BYTES))).subarray(0, START_BYTES);
    throw new UnshownTable(reason, start, cause);
  }
}

function raise(error: unknown): never {
  throw error;
}
