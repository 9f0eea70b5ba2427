/**
 * Writes a table as an object file: its schema and batches as they arrived, each body at a multiple
 * of 64.
 *
 * A Flame table's schema gets the metadata of docs/protocol.md, "DoGet", through a new root before
 * the unchanged message; a plain table's schema is stored byte for byte. A stream that replaces a
 * dictionary cannot be an IPC file, so its head is rewritten and it becomes an IPC stream.
 * Cost: no copy of a body, one small overwrite.
 */

import { type Block, BlockList } from "../arrow/block-list.ts";
import { frameHeader, ZERO_PADDING } from "../arrow/encapsulated.ts";
import type { IpcMessage } from "../arrow/message.ts";
import { findMetadataValue } from "../arrow/schema-metadata.ts";
import { BLOCK_SIZE_BYTES } from "../arrow/slots.ts";
import { assert, CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { inTurns, turnIfLarge } from "../turns.ts";
import { ByteListWriter } from "./byte-list.ts";
import { type ByteSink, reserve } from "./byte-sink.ts";
import { encodeFileHead, headSizeBytes } from "./file-head.ts";
import { FooterMemory } from "./footer-memory.ts";
import type { ObjectMetadata } from "./object-metadata.ts";
import { formatSchemaVersion, type PayloadSchema, SCHEMA_KEY_VERSION, withVersion } from "./object-schema.ts";
import type { FileSummary, ObjectWriter, PutFacts } from "./object-writer.ts";
import { padTo } from "./opaque-row.ts";
import { RunningChecksum } from "./running-checksum.ts";
import { SEALED_FOOTER_BYTES, sealedFooterSteps } from "./sealed-footer.ts";

/** A message with a body. */
export type IpcBatchMessage = Exclude<IpcMessage, { kind: "schema" }>;

const BODY_ALIGNMENT = 64;
/** Memory for a batch: 24 bytes for its position, and the length of its app_metadata. */
const BATCH_BYTES = 32;
/** Memory of a dictionary id in a set: measured, rounded up. */
const DICTIONARY_BYTES = 96;

export class TableWriter implements ObjectWriter {
  readonly #sink: ByteSink;
  readonly #memory: FooterMemory;
  #takenBytes = 0;
  readonly #schema: StoredSchema;
  readonly #headSizeBytes: number;
  readonly #headSlot: number;
  readonly #checksum: RunningChecksum;
  readonly #dictionaries = new BlockList();
  readonly #recordBatches = new BlockList();
  readonly #dictionaryIds = new Set<bigint>();
  #schemaAppMetadata: Uint8Array | undefined;
  readonly #appMetadata = new ByteListWriter();
  #replacesDictionary = false;
  #rowCount = 0;
  #dataBytes = 0;
  #bodyLeftBytes = 0;
  #bodyPaddingBytes = 0;

  /**
   * @param schemaHeader the client's schema message; it is kept, so it must not be a view of a
   *   socket's buffer.
   * @param memory account of the memory held until the footer; by default one of its own.
   * @throws {CacheError} OVERLOADED
   */
  constructor(sink: ByteSink, schemaHeader: Buffer, payload: PayloadSchema, memory = new FooterMemory()) {
    this.#sink = sink;
    this.#memory = memory;
    this.#take(schemaHeader.length);
    this.#schema =
      payload.kind === "flame-table" ? versionedSchema(schemaHeader) : { ...PLAIN, header: schemaHeader };
    this.#checksum = new RunningChecksum(!sink.skipsChecksum);
    this.#headSizeBytes = headSizeBytes(this.#schema.header.length);
    this.#headSlot = this.#checksum.reserve(this.#headSizeBytes);
    reserve(sink, Buffer.alloc(this.#headSizeBytes));
  }

  get owedBytes(): number {
    const batches = this.#dictionaries.length + this.#recordBatches.length;
    const blocksBytes = BLOCK_SIZE_BYTES * batches + this.#bodyPaddingBytes;
    const { itemBytes } = this.#appMetadata;
    const listBytes = itemBytes === 0 ? 0 : itemBytes + 4 * batches;
    const textBytes = (4 / 3) * (listBytes + (this.#schemaAppMetadata?.length ?? 0));
    return this.#headSizeBytes + SEALED_FOOTER_BYTES + blocksBytes + Math.ceil(textBytes);
  }

  /**
   * Keeps the app_metadata of the schema message. @throws {CacheError} OBJECT_TOO_LARGE, OVERLOADED
   */
  keepSchemaAppMetadata(appMetadata: Uint8Array): void {
    if (appMetadata.length === 0) return;
    this.#takeAppMetadata(appMetadata.length);
    this.#schemaAppMetadata = Uint8Array.from(appMetadata);
  }

  /**
   * Begins a batch. Pass exactly its body to `appendBody`, then call `endBatch`.
   * @param header the message as it arrived; may be a view.
   * @throws {CacheError} OBJECT_TOO_LARGE over a limit, INVALID_IPC if all rows together exceed
   *   2^53, OVERLOADED.
   */
  beginBatch(header: Uint8Array, message: IpcBatchMessage): Promise<void> | undefined {
    assert(this.#bodyLeftBytes === 0, "the previous batch has all of its body");
    const { bodySizeBytes } = message;
    const position = this.#sink.sizeBytes;
    const frame = frameHeader(header, position, BODY_ALIGNMENT);
    const metadataSizeBytes = frame.prefix.length + header.length + frame.paddingSizeBytes;
    const storedBodyBytes = padTo(bodySizeBytes, 8);
    this.#note(message, { position, metadataSizeBytes, bodySizeBytes: storedBodyBytes });
    this.#dataBytes += bodySizeBytes;
    this.#bodyLeftBytes = bodySizeBytes;
    this.#bodyPaddingBytes = storedBodyBytes - bodySizeBytes;
    const parts = [frame.prefix, header, ZERO_PADDING.subarray(0, frame.paddingSizeBytes)];
    return this.#append(parts);
  }

  /**
   * Writes the next bytes of the batch's body, as views. If it returns a promise, wait before
   * giving more.
   */
  appendBody(views: readonly Uint8Array[]): Promise<void> | undefined {
    for (const view of views) this.#bodyLeftBytes -= view.length;
    assert(this.#bodyLeftBytes >= 0, "a body is not longer than was said");
    if (this.#bodyLeftBytes > 0 || this.#bodyPaddingBytes === 0) return this.#append(views);
    const padding = ZERO_PADDING.subarray(0, this.#bodyPaddingBytes);
    this.#bodyPaddingBytes = 0;
    return this.#append([...views, padding]);
  }

  /**
   * Ends a batch. Its app_metadata may come after its body. @throws {CacheError} OBJECT_TOO_LARGE,
   * OVERLOADED
   */
  endBatch(appMetadata: Uint8Array): void {
    assert(this.#bodyLeftBytes === 0, "the batch has all of its body");
    this.#takeAppMetadata(appMetadata.length);
    this.#appMetadata.append(appMetadata);
  }

  async finish(version: number, { lifetime, putBy }: PutFacts = {}): Promise<FileSummary> {
    assert(this.#bodyLeftBytes === 0, "the last batch has all of its body");
    const { header, frontSizeBytes, versionAt } = this.#schema;
    if (versionAt !== undefined) header.write(formatSchemaVersion(version), versionAt, "latin1");
    const part = this.#replacesDictionary ? "stream" : "file";
    const head = encodeFileHead(header, part);
    await turnIfLarge(head.length);
    this.#checksum.set(this.#headSlot, head);
    await this.#sink.overwrite(0, head);
    await turnIfLarge(head.length);
    const metadata: ObjectMetadata = {
      version,
      kind: "table",
      rowCount: this.#rowCount,
      dataBytes: this.#dataBytes,
      schemaStart: frontSizeBytes,
      schemaEnd: header.length,
      schemaAppMetadata: this.#schemaAppMetadata,
      appMetadata: this.#appMetadata.finish(),
      checksum: this.#checksum.finish(),
      lifetime,
      putBy,
    };
    const blocks = { dictionaries: this.#dictionaries, recordBatches: this.#recordBatches };
    const parts = { schemaHeader: header, ...blocks, metadata };
    await this.#sink.append([await inTurns(sealedFooterSteps(parts, this.#sink.sizeBytes))]);
    const { rowCount, dataBytes } = metadata;
    const schemaHeader = header.subarray(frontSizeBytes);
    return { part, rowCount, dataBytes, value: undefined, schemaHeader };
  }

  /**
   * Releases the memory account: nothing is written any more. May be called repeatedly, and after
   * `finish`.
   */
  release(): void {
    this.#memory.give(this.#takenBytes);
    this.#takenBytes = 0;
  }

  #take(bytes: number): void {
    this.#memory.take(bytes);
    this.#takenBytes += bytes;
  }

  #note(message: IpcBatchMessage, block: Block): void {
    if (this.#dictionaries.length + this.#recordBatches.length >= LIMITS.batchesPerPutMax) {
      throw new CacheError("OBJECT_TOO_LARGE", `a put has more than ${LIMITS.batchesPerPutMax} batches`);
    }
    this.#take(message.kind === "dictionaryBatch" ? BATCH_BYTES + DICTIONARY_BYTES : BATCH_BYTES);
    if (message.kind === "dictionaryBatch") {
      if (!message.isDelta && this.#dictionaryIds.has(message.dictionaryId)) this.#replacesDictionary = true;
      this.#dictionaryIds.add(message.dictionaryId);
      this.#dictionaries.push(block);
    } else {
      this.#rowCount = addRows(this.#rowCount, message.batch.rowCount);
      this.#recordBatches.push(block);
    }
  }

  /** Charges app_metadata that is kept until the footer is written. */
  #takeAppMetadata(bytes: number): void {
    const keptBytes = this.#appMetadata.itemBytes + (this.#schemaAppMetadata?.length ?? 0);
    if (keptBytes + bytes > LIMITS.appMetadataTotalBytesMax) {
      throw new CacheError(
        "OBJECT_TOO_LARGE",
        `app_metadata of all messages exceeds ${LIMITS.appMetadataTotalBytesMax} bytes`,
      );
    }
    this.#take(bytes);
  }

  #append(views: readonly Uint8Array[]): Promise<void> | undefined {
    for (const view of views) this.#checksum.add(view);
    return this.#sink.append(views);
  }
}

/** The schema message as stored in the file. */
interface StoredSchema {
  readonly header: Buffer;
  /** Bytes before the client's message. */
  readonly frontSizeBytes: number;
  /** Position of the version's digits, if the schema contains it. */
  readonly versionAt: number | undefined;
}

const PLAIN = { frontSizeBytes: 0, versionAt: undefined };

function versionedSchema(schemaHeader: Buffer): StoredSchema {
  const stored = withVersion(schemaHeader, 0);
  return { ...stored, versionAt: findMetadataValue(stored.header, SCHEMA_KEY_VERSION)?.position };
}

/** A batch may claim any number of rows; its bytes do not prove it. */
function addRows(rowCount: number, more: number): number {
  const sum = rowCount + more;
  if (!Number.isSafeInteger(sum)) throw new CacheError("INVALID_IPC", "the batches have too many rows");
  return sum;
}
