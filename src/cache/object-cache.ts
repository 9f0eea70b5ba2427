/**
 * The rules of the cache, as every handler and host may rely on them: put, patch, get, list, delete,
 * and what survives a restart.
 *
 * There are two caches. `IndexedCache` has an engine to itself and finds objects in an index.
 * `SharedCache` (shared/) works over a bucket that other servers change, and asks it.
 */
import type { CacheError } from "../errors.ts";
import type { KeyPattern, ObjectKey, SessionPrefix } from "../object/object-key.ts";
import type { ObjectKind } from "../object/object-metadata.ts";
import type {
  Durability,
  FileLocation,
  StorageCapabilities,
  StorageReach,
} from "../storage/object-storage.ts";
import type { ReplicaRegistry } from "../storage/s3/replica-registry.ts";
import type { DiskSpace } from "../storage/storage-counts.ts";
import type { FitsBase } from "./begin-patch.ts";
import type { CacheCounts } from "./cache-counts.ts";
import type { DeleteOptions } from "./delete-objects.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { ListedSchemas } from "./listed-schemas.ts";
import type { ObjectReading, OpenedObject, OpenTerms } from "./object-reading.ts";
import type { Observing } from "./observing.ts";
import type { Draft, PutOptions } from "./put-draft.ts";
import type { Retaining } from "./retaining.ts";
import type { KeyRange, MayList } from "./sorted-list.ts";
import type { UsageTable } from "./usage.ts";

export interface ObjectCache {
  readonly capabilities: StorageCapabilities;
  /** Absent: the storage needs no store that can be out of reach. */
  readonly reach?: StorageReach | undefined;
  readonly retaining: Retaining;
  readonly observing: Pick<Observing, "why" | "top">;
  readonly schemas: ListedSchemas;
  /** What each application and identity has. */
  readonly usage: UsageTable;
  /** The servers over the same objects; absent: this is the only one. */
  readonly replicas?: ReplicaRegistry | undefined;
  /** A snapshot. */
  readonly counts: CacheCounts;
  /** Prepares the storage. Calls may come when it returns. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** The file system of the objects; undefined if none holds them. @throws {CacheError} STORAGE_IO */
  space(): Promise<DiskSpace | undefined>;
  /** Begins a put that creates or replaces. @throws {CacheError} INVALID_KEY */
  draftPut(key: ObjectKey, kind: ObjectKind, options?: PutOptions): Draft;
  /** Begins a put with a server-made object id. */
  draftCreate(prefix: SessionPrefix, kind: ObjectKind, options?: PutOptions): Draft;
  /**
   * Begins a patch: checks that the object exists and that the patch fits, before its bytes are
   * read, and again at the commit.
   * @param fits throws if the patch does not fit the base of a table
   * @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_CORRUPT, INVALID_REQUEST if the kinds differ,
   *   OBJECT_TOO_LARGE if there are too many patches
   */
  draftPatch(key: ObjectKey, kind: ObjectKind, fits: FitsBase, ttlMs?: number): Promise<Draft>;
  /** The entry of a key, even if damaged; undefined if there is no object or it has expired. */
  find(key: ObjectKey): Promise<IndexEntry | undefined>;
  /** Whether an index in memory has the object; undefined if only `find` can tell. */
  isIndexed(key: ObjectKey): boolean | undefined;
  /** The entry of a readable object. @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_CORRUPT */
  stat(key: ObjectKey): Promise<IndexEntry>;
  /**
   * Opens an object for reading. The caller closes `reading`.
   * @param needsBase returns whether to open the base; called with the state that is read.
   * @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_CORRUPT
   */
  open(key: ObjectKey, needsBase: (entry: IndexEntry) => boolean, terms?: OpenTerms): Promise<OpenedObject>;
  /**
   * Locates an object that is one whole file: no patches, no stream. The caller reads what the file
   * contains at that time.
   * @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_CORRUPT
   */
  locate(key: ObjectKey): Promise<FileLocation | undefined>;
  /** Called by a get that found damaged bytes. */
  reportDamage(reading: ObjectReading, error: CacheError): void;
  /** Lists the readable objects that match a pattern, in pages and no order. */
  list(pattern: KeyPattern): AsyncGenerator<readonly IndexEntry[], void, void>;
  /** Lists the readable objects of a range in the order of their keys. */
  listSorted(range: KeyRange, mayList?: MayList): AsyncGenerator<readonly IndexEntry[], void, void>;
  /** Deletes what matches a pattern. @returns the number of objects. */
  delete(pattern: KeyPattern, durability?: Durability, more?: DeleteOptions): Promise<number>;
}
