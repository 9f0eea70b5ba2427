/**
 * The cache over a store that any number of replicas share: no index and no locks of keys.
 *
 * Each call asks the store for the object's state, and works with that state to its end. What
 * changes an object is decided by the store, under a condition. So every replica answers as if it
 * were the only one. Quotas, pins and the event journal know this replica only.
 * Cost: one request for a get or a small put; none within the allowed staleness.
 */
import { randomUUID } from "node:crypto";
import { CacheError, isCacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import {
  formatKeyPattern,
  formatObjectKey,
  type KeyPattern,
  type ObjectKey,
  type SessionPrefix,
} from "../../object/object-key.ts";
import type { ObjectKind } from "../../object/object-metadata.ts";
import type {
  Durability,
  OpenPurpose,
  StorageCapabilities,
  StorageReach,
} from "../../storage/object-storage.ts";
import { isReplaced } from "../../storage/s3/bucket-objects.ts";
import type { Accepts, BucketStorage } from "../../storage/s3/bucket-storage.ts";
import { refuseVersionedId } from "../../storage/s3/names.ts";
import type { ReplicaRegistry } from "../../storage/s3/replica-registry.ts";
import type { FitsBase } from "../begin-patch.ts";
import { NO_EVICTIONS } from "../budget-counts.ts";
import type { CacheCounts } from "../cache-counts.ts";
import type { DeleteOptions } from "../delete-objects.ts";
import type { EventJournal } from "../events/event-journal.ts";
import { damageError, type IndexEntry } from "../index-entry.ts";
import { LayoutCache } from "../layout-cache.ts";
import { ListedSchemas } from "../listed-schemas.ts";
import type { ObjectCache } from "../object-cache.ts";
import { ObjectReading, type OpenedObject, type OpenTerms, type ReadingHost } from "../object-reading.ts";
import { Observing } from "../observing.ts";
import { type Draft, type PutOptions, refuseTooManyPatches } from "../put-draft.ts";
import { SchemaPool } from "../schema-pool.ts";
import type { KeyRange, MayList } from "../sorted-list.ts";
import { UsageTable } from "../usage.ts";
import { verifyOnce } from "../verify-once.ts";
import { acceptor, SharedBaseDraft, type SharedContext, SharedPatchDraft } from "./shared-drafts.ts";
import { SharedEntries, type SharedEntry } from "./shared-entry.ts";
import { listShared, listSortedShared } from "./shared-lists.ts";
import { SharedRetaining } from "./shared-retaining.ts";

const log = logFor("cache");

export interface SharedCacheOptions {
  /** False: bytes are compared at their first read only. */
  readonly verifiesReads?: boolean | undefined;
  /** Absent: nothing is recorded. */
  readonly events?: EventJournal | undefined;
}

export class SharedCache implements ObjectCache {
  readonly retaining: SharedRetaining;
  readonly observing: Observing;
  readonly schemas: ListedSchemas;
  readonly replicas: ReplicaRegistry | undefined;
  /** Empty: no server counts what all of them hold. */
  readonly usage = new UsageTable(() => undefined);
  readonly #context: SharedContext;
  readonly #reading: ReadingHost;

  constructor(storage: BucketStorage, { verifiesReads = true, events }: SharedCacheOptions = {}) {
    this.replicas = storage.replicas;
    const schemas = new SchemaPool();
    const find = (key: ObjectKey) => this.find(key);
    this.#context = { storage, entries: new SharedEntries(), events, find };
    this.#reading = {
      storage,
      layouts: new LayoutCache(schemas),
      holders: undefined,
      verifiesReads,
    };
    this.schemas = new ListedSchemas({ storage, schemas });
    this.retaining = new SharedRetaining(this.#context);
    this.observing = new Observing({ retaining: this.retaining, events, find, entries: undefined });
  }

  async start(): Promise<void> {
    await this.#context.storage.start();
    await this.#context.events?.open();
  }

  async stop(): Promise<void> {
    await this.#context.events?.close();
    await this.#context.storage.stop();
  }

  get capabilities(): StorageCapabilities {
    return this.#context.storage.capabilities;
  }

  get reach(): StorageReach | undefined {
    return this.#context.storage.reach;
  }

  get counts(): CacheCounts {
    const removals = { ...NO_EVICTIONS, expiredObjects: 0 };
    const { counts: storage } = this.#context.storage;
    const uncounted = { objects: undefined, objectBytes: undefined, budget: undefined };
    return { ...uncounted, isScanning: false, removals, storage };
  }

  /** A bucket has no size. */
  async space(): Promise<undefined> {}

  find(key: ObjectKey): Promise<SharedEntry | undefined> {
    return this.#find(key);
  }

  /** There is no index. */
  isIndexed(): undefined {}

  /** @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_CORRUPT */
  async stat(key: ObjectKey): Promise<SharedEntry> {
    const entry = await this.find(key);
    if (entry === undefined) throw new CacheError("OBJECT_NOT_FOUND");
    if (entry.damage !== undefined) throw damageError(entry);
    return entry;
  }

  /** @throws {CacheError} INVALID_KEY if the id looks like a version of another one */
  draftPut(key: ObjectKey, kind: ObjectKind, options?: PutOptions): Draft {
    refuseVersionedId(key);
    return new SharedBaseDraft(this.#context, key, kind, options);
  }

  draftCreate(prefix: SessionPrefix, kind: ObjectKind, options?: PutOptions): Draft {
    return this.draftPut({ ...prefix, objectId: randomUUID() }, kind, options);
  }

  async draftPatch(key: ObjectKey, kind: ObjectKind, fits: FitsBase, ttlMs?: number): Promise<Draft> {
    const check = this.#patchCheck(kind, fits);
    await this.#lookBefore(key, check);
    return new SharedPatchDraft(this.#context, key, check, ttlMs);
  }

  async open(
    key: ObjectKey,
    needsBase: (entry: IndexEntry) => boolean,
    { purpose, atLeastVersion }: OpenTerms = {},
  ): Promise<OpenedObject> {
    this.observing.wasRead(formatObjectKey(key));
    for (let tries = 1; ; tries += 1) {
      const entry = await this.#find(key, tries > 1 ? "strict" : { atLeastVersion });
      if (entry === undefined) throw new CacheError("OBJECT_NOT_FOUND");
      try {
        return await this.#openEntry(entry, needsBase, purpose);
      } catch (error) {
        // Its bytes were collected, because the object was replaced: look again.
        if (!isReplaced(error) || tries >= LIMITS.missingBlobReadsMax) throw error;
      }
    }
  }

  /** Nothing of a bucket is a file of this host. @throws {CacheError} OBJECT_NOT_FOUND */
  async locate(key: ObjectKey): Promise<undefined> {
    await this.stat(key);
  }

  /** The bytes may have been damaged on their way: the next get reads them again. */
  reportDamage({ key, version }: ObjectReading, { message: reason, facts }: CacheError): void {
    const name = formatObjectKey(key);
    log.error("object is damaged", { key: name, version, reason, ...facts });
    this.#context.events?.record({ name, event: "damaged", version, details: { reason } });
  }

  async *list(pattern: KeyPattern): AsyncGenerator<readonly IndexEntry[], void, void> {
    if (pattern.scope !== "object") return yield* listShared(this.#context, pattern);
    const entry = await this.find(pattern.key);
    if (entry !== undefined) yield [entry];
  }

  listSorted(range: KeyRange, mayList?: MayList): AsyncGenerator<readonly IndexEntry[], void, void> {
    return listSortedShared(this.#context, range, mayList);
  }

  /** Objects that are put while it runs may stay. */
  async delete(
    pattern: KeyPattern,
    _durability?: Durability,
    { precondition, actor }: DeleteOptions = {},
  ): Promise<number> {
    const details = { pattern: formatKeyPattern(pattern) };
    const accept = precondition && acceptor(this.#context, precondition);
    const deleteOne = async (key: ObjectKey): Promise<number> => {
      const version = await this.#context.storage.delete(key, accept);
      if (version === undefined) return 0;
      const name = formatObjectKey(key);
      this.#context.events?.record({ name, event: "deleted", version, by: actor, details });
      return 1;
    };
    if (pattern.scope === "object") return await deleteOne(pattern.key);
    let deleted = 0;
    for await (const page of listShared(this.#context, pattern)) {
      for (let start = 0; start < page.length; start += LIMITS.deleteConcurrency) {
        const some = page.slice(start, start + LIMITS.deleteConcurrency);
        const counts = await Promise.all(some.map((entry) => deleteOne(entry.key)));
        deleted += counts.reduce((sum, count) => sum + count, 0);
      }
    }
    return deleted;
  }

  async #find(key: ObjectKey, accepts?: Accepts): Promise<SharedEntry | undefined> {
    const { storage, entries } = this.#context;
    const state = await storage.find(key, accepts);
    return state && entries.of(state);
  }

  async #openEntry(
    entry: SharedEntry,
    needsBase: (entry: IndexEntry) => boolean,
    purpose: OpenPurpose | undefined,
  ): Promise<OpenedObject> {
    if (entry.damage !== undefined) throw damageError(entry);
    const reading = new ObjectReading(this.#reading, entry.key, entry);
    try {
      if (!needsBase(entry)) return { reading, base: undefined };
      const base = await reading.openBase(purpose);
      if (base === undefined)
        throw new CacheError("OBJECT_CORRUPT", "the object in the bucket is incomplete");
      if (purpose === "look" && !entry.isVerified) await verifyOnce(entry, base);
      return { reading, base };
    } catch (error) {
      reading.close();
      if (isCacheError(error, "OBJECT_CORRUPT")) this.reportDamage(reading, error);
      throw error;
    }
  }

  /**
   * Refuses a patch before its bytes are read, if the current object does. The write checks again,
   * under its condition, so an object that is remembered may allow it, and then costs no request.
   */
  async #lookBefore(key: ObjectKey, check: (entry: SharedEntry) => Promise<void>): Promise<void> {
    for (const accepts of [{ atLeastVersion: 0 }, "strict"] as const) {
      try {
        const entry = await this.#find(key, accepts);
        if (entry === undefined) throw new CacheError("OBJECT_NOT_FOUND");
        return await check(entry);
      } catch (error) {
        if (accepts === "strict" || !isCacheError(error)) throw error;
      }
    }
  }

  /** The check of a patch; a table's base is opened once. */
  #patchCheck(kind: ObjectKind, fits: FitsBase): (entry: SharedEntry) => Promise<void> {
    let checkedBase: number | undefined;
    return async (entry) => {
      refuseTooManyPatches(entry);
      if (entry.kind !== kind) {
        throw new CacheError("INVALID_REQUEST", `the object is ${entry.kind}, the patch is ${kind}`);
      }
      if (kind === "opaque" || checkedBase === entry.baseVersion) return;
      const opened = await this.#openEntry(entry, () => true, "look");
      try {
        if (opened.base !== undefined) await fits(opened.base);
        checkedBase = entry.baseVersion;
      } finally {
        opened.reading.close(true);
      }
    };
  }
}
