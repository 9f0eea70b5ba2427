/**
 * Remembers how the files of recently read tables are laid out, so that reading one again parses no footer.
 *
 * Bounded by LIMITS.layoutCacheBytesMax; the least recently used leave first. Only files of the cache's own are remembered,
 * whose checksum was compared: a published file never changes. What is kept are copies, never views of a file that was
 * read; schemas are the pool's. An opaque value needs none of this: the index itself knows where it lies.
 */
import { LIMITS } from "../limits.ts";
import { StoredBatches, type StoredObject } from "../object/stored-blocks.ts";
import type { StoredFile } from "../storage/object-storage.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { SchemaPool } from "./schema-pool.ts";

/** All of a stored table but its bytes. */
type Layout = Omit<StoredObject, "source">;

interface Remembered {
  readonly layout: Layout;
  /** Of a file of another size nothing is known. */
  readonly fileSizeBytes: number;
  /** What keeping it costs, about. */
  readonly costBytes: number;
}

/** The objects and maps around what is counted. */
const OVERHEAD_BYTES = 512;

export class LayoutCache {
  /** Oldest use first. An entry belongs to one base: replacing an object makes a new one. */
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

  /** The object behind `source`, when its layout is known. */
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
