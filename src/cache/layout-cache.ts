/**
 * Caches the layout of recently read tables, so that another read parses no footer.
 *
 * Bounded by LIMITS.layoutCacheBytesMax with LRU eviction. Only verified files of this cache are
 * included, because a published file never changes. Entries are copies, never views of a file;
 * schemas belong to the pool. Opaque values need no layout: the index knows their position.
 */
import { LIMITS } from "../limits.ts";
import { StoredBatches, type StoredObject } from "../object/stored-blocks.ts";
import type { StoredFile } from "../storage/object-storage.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { SchemaPool } from "./schema-pool.ts";

/** A stored table without its bytes. */
type Layout = Omit<StoredObject, "source">;

interface Remembered {
  readonly layout: Layout;
  /** Valid only for a file of this size. */
  readonly fileSizeBytes: number;
  /** Approximate memory of the entry. */
  readonly costBytes: number;
}

/** The objects and maps around the counted bytes. */
const OVERHEAD_BYTES = 512;

export class LayoutCache {
  /** Least recently used first. An entry belongs to one base: a replaced object gets a new one. */
  readonly #remembered = new Map<IndexEntry, Remembered>();
  readonly #bytesMax: number;
  readonly #schemas: SchemaPool;
  #bytes = 0;

  constructor(schemas: SchemaPool, bytesMax: number = LIMITS.layoutCacheBytesMax) {
    this.#schemas = schemas;
    this.#bytesMax = bytesMax;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  /** The object in `source`, if its layout is cached. */
  find(entry: IndexEntry, source: StoredFile): StoredObject | undefined {
    const found = this.#remembered.get(entry);
    if (found === undefined || found.fileSizeBytes !== source.sizeBytes) return undefined;
    this.#remembered.delete(entry);
    this.#remembered.set(entry, found);
    return { ...found.layout, source };
  }

  remember(entry: IndexEntry, object: StoredObject): void {
    const { batches } = object;
    if (object.kind === "table") entry.schemaNumber = this.#schemas.numberOf(object.schemaHeader);
    if (!object.isOwn || !entry.isVerified || !(batches instanceof StoredBatches)) return;
    const { schemaHeader, schemaAppMetadata } = object;
    const costBytes =
      OVERHEAD_BYTES + schemaHeader.length + (schemaAppMetadata?.length ?? 0) + batches.costBytes;
    if (costBytes > LIMITS.layoutBytesMax) return;
    const copy = this.#schemas.header(entry.schemaNumber);
    if (copy === undefined) return;
    const { source, ...facts } = object;
    const layout = { ...facts, schemaHeader: copy };
    this.forget(entry);
    this.#remembered.set(entry, { layout, fileSizeBytes: source.sizeBytes, costBytes });
    this.#bytes += costBytes;
    for (const oldest of this.#remembered.keys()) {
      if (this.#bytes <= this.#bytesMax) return;
      this.forget(oldest);
    }
  }

  forget(entry: IndexEntry): void {
    this.#bytes -= this.#remembered.get(entry)?.costBytes ?? 0;
    this.#remembered.delete(entry);
  }
}
