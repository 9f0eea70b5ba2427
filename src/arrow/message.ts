/**
 * Decodes an IPC message: its kind, the size of its body, and the positions of a batch's buffers.
 *
 * Source: Arrow format, Message.fbs. Takes a bare Message flatbuffer (trailing padding is allowed)
 * and keeps a view of it. Nodes and buffers are decoded on demand, because forwarding a batch needs
 * neither. Bodies are not read here.
 */
import { FlatbufferReader, type FlatbufferTable, type VectorRange } from "./flatbuffer-reader.ts";
import { invalidIpc } from "./invalid-ipc.ts";
import {
  BODY_COMPRESSION,
  BUFFER_SIZE_BYTES,
  DATA_BUFFER_COUNT_BYTES,
  DICTIONARY_BATCH,
  HEADER_TYPE,
  MESSAGE,
  METADATA_V4,
  METADATA_V5,
  NODE_SIZE_BYTES,
  RECORD_BATCH,
} from "./slots.ts";

export type MetadataVersion = "V4" | "V5";

/** Sent by JavaScript writers; readers then count themselves. */
export const UNKNOWN_NULLS = -1;

interface MessageFacts {
  readonly metadataVersion: MetadataVersion;
  /** Size of the body that follows the header; not necessarily a multiple of 8. */
  readonly bodySizeBytes: number;
}

export type IpcMessage =
  | (MessageFacts & { readonly kind: "schema" })
  | (MessageFacts & { readonly kind: "recordBatch"; readonly batch: MessageBatch })
  | (MessageFacts & {
      readonly kind: "dictionaryBatch";
      readonly dictionaryId: bigint;
      readonly isDelta: boolean;
      readonly batch: MessageBatch;
    });

/** One array of a batch. */
export interface FieldNode {
  readonly length: number;
  /** UNKNOWN_NULLS if the writer did not count them. */
  readonly nullCount: number;
}

/** Range of a buffer, relative to the start of the body. */
export interface BufferRange {
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface BatchLayout {
  readonly rowCount: number;
  /** Compression of each buffer of the body. */
  readonly compression: "none" | "lz4_frame" | "zstd";
  /**
   * @throws {CacheError} INVALID_IPC if a number is negative or not a safe integer, or there are
   *   more than countMax.
   */
  nodes(countMax?: number): FieldNode[];
  /**
   * @throws {CacheError} INVALID_IPC if a buffer is not completely inside the body, or there are
   *   more than countMax.
   */
  buffers(countMax?: number): BufferRange[];
}

/** A batch as described by its message. */
export interface MessageBatch extends BatchLayout {
  readonly nodeCount: number;
  readonly bufferCount: number;
  /** One of the nodes; undefined beyond the last. @throws {CacheError} INVALID_IPC as `nodes` */
  nodeAt(index: number): FieldNode | undefined;
  /**
   * One of the buffers; undefined beyond the last. @throws {CacheError} INVALID_IPC as `buffers`
   */
  bufferAt(index: number): BufferRange | undefined;
  /**
   * Number of view columns with a data buffer count, and the count of one of them; undefined beyond
   * the last.
   */
  readonly viewColumnCount: number;
  dataBufferCountAt(index: number): number | undefined;
}

/**
 * Decodes a bare Message flatbuffer. Refuses tensors, which no stream contains. @throws
 * {CacheError} INVALID_IPC
 */
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
      throw invalidIpc("the message is not a schema, dictionary batch or record batch");
  }
}

/**
 * Returns only the size of the body, of a message that was decoded when it was stored. @throws
 * {CacheError} INVALID_IPC
 */
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

class BatchTable implements MessageBatch {
  readonly rowCount: number;
  readonly compression: BatchLayout["compression"];
  readonly #table: FlatbufferTable;
  readonly #bodySizeBytes: number;
  readonly #nodes: VectorRange | undefined;
  readonly #buffers: VectorRange | undefined;
  readonly #dataBufferCounts: VectorRange | undefined;

  constructor(table: FlatbufferTable, bodySizeBytes: number) {
    this.rowCount = notNegative(table.int64(RECORD_BATCH.rowCount, 0));
    this.compression = decodeCompression(table.table(RECORD_BATCH.compression));
    this.#table = table;
    this.#bodySizeBytes = bodySizeBytes;
    this.#nodes = table.vector(RECORD_BATCH.nodes, NODE_SIZE_BYTES);
    this.#buffers = table.vector(RECORD_BATCH.buffers, BUFFER_SIZE_BYTES);
    this.#dataBufferCounts = table.vector(RECORD_BATCH.dataBufferCounts, DATA_BUFFER_COUNT_BYTES);
  }

  get nodeCount(): number {
    return this.#nodes?.length ?? 0;
  }

  get bufferCount(): number {
    return this.#buffers?.length ?? 0;
  }

  get viewColumnCount(): number {
    return this.#dataBufferCounts?.length ?? 0;
  }

  nodeAt(index: number): FieldNode | undefined {
    if (index >= this.nodeCount) return undefined;
    const position = this.#nodes!.position + NODE_SIZE_BYTES * index;
    const nullCount = this.#table.reader.int64(position + 8);
    if (nullCount !== UNKNOWN_NULLS) notNegative(nullCount);
    return { length: this.#sizeAt(position), nullCount };
  }

  bufferAt(index: number): BufferRange | undefined {
    if (index >= this.bufferCount) return undefined;
    const position = this.#buffers!.position + BUFFER_SIZE_BYTES * index;
    const [offset, sizeBytes] = [this.#sizeAt(position), this.#sizeAt(position + 8)];
    if (offset + sizeBytes > this.#bodySizeBytes) throw invalidIpc("a buffer is outside the body");
    return { offset, sizeBytes };
  }

  dataBufferCountAt(index: number): number | undefined {
    if (index >= this.viewColumnCount) return undefined;
    return this.#sizeAt(this.#dataBufferCounts!.position + DATA_BUFFER_COUNT_BYTES * index);
  }

  nodes(countMax?: number): FieldNode[] {
    checkCount(this.nodeCount, countMax);
    const nodes: FieldNode[] = [];
    for (let i = 0; i < this.nodeCount; i++) nodes.push(this.nodeAt(i)!);
    return nodes;
  }

  buffers(countMax?: number): BufferRange[] {
    checkCount(this.bufferCount, countMax);
    const buffers: BufferRange[] = [];
    for (let i = 0; i < this.bufferCount; i++) buffers.push(this.bufferAt(i)!);
    return buffers;
  }

  /** Sizes and counts are int64, never negative. */
  #sizeAt(position: number): number {
    return notNegative(this.#table.reader.int64(position));
  }
}

function checkCount(count: number, countMax: number | undefined): void {
  if (countMax !== undefined && count > countMax)
    throw invalidIpc("a batch has more columns than its schema");
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
