/**
 * The rules of the cache: put, patch, get, list, delete, and what of it survives a restart.
 *
 * Calls are answered as soon as `start` returns: a key names its file, so what the index does not know yet is read
 * from disk when it is asked for. Only a list waits for the background scan, and tells what is found while it goes on.
 */
import { randomUUID } from "node:crypto";
import { CacheError, isCacheError } from "../errors.ts";
import { logFor } from "../log.ts";
import {
  formatObjectKey,
  type KeyPattern,
  type ObjectKey,
  type SessionPrefix,
} from "../object/object-key.ts";
import type { ObjectKind } from "../object/object-metadata.ts";
import type { StoredObject } from "../object/stored-blocks.ts";
import type { Durability, FileLocation, ObjectStorage, OpenPurpose } from "../storage/object-storage.ts";
import { BackgroundScan } from "./background-scan.ts";
import { deleteObjects, removeObject } from "./delete-objects.ts";
import type { DraftHost } from "./draft-host.ts";
import { ExpirySweep } from "./expiry-sweep.ts";
import type { IndexEntry } from "./index-entry.ts";
import { KeyLocks } from "./key-locks.ts";
import { LayoutCache } from "./layout-cache.ts";
import { listObjects } from "./list-objects.ts";
import { ListedSchemas } from "./listed-schemas.ts";
import { ObjectLoader } from "./object-loader.ts";
import { ObjectReading, type OpenedObject, type ReadingHost } from "./object-reading.ts";
import { BaseDraft, type Draft, PatchDraft, refuseTooManyPatches } from "./put-draft.ts";
import { Retaining } from "./retaining.ts";
import { Retention } from "./retention/retention.ts";
import { openClock } from "./retention/steady-clock.ts";
import { RetiredObjects } from "./retired-objects.ts";
import { Roster } from "./roster.ts";
import { SchemaPool } from "./schema-pool.ts";
import type { EvictionCounts, StorageBudget } from "./storage-budget.ts";
import { verifyOnce } from "./verify-once.ts";

const log = logFor("cache");

export interface ObjectCacheOptions {
  /** What the storage may hold; without one it holds what fits. */
  readonly budget?: StorageBudget | undefined;
  /** The wall clock, ms since 1970. */
  readonly nowMs?: (() => number) | undefined;
  /** False: what this process wrote is not compared when it comes from the disk. */
  readonly verifiesReads?: boolean | undefined;
}

/** What left without anybody asking for it, since the start. */
export interface DepartureCounts extends EvictionCounts {
  readonly expiredObjects: number;
}

export class ObjectCache {
  /** Pins, leases and times to live. */
  readonly retaining: Retaining;
  readonly schemas: ListedSchemas;
  readonly #storage: ObjectStorage;
  readonly #roster: Roster;
  readonly #retention: Retention;
  readonly #sweep: ExpirySweep;
  readonly #locks: KeyLocks;
  readonly #loader: ObjectLoader;
  readonly #host: DraftHost;
  readonly #readingHost: ReadingHost;
  readonly #stopping = new AbortController();
  readonly #retired: RetiredObjects;
  readonly #scan: BackgroundScan;

