/**
 * What an IPC message is: the kind, the size of its body, and where a batch's buffers lie in it.
 *
 * Source: Arrow format, Message.fbs. Takes a bare Message flatbuffer (trailing padding is fine) and keeps a view of it. Nodes and
 * buffers are decoded only when asked for: whoever passes a batch on needs neither. No body is looked at here.
 */
import { FlatbufferReader, type FlatbufferTable, type VectorRange } from "./flatbuffer-reader.ts";
import { invalidIpc } from "./invalid-ipc.ts";
import {
  BODY_COMPRESSION,
  BUFFER_SIZE_BYTES,
  DICTIONARY_BATCH,
  HEADER_TYPE,
  MESSAGE,
  METADATA_V4,
  METADATA_V5,
  NODE_SIZE_BYTES,
  RECORD_BATCH,
} from "./slots.ts";

export type MetadataVersion = "V4" | "V5";

interface MessageFacts {
  readonly metadataVersion: MetadataVersion;
  /** Size of the body that follows the header; not necessarily a multiple of 8. */
  readonly bodySizeBytes: number;
}

export type IpcMessage =
  | (MessageFacts & { readonly kind: "schema" })
  | (MessageFacts & { readonly kind: "recordBatch"; readonly batch: BatchLayout })
  | (MessageFacts & {
      readonly kind: "dictionaryBatch";
      readonly dictionaryId: bigint;
      readonly isDelta: boolean;
      readonly batch: BatchLayout;
    });

/** One array of a batch. */
export interface FieldNode {
  readonly length: number;
  readonly nullCount: number;
}

/** A buffer's place, relative to the start of the body. */
export interface BufferRange {
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface BatchLayout {
  readonly rowCount: number;
  /** How each buffer of the body is compressed. */
  readonly compression: "none" | "lz4_frame" | "zstd";
  /** @throws {CacheError} INVALID_IPC when a number is negative or no safe integer, or there are more than countMax. */
  nodes(countMax?: number): FieldNode[];
  /** @throws {CacheError} INVALID_IPC when a buffer is not wholly inside the body, or there are more than countMax. */
  buffers(countMax?: number): BufferRange[];
}

/** Decodes a bare Message flatbuffer. Tensors are refused: no stream holds them. @throws {CacheError} INVALID_IPC */
export function decodeMessage(header: Uint8Array): IpcMessage {
  const message = new FlatbufferReader(header).root();
  const table = message.table(MESSAGE.header);
  if (table === undefined) throw invalidIpc("a message has no header");
  const facts = {
    metadataVersion: decodeVersion(message),
    bodySizeBytes: notNegative(message.int64(MESSAGE.bodySizeBytes, 0)),
  };
  switch (message.uint8(MESSAGE.headerType, 0)) {
    case HEADER_TYPE.schema:
      return { kind: "schema", ...facts };
    case HEADER_TYPE.recordBatch:
      return { kind: "recordBatch", ...facts, batch: new BatchTable(table, facts.bodySizeBytes) };
    case HEADER_TYPE.dictionaryBatch:
      return decodeDictionaryBatch(table, facts);
    default:
      throw invalidIpc("the message is neither schema, dictionary nor record batch");
  }
}

/** Of a message that was decoded before, when it was stored: the size of its body, and nothing else is looked at. @throws {CacheError} INVALID_IPC */
export function decodeBodySize(header: Uint8Array): number {
  return notNegative(new FlatbufferReader(header).root().int64(MESSAGE.bodySizeBytes, 0));
}

function decodeVersion(message: FlatbufferTable): MetadataVersion {
  const version = message.int16(MESSAGE.version, 0);
  if (version === METADATA_V5) return "V5";
  if (version === METADATA_V4) return "V4";
  throw invalidIpc("the metadata version is not supported", { metadataVersion: version });
}

function decodeDictionaryBatch(table: FlatbufferTable, facts: MessageFacts): IpcMessage {
  const data = table.table(DICTIONARY_BATCH.data);
  if (data === undefined) throw invalidIpc("a dictionary batch has no data");
  return {
    kind: "dictionaryBatch",
    ...facts,
    dictionaryId: table.bigint64(DICTIONARY_BATCH.id, 0n),
    isDelta: table.boolean(DICTIONARY_BATCH.isDelta),
    batch: new BatchTable(data, facts.bodySizeBytes),
  };
}

class BatchTable implements BatchLayout {
  readonly rowCount: number;
  readonly compression: BatchLayout["compression"];
  readonly #table: FlatbufferTable;
  readonly #bodySizeBytes: number;
  readonly #nodes: VectorRange | undefined;
  readonly #buffers: VectorRange | undefined;

  constructor(table: FlatbufferTable, bodySizeBytes: number) {
    this.rowCount = notNegative(table.int64(RECORD_BATCH.rowCount, 0));
    this.compression = decodeCompression(table.table(RECORD_BATCH.compression));
    this.#table = table;
    this.#bodySizeBytes = bodySizeBytes;
    this.#nodes = table.vector(RECORD_BATCH.nodes, NODE_SIZE_BYTES);
    this.#buffers = table.vector(RECORD_BATCH.buffers, BUFFER_SIZE_BYTES);
  }

  nodes(countMax?: number): FieldNode[] {
    return this.#pairs(this.#nodes, countMax, (length, nullCount) => ({ length, nullCount }));
  }

  buffers(countMax?: number): BufferRange[] {
    return this.#pairs(this.#buffers, countMax, (offset, sizeBytes) => {
      if (offset + sizeBytes > this.#bodySizeBytes) throw invalidIpc("a buffer lies outside the body");
      return { offset, sizeBytes };
    });
  }

  /** Both structs are two int64, neither ever negative. */
  #pairs<T>(
    vector: VectorRange | undefined,
    countMax: number | undefined,
    make: (first: number, second: number) => T,
  ): T[] {
    const { reader } = this.#table;
    const pairs: T[] = [];
    const count = vector?.length ?? 0;
    if (countMax !== undefined && count > countMax)
      throw invalidIpc("a batch has more columns than its schema");
    for (let index = 0; index < count; index++) {
      const position = vector!.position + 16 * index;
      pairs.push(make(notNegative(reader.int64(position)), notNegative(reader.int64(position + 8))));
    }
    return pairs;
  }
}

function decodeCompression(table: FlatbufferTable | undefined): BatchLayout["compression"] {
  if (table === undefined) return "none";
  const codec = table.uint8(BODY_COMPRESSION.codec, 0);
  const method = table.uint8(BODY_COMPRESSION.method, 0);
  if (codec > 1 || method !== 0) throw invalidIpc("the body's compression is unknown", { codec, method });
  return codec === 0 ? "lz4_frame" : "zstd";
}

function notNegative(value: number): number {
  if (value < 0) throw invalidIpc("a size is negative");
  return value;
}
