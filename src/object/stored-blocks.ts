/**
 * The interface of a stored object for its readers, and the order of its blocks.
 *
 * stored-object.ts creates it.
 */
import { readFramedHeader } from "../arrow/encapsulated.ts";
import type { Block, Footer } from "../arrow/footer.ts";
import { CacheError } from "../errors.ts";
import type { ByteList } from "./byte-list.ts";
import type { ByteSource } from "./byte-sink.ts";
import type { ChecksumSegment, Lifetime, ObjectKind } from "./object-metadata.ts";
import type { ValueCodec } from "./opaque-row.ts";

/** A range of the file. */
export interface ByteRange {
  readonly position: number;
  readonly sizeBytes: number;
}

export interface StoredBatch {
  readonly block: Block;
  readonly appMetadata: Uint8Array;
}

export interface StoredObject {
  readonly kind: ObjectKind;
  readonly version: number;
  readonly rowCount: number;
  readonly dataBytes: number;
  /** The schema message as the client sent it; a view. */
  readonly schemaHeader: Buffer;
  /** Table: the app_metadata of its schema message; a copy. */
  readonly schemaAppMetadata?: Uint8Array | undefined;
  /** Opaque: ranges of the value's bytes, in order. */
  readonly dataRanges: readonly ByteRange[];
  /** Opaque, if the value is stored compressed. */
  readonly codec: ValueCodec | undefined;
  /** Table: dictionary and record batches in the order they arrived. */
  readonly batches: Iterable<StoredBatch>;
  /** The lifetime, if its put set one. */
  readonly lifetime?: Lifetime | undefined;
  /** As in ObjectMetadata. */
  readonly putBy?: string | undefined;
  /** False for a file that another program wrote. */
  readonly isOwn: boolean;
  /** For a file of another program: true if the file contains its version. */
  readonly saysVersion?: boolean;
  /** Empty for a file of another program, and if the bytes end with the process. */
  readonly checksum: readonly ChecksumSegment[];
  /** Reads the object's bytes; the whole file may already be in memory. */
  readonly source: ByteSource;
}

/** Position of an opaque object's value with one unmodified row. */
export interface ValuePlace {
  readonly position: number;
  /**
   * CRC-32 of the value and its padding to a multiple of VALUE_ALIGNMENT; undefined if there is
   * none.
   */
  readonly crc32: number | undefined;
}

/** The alignment to which a value is padded in its file, bytes. */
export const VALUE_ALIGNMENT = 64;

/** Undefined if the object is not one unmodified row. */
export function valuePlaceOf({ kind, dataRanges, codec, checksum }: StoredObject): ValuePlace | undefined {
  const [row, ...others] = dataRanges;
  if (kind !== "opaque" || row === undefined || others.length > 0 || codec !== undefined) return undefined;
  return { position: row.position, crc32: checksum.at(-1)?.crc32 };
}

/** Dictionary and record batches in file order, in which they arrived. */
export function* blocksInOrder(footer: Pick<Footer, "dictionaries" | "recordBatches">): Generator<Block> {
  let dictionary = 0;
  let batch = 0;
  for (;;) {
    const a = footer.dictionaries.at(dictionary);
    const b = footer.recordBatches.at(batch);
    if (a === undefined && b === undefined) return;
    if (b === undefined || (a !== undefined && a.position < b.position)) {
      dictionary += 1;
      yield a!;
    } else {
      batch += 1;
      yield b;
    }
  }
}

const NO_METADATA = new Uint8Array(0);
/** A block in a BlockList. */
const BLOCK_BYTES = 24;

/** The batches of a table, created one at a time: there may be a million. */
export class StoredBatches implements Iterable<StoredBatch> {
  readonly #blocks: Pick<Footer, "dictionaries" | "recordBatches">;
  readonly #appMetadata: ByteList | undefined;

  /** @param appMetadata one per batch, or undefined if all are empty. */
  constructor({ dictionaries, recordBatches }: Footer, appMetadata?: ByteList) {
    this.#blocks = { dictionaries, recordBatches };
    this.#appMetadata = appMetadata;
  }

  /** Approximate memory of keeping this. */
  get costBytes(): number {
    const { dictionaries, recordBatches } = this.#blocks;
    const metadataBytes = this.#appMetadata?.bytes.length ?? 0;
    return BLOCK_BYTES * (dictionaries.length + recordBatches.length) + metadataBytes;
  }

  *[Symbol.iterator](): Generator<StoredBatch> {
    const appMetadata = this.#appMetadata?.[Symbol.iterator]();
    for (const block of blocksInOrder(this.#blocks)) {
      const item = appMetadata?.next();
      yield { block, appMetadata: item?.done === false ? item.value : NO_METADATA };
    }
  }
}

/** The message of one block; a view of the bytes read. @throws {CacheError} OBJECT_CORRUPT */
export async function readBlockHeader(source: ByteSource, block: Block): Promise<Uint8Array> {
  return unframeBlock(await source.read(block.position, block.metadataSizeBytes));
}

/**
 * The message at the start of a block's bytes; a view.
 * @throws {CacheError} OBJECT_CORRUPT if its frame is incomplete: it was complete when it was
 *   stored.
 */
export function unframeBlock(bytes: Buffer): Uint8Array {
  try {
    return readFramedHeader(bytes, 0).header;
  } catch (cause) {
    throw new CacheError("OBJECT_CORRUPT", "a stored message is damaged", { cause });
  }
}
