/**
 * The shape of a stored object as its readers see it, and the order of its blocks.
 */
import { readFramedHeader } from "../arrow/encapsulated.ts";
import type { Block, Footer } from "../arrow/footer.ts";
import { CacheError } from "../errors.ts";
import type { ByteList } from "./byte-list.ts";
import type { ByteSource } from "./byte-sink.ts";
import type { ChecksumSegment, Lifetime, ObjectKind } from "./object-metadata.ts";
import type { ValueCodec } from "./opaque-row.ts";

/** A stretch of the file. */
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
  /** Table: the app_metadata that came with its schema message; a copy. */
  readonly schemaAppMetadata?: Uint8Array | undefined;
  /** Opaque: where the value's bytes lie, in order. */
  readonly dataRanges: readonly ByteRange[];
  /** Opaque, when the value is stored compressed. */
  readonly codec: ValueCodec | undefined;
  /** Table: dictionary and record batches in the order they came. */
  readonly batches: Iterable<StoredBatch>;
  /** Until when it may be served, when its put said so. */
  readonly lifetime?: Lifetime | undefined;
  /** False for a file that another program wrote. */
  readonly isOwn: boolean;
  /** Of a file of another program: true when the file itself says its version. */
  readonly saysVersion?: boolean;
  /** Empty for a file of another program, and where the bytes do not outlive the process. */
  readonly checksum: readonly ChecksumSegment[];
  /** Reads the object's bytes; the whole file may be in memory already. */
  readonly source: ByteSource;
}

/** Where the value of an opaque object begins that is one row as it was put. */
export interface ValuePlace {
  readonly position: number;
  /** CRC-32 of the value and the zeros up to the next multiple of VALUE_ALIGNMENT; undefined where none is kept. */
  readonly crc32: number | undefined;
}

/** What a value is padded to in its file, bytes. */
export const VALUE_ALIGNMENT = 64;

/** Undefined for an object that is not one row as it was put. */
export function valuePlaceOf({ kind, dataRanges, codec, checksum }: StoredObject): ValuePlace | undefined {
  const [row, ...others] = dataRanges;
  if (kind !== "opaque" || row === undefined || others.length > 0 || codec !== undefined) return undefined;
  return { position: row.position, crc32: checksum.at(-1)?.crc32 };
}

/** Dictionary and record batches in the order in which they lie in the file, which is the order they came in. */
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

/** The batches of a table; made one at a time, because there may be a million of them. */
export class StoredBatches implements Iterable<StoredBatch> {
  readonly #blocks: Pick<Footer, "dictionaries" | "recordBatches">;
  readonly #appMetadata: ByteList | undefined;

  /** @param appMetadata one per batch, or undefined when none has any. */
  constructor({ dictionaries, recordBatches }: Footer, appMetadata?: ByteList) {
    this.#blocks = { dictionaries, recordBatches };
    this.#appMetadata = appMetadata;
  }

  /** Memory that keeping this costs, about. */
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

/** The message of one block; a view of what was read. @throws {CacheError} OBJECT_CORRUPT */
export async function readBlockHeader(source: ByteSource, block: Block): Promise<Uint8Array> {
  return unframeBlock(await source.read(block.position, block.metadataSizeBytes));
}

/**
 * The message at the start of a block's bytes; a view.
 * @throws {CacheError} OBJECT_CORRUPT when its frame is not whole: what lies on disk was whole when it was stored.
 */
export function unframeBlock(bytes: Buffer): Uint8Array {
  try {
    return readFramedHeader(bytes, 0).header;
  } catch (cause) {
    throw new CacheError("OBJECT_CORRUPT", "a stored message is damaged", { cause });
  }
}
