/**
 * What those that change objects need of the cache they work for: puts, patches, deletes, and taking other programs' files over.
 */
import type { ObjectKey } from "../object/object-key.ts";
import type { FileSummary } from "../object/object-writer.ts";
import type { ObjectStorage, OpenPurpose } from "../storage/object-storage.ts";
import type { BaseFacts, IndexEntry } from "./index-entry.ts";
import type { KeyLocks } from "./key-locks.ts";
import type { OpenedObject } from "./object-reading.ts";
import type { Retention } from "./retention/retention.ts";
import type { FreeBytes, Roster } from "./roster.ts";
import type { SchemaPool } from "./schema-pool.ts";

/** What a draft needs of the cache that made it. */
export interface DraftHost {
  readonly storage: ObjectStorage;
  readonly roster: Roster;
  readonly retention: Retention;
  readonly locks: KeyLocks;
  readonly schemas: SchemaPool;
  /** The entry of a key, read from disk when the index does not know it, expired or not; the lock is held by the caller. */
  findLocked(key: ObjectKey): Promise<IndexEntry | undefined>;
  /** Opens an object; the lock is held by the caller. @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_CORRUPT */
  openLocked(key: ObjectKey, entry: IndexEntry, purpose: OpenPurpose): Promise<OpenedObject>;
  /** Something was given a time to live. */
  lifetimeSet(): void;
  /** Removes an older base's patches as soon as nobody reads them, and says when all its bytes are free. */
  retire(key: ObjectKey, entry: IndexEntry, free: FreeBytes): Promise<void>;
  /** Nothing of the object is left in the storage. */
  isGone(key: ObjectKey): void;
}

/** Where the index finds the value, or the schema, of a base that was written just now. */
export function placeOf(
  { schemas }: DraftHost,
  { value, schemaHeader }: Pick<FileSummary, "value" | "schemaHeader">,
): Pick<BaseFacts, "value" | "schemaNumber"> {
  if (schemaHeader === undefined) return { value };
  return { schemaNumber: schemas.numberOf(schemaHeader) };
}