  constructor(storage: ObjectStorage, options: ObjectCacheOptions = {}) {
    const { budget, nowMs: wallMs, verifiesReads = true } = options;
    const clock = openClock(wallMs);
    const nowMs = (): number => clock.nowMs();
    this.#storage = storage;
    this.#locks = new KeyLocks(budget && (() => budget.stir()));
    this.#retention = new Retention(storage.journal, clock);
    this.#roster = new Roster(this.#retention, budget);
    this.#loader = new ObjectLoader(storage);
    this.#retired = new RetiredObjects(storage);
    const schemas = new SchemaPool();
    this.#readingHost = {
      storage,
      layouts: new LayoutCache(schemas),
      holders: budget?.holders,
      verifiesReads,
    };
    this.schemas = new ListedSchemas({ storage, schemas });
    const shared = { roster: this.#roster, retention: this.#retention, locks: this.#locks };
    this.#sweep = new ExpirySweep({ ...shared, nowMs, removeExpired: (entry) => this.#removeExpired(entry) });
    this.#host = {
      ...shared,
      storage,
      schemas,
      findLocked: (key) => this.#findLocked(key),
      openLocked: (key, entry, purpose) => this.#openLocked(key, entry, purpose),
      lifetimeSet: () => this.#sweep.arm(),
      retire: (key, entry, free) => this.#retired.retire(key, entry, free),
      isGone: (key) => this.#scan.isGone(key),
    };
    this.retaining = new Retaining({
      ...shared,
      nowMs,
      sweep: this.#sweep,
      stat: (key) => this.stat(key),
      present: (key) => this.#unlessExpired(this.#roster.get(key)),
    });
    this.#scan = new BackgroundScan({
      ...shared,
      storage,
      find: (key) => this.find(key),
      findLocked: (key) => this.#findLocked(key),
      found: ({ version }, lifetime) => {
        this.#loader.sawVersion(version);
        if (lifetime !== undefined) this.#sweep.arm();
      },
      isBeingRead: (key, baseVersion) => this.#retired.isBeingRead(key, baseVersion),
    });
    budget?.connect({
      mayLeave: (entry) => !this.#locks.isHeld(entry.evictionKey),
      remove: (entry) => this.#locks.run(entry.evictionKey, () => removeObject(this.#host, entry, "evicted")),
    });
  }

  /** Makes the storage ready and begins the scan; calls may come when it returns. */
  async start(): Promise<void> {
    await this.#storage.start();
    await this.#retention.load();
    this.#sweep.arm();
    this.#scan.begin(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#scan.ended;
    await this.#sweep.stop();
    await this.#roster.budget?.settled();
    await this.#storage.stop();
  }

  /** True when nothing of it outlasts the process. */
  get isVolatile(): boolean {
    return this.#storage.kind === "none";
  }

  /** Objects the index knows of now. */
  get size(): number {
    return this.#roster.size;
  }

  /** Does now what the background does when it is due: removes what expired, ends leases. */
  async sweepNow(): Promise<void> {
    await this.#sweep.run();
  }

  get departures(): DepartureCounts {
    const counts = this.#roster.budget?.counts ?? { evictedObjects: 0, evictedBytes: 0, refusals: 0 };
    return { ...counts, expiredObjects: this.#sweep.expiredObjects };
  }

  /** Begins a put that creates or replaces. @param ttlMs see BaseDraftOptions. */
  draftPut(key: ObjectKey, kind: ObjectKind, ttlMs?: number): Draft {
    return new BaseDraft(this.#host, key, { kind, isFresh: false, ttlMs });
  }

  /** Begins a put under an object id that the server makes. @param ttlMs see BaseDraftOptions. */
  draftCreate(prefix: SessionPrefix, kind: ObjectKind, ttlMs?: number): Draft {
    return new BaseDraft(this.#host, { ...prefix, objectId: randomUUID() }, { kind, isFresh: true, ttlMs });
  }

  /**
   * Begins a patch.
   * @param fits throws INVALID_REQUEST when the patch does not fit the base; asked again when the base was replaced.
   * @param ttlMs see PatchDraftOptions.
   * @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_CORRUPT, INVALID_REQUEST when the kinds differ.
   */
  async draftPatch(
    key: ObjectKey,
    kind: ObjectKind,
    fits: (base: StoredObject) => Promise<void> | void,
    ttlMs?: number,
  ): Promise<Draft> {
    let checkedBase: number | undefined;
    const accept = async (entry: IndexEntry): Promise<void> => {
      this.#throwIfExpired(entry);
      if (entry.damage !== undefined) throw damageError(entry);
      if (entry.kind !== kind) {
        throw new CacheError("INVALID_REQUEST", `the object is ${entry.kind}, the patch is ${kind}`);
      }
      if (kind === "opaque" || checkedBase === entry.baseVersion) return;
      const opened = await this.#openLocked(key, entry, "look");
      try {
        if (opened.base !== undefined) await fits(opened.base);
        checkedBase = entry.baseVersion;
      } finally {
        // The check has decoded what it read.
        opened.reading.close(true);
      }
    };
    await this.#locks.run(formatObjectKey(key), async () => {
      const entry = await this.#findLocked(key);
      if (entry === undefined) throw new CacheError("OBJECT_NOT_FOUND");
      refuseTooManyPatches(entry);
      await accept(entry);
    });
    return new PatchDraft(this.#host, key, { accept, ttlMs });
  }

  /** The entry of a key, damaged ones included; undefined when there is no object, or its time is over. */
  async find(key: ObjectKey): Promise<IndexEntry | undefined> {
    const entry =
      this.#roster.get(key) ?? (await this.#locks.run(formatObjectKey(key), () => this.#findLocked(key)));
    return this.#unlessExpired(entry);
  }

  /** The entry of a readable object. @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_CORRUPT */
  async stat(key: ObjectKey): Promise<IndexEntry> {
    const entry = await this.find(key);
    if (entry === undefined) throw new CacheError("OBJECT_NOT_FOUND");
    if (entry.damage !== undefined) throw damageError(entry);
    return entry;
  }

  /**
   * Opens an object for reading; the caller closes `reading`.
   * @param needsBase asked with the entry, under the lock, whether the base has to be opened.
   * @param purpose what the base is opened for; "send" unless told otherwise.
   * @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_CORRUPT
   */
  open(
    key: ObjectKey,
    needsBase: (entry: IndexEntry) => boolean,
    purpose?: OpenPurpose,
  ): Promise<OpenedObject> {
    return this.#locks.run(formatObjectKey(key), async () => {
      const entry = await this.#findLocked(key);
      if (entry === undefined) throw new CacheError("OBJECT_NOT_FOUND");
      this.#throwIfExpired(entry);
      if (entry.damage !== undefined) throw damageError(entry);
      this.#roster.budget?.touched(entry);
      if (!needsBase(entry))
        return { reading: new ObjectReading(this.#readingHost, key, entry), base: undefined };
      return await this.#openLocked(key, entry, purpose);
    });
  }

  /**
   * Where the file of an object lies that is one whole file: no patches, no stream. What was found on disk was compared with its
   * checksum once; whoever reads the file gets what it holds then.
   * @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_CORRUPT
   */
  async locate(key: ObjectKey): Promise<FileLocation | undefined> {
    const { reading } = await this.open(key, (entry) => !entry.isVerified, "look");
    try {
      const { entry } = reading;
      if (entry.form !== "file" || entry.version !== entry.baseVersion) return undefined;
      // Under the lock: what a put has moved into place may not last yet.
      return await this.#locks.run(formatObjectKey(key), async () =>
        this.#storage.locate?.({ key, part: { kind: "file" } }),
      );
    } finally {
      reading.close(true);
    }
  }

  /** Called by a get that met damaged bytes midway: the object is an error from now on, its file stays. */
  reportDamage(reading: ObjectReading, error: CacheError): void {
    log.error("object is damaged", {
      key: formatObjectKey(reading.key),
      reason: error.message,
      ...error.facts,
    });
    reading.entry.damage = error.message;
  }

  /** What a pattern names, readable objects only, in pages; see list-objects.ts. */
  async *list(pattern: KeyPattern): AsyncGenerator<readonly IndexEntry[], void, void> {
    const host = { roster: this.#roster, scan: this.#scan, lifetimes: this.#retention.lifetimes };
    if (pattern.scope !== "object") return yield* listObjects(host, pattern);
    const entry = await this.find(pattern.key);
    if (entry !== undefined && entry.damage === undefined) yield [entry];
  }

  /**
   * Deletes what a pattern names, also what the index does not know yet.
   * @param durability with `power-loss` it resolves when nothing of it can come back.
   * @returns how many objects.
   */
  async delete(pattern: KeyPattern, durability: Durability = "restart"): Promise<number> {
    return await deleteObjects(this.#host, pattern, durability);
  }

  async #findLocked(key: ObjectKey): Promise<IndexEntry | undefined> {
    const known = this.#roster.get(key);
    if (known !== undefined) return known;
    const loaded = await this.#loader.load(key);
    if (loaded === undefined) return undefined;
    // A file that a client wrote itself lives from when it is found.
    const lifetime = loaded.isOwn ? loaded.lifetime : this.#retention.lifetimes.forPut(key, undefined);
    this.#roster.enter(loaded.entry, { lifetime });
    if (lifetime !== undefined) this.#sweep.arm();
    return loaded.entry;
  }

  async #openLocked(key: ObjectKey, entry: IndexEntry, purpose?: OpenPurpose): Promise<OpenedObject> {
    const reading = new ObjectReading(this.#readingHost, key, entry);
    try {
      const base = await reading.openBase(purpose);
      if (base === undefined) {
        log.warn("object's file is gone", { key: formatObjectKey(key) });
        await this.#storage.raiseVersionFloor(entry.version);
        this.#roster.leave(entry, "gone")();
        this.#scan.isGone(key);
        throw new CacheError("OBJECT_NOT_FOUND");
      }
      // Opened to be sent, it is compared on its way.
      if (purpose === "look" && !entry.isVerified) await verifyOnce(entry, base);
      return { reading, base };
    } catch (error) {
      reading.close();
      if (isCacheError(error, "OBJECT_CORRUPT")) await this.#loader.quarantine(key, entry, error);
      throw error;
    }
  }

  #unlessExpired(entry: IndexEntry | undefined): IndexEntry | undefined {
    return entry === undefined || this.#retention.lifetimes.isExpired(entry) ? undefined : entry;
  }

  #throwIfExpired(entry: IndexEntry): void {
    if (this.#retention.lifetimes.isExpired(entry)) throw new CacheError("OBJECT_NOT_FOUND");
  }

  #removeExpired(entry: IndexEntry): Promise<boolean> {
    return this.#locks.run(entry.evictionKey, async () => {
      const { key } = entry;
      if (this.#roster.get(key) !== entry || !this.#retention.lifetimes.isExpired(entry)) return false;
      await removeObject(this.#host, entry, "evicted");
      await this.#retention.forget({ scope: "object", key });
      return true;
    });
  }
}

function damageError(entry: IndexEntry): CacheError {
  return new CacheError("OBJECT_CORRUPT", undefined, { facts: { reason: entry.damage } });
}
