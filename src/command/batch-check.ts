/**
 * Checks batches before anybody reads their cells: a server that is not ours, or a file of another program, may hold
 * anything. Afterwards no offset, index, view or count leads outside of the table (arrow/validate).
 *
 * A compressed batch is decompressed for it, within a limit. What no reader of ours can show right is refused by its reason:
 * big-endian tables, and the compression of Arrow 0.17, which is named in a message's metadata only.
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

/** Decompresses one buffer, its size in front taken off. */
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
    if (schema.endianness === "big") throw refused("its numbers are big-endian, which is not shown");
    this.#validator = new TableValidator(atOnce(checkedSchemaSteps(schemaHeader, schema)), "structure");
    this.#decompress = decompress;
  }

  /** @throws {VerbError} dataError; {CacheError} INVALID_IPC, OBJECT_TOO_LARGE */
  async check(header: Uint8Array, message: BatchMessage, body: Buffer): Promise<void> {
    const metadata = decodeKeyValues(new FlatbufferReader(header).root(), MESSAGE.metadata);
    if (metadata.some(([key]) => key === OLD_COMPRESSION_KEY)) {
      throw refused("it is compressed in the way of Arrow 0.17, which is not read");
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

/** A body as it would be without compression, and where its buffers lie then. */
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
  if (stored.length < PREFIX_BYTES) throw refused("a compressed buffer has no size");
  const said = stored.readBigInt64LE(0);
  const bytes = stored.subarray(PREFIX_BYTES);
  return said === NOT_COMPRESSED ? bytes : decompress(codec, bytes, Number(said));
}

function refused(reason: string): VerbError {
  return new VerbError("dataError", reason);
}
