/**
 * The parts of the cache that changes of objects use: puts, patches, deletes, and conversions.
 *
 * An interface only; object-cache.ts implements it.
 */
import type { ObjectKey } from "../object/object-key.ts";
import type { FileSummary } from "../object/object-writer.ts";
import type { ObjectStorage, OpenPurpose } from "../storage/object-storage.ts";
import type { EventJournal } from "./events/event-journal.ts";
import type { EntryFacts, IndexEntry } from "./index-entry.ts";
import type { KeyLocks } from "./key-locks.ts";
import type { OpenedObject } from "./object-reading.ts";
import type { FreeBytes, ObjectRegistry } from "./object-registry.ts";
import type { Retention } from "./retention/retention.ts";
import type { SchemaPool } from "./schema-pool.ts";

/** What puts, patches, deletes and conversions use of the cache. */
export interface WriteContext {
  readonly storage: ObjectStorage;
  readonly registry: ObjectRegistry;
  readonly retention: Retention;
  readonly locks: KeyLocks;
  readonly schemas: SchemaPool;
  /** Undefined: nothing is recorded. */
  readonly events: EventJournal | undefined;
  /**
   * The entry of a key, expired or not; read from disk if it is not in the index. The caller holds
   * the lock.
   */
  findLocked(key: ObjectKey): Promise<IndexEntry | undefined>;
  /**
   * Opens an object. The caller holds the lock. @throws {CacheError} OBJECT_NOT_FOUND,
   * OBJECT_CORRUPT
   */
  openLocked(key: ObjectKey, entry: IndexEntry, purpose: OpenPurpose): Promise<OpenedObject>;
  /** An object or rule got a time to live. */
  lifetimeSet(): void;
  /**
   * Removes an older base's patches once nobody reads them, and calls `free` when all its bytes are
   * released.
   */
  retire(key: ObjectKey, entry: IndexEntry, free: FreeBytes): Promise<void>;
  /** All files of the object were removed. */
  removed(key: ObjectKey): void;
}

/** Position of the value, or number of the schema, of a base that was just written. */
export function placeOf(
  { schemas }: WriteContext,
  { value, schemaHeader }: Pick<FileSummary, "value" | "schemaHeader">,
): Pick<EntryFacts, "value" | "schemaNumber"> {
  if (schemaHeader === undefined) return { value };
  return { schemaNumber: schemas.numberOf(schemaHeader) };
}
