/**
 * Checks batches before their cells are read, because another server or program may send anything.
 *
 * After the check, every offset, index, view and count stays inside the table (arrow/validate). A
 * compressed batch is decompressed for the check, within a limit. Two kinds of tables are rejected
 * with a reason, because no reader here can display them correctly: big-endian tables, and tables
 * with the compression of Arrow 0.17, which only the metadata of a message names.
 */
import { FlatbufferReader } from "../arrow/flatbuffer-reader.ts";
import { decodeKeyValues } from "../arrow/key-values.ts";
import type { BufferRange, IpcMessage, MessageBatch } from "../arrow/message.ts";
import { decodeSchema } from "../arrow/schema.ts";
import { MESSAGE } from "../arrow/slots.ts";
import { checkedSchemaSteps, TableValidator } from "../arrow/validate/table-validator.ts";
import { atOnce } from "../turns.ts";
import { VerbError } from "./failure.ts";

type BatchMessage = Exclude<IpcMessage, { kind: "schema" }>;

/** Decompresses one buffer, without its size prefix. */
export type Decompress = (codec: "lz4_frame" | "zstd", bytes: Uint8Array, sizeBytes: number) => Uint8Array;

const PREFIX_BYTES = 8;
const NOT_COMPRESSED = -1n;
const ALIGNMENT = 8;
/** The key under which Arrow 0.17 named the compression of a batch. */
const OLD_COMPRESSION_KEY = "ARROW:experimental_compression";

export class BatchCheck {
  readonly #validator: TableValidator;
  readonly #decompress: Decompress;

  /** @throws {VerbError} dataError; {CacheError} INVALID_IPC */
  constructor(schemaHeader: Uint8Array, decompress: Decompress) {
    const schema = decodeSchema(schemaHeader);
    if (schema.endianness === "big") throw refused("its numbers are big-endian, which is not supported");
    this.#validator = new TableValidator(atOnce(checkedSchemaSteps(schemaHeader, schema)), "structure");
    this.#decompress = decompress;
  }

  /** @throws {VerbError} dataError; {CacheError} INVALID_IPC, OBJECT_TOO_LARGE */
  async check(header: Uint8Array, message: BatchMessage, body: Buffer): Promise<void> {
    const metadata = decodeKeyValues(new FlatbufferReader(header).root(), MESSAGE.metadata);
    if (metadata.some(([key]) => key === OLD_COMPRESSION_KEY)) {
      throw refused("it has the compression format of Arrow 0.17, which is not supported");
    }
    if (message.batch.compression === "none") return await this.#validate(header, message, body);
    const { layout: batch, body: expanded } = new ExpandedBody(message.batch, body, this.#decompress);
    await this.#validate(header, { ...message, batch, bodySizeBytes: expanded.length }, expanded);
  }

  async #validate(header: Uint8Array, message: BatchMessage, body: Buffer): Promise<void> {
    await this.#validator.begin(header, message);
    this.#validator.take([body]);
    this.#validator.end();
  }
}

/** The body without compression, and the ranges of its buffers. */
class ExpandedBody {
  readonly body: Buffer;
  readonly layout: MessageBatch;

  constructor(batch: MessageBatch, body: Buffer, decompress: Decompress) {
    const codec = batch.compression === "zstd" ? "zstd" : "lz4_frame";
    const ranges: BufferRange[] = [];
    const pieces: Uint8Array[] = [];
    let offset = 0;
    for (const range of batch.buffers()) {
      const bytes = expandBuffer(
        body.subarray(range.offset, range.offset + range.sizeBytes),
        codec,
        decompress,
      );
      const paddingBytes = (ALIGNMENT - (bytes.length % ALIGNMENT)) % ALIGNMENT;
      ranges.push({ offset, sizeBytes: bytes.length });
      pieces.push(bytes, Buffer.alloc(paddingBytes));
      offset += bytes.length + paddingBytes;
    }
    this.body = Buffer.concat(pieces);
    this.layout = {
      rowCount: batch.rowCount,
      compression: "none",
      nodeCount: batch.nodeCount,
      bufferCount: ranges.length,
      viewColumnCount: batch.viewColumnCount,
      nodes: (countMax) => batch.nodes(countMax),
      buffers: () => ranges,
      nodeAt: (index) => batch.nodeAt(index),
      bufferAt: (index) => ranges[index],
      dataBufferCountAt: (index) => batch.dataBufferCountAt(index),
    };
  }
}

function expandBuffer(stored: Buffer, codec: "lz4_frame" | "zstd", decompress: Decompress): Uint8Array {
  if (stored.length === 0) return stored;
  if (stored.length < PREFIX_BYTES) throw refused("a compressed buffer has no size prefix");
  const declaredBytes = stored.readBigInt64LE(0);
  const bytes = stored.subarray(PREFIX_BYTES);
  return declaredBytes === NOT_COMPRESSED ? bytes : decompress(codec, bytes, Number(declaredBytes));
}

function refused(reason: string): VerbError {
  return new VerbError("dataError", reason);
}
