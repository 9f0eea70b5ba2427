/**
 * The cache over an engine that only this process changes: an index finds each object in memory.
 *
 * Calls are answered as soon as `start` returns: a key determines its file, so an object that is
 * not in the index is read from disk on demand. Only lists wait for the background scan.
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
import type {
  Durability,
  FileLocation,
  ObjectStorage,
  OpenPurpose,
  StorageCapabilities,
} from "../storage/object-storage.ts";
import type { DiskSpace } from "../storage/storage-counts.ts";
import { BackgroundScan } from "./background-scan.ts";
import { beginPatch, type FitsBase } from "./begin-patch.ts";
import { type CacheCounts, countCache } from "./cache-counts.ts";
import { type DeleteOptions, deleteObjects } from "./delete-objects.ts";
import type { EventJournal } from "./events/event-journal.ts";
import { ExpirySweep } from "./expiry-sweep.ts";
import { damageError, type IndexEntry } from "./index-entry.ts";
import { IndexedRetaining } from "./indexed-retaining.ts";
import { KeyLocks } from "./key-locks.ts";
import { LayoutCache } from "./layout-cache.ts";
import { type ListHost, listObjects } from "./list-objects.ts";
import { ListedSchemas } from "./listed-schemas.ts";
import type { ObjectCache } from "./object-cache.ts";
import { ObjectLoader } from "./object-loader.ts";
import { ObjectReading, type OpenedObject, type OpenTerms, type ReadingHost } from "./object-reading.ts";
import { ObjectRegistry } from "./object-registry.ts";
import { Observing } from "./observing.ts";
import { BaseDraft, type Draft, type PutOptions } from "./put-draft.ts";
import { evictObject, removeExpired } from "./remove-object.ts";
import type { Retaining } from "./retaining.ts";
import { Retention } from "./retention/retention.ts";
import { openClock } from "./retention/steady-clock.ts";
import { RetiredObjects } from "./retired-objects.ts";
import { SchemaPool } from "./schema-pool.ts";
import { type KeyRange, listSorted, type MayList } from "./sorted-list.ts";
import type { StorageBudget } from "./storage-budget.ts";
import type { UsageTable } from "./usage.ts";
import { verifyOnce } from "./verify-once.ts";
import type { WriteContext } from "./write-context.ts";

const log = logFor("cache");

export interface IndexedCacheOptions {
  /** Limits what the storage may hold; absent: unlimited. */
  readonly budget?: StorageBudget | undefined;
  /** The wall clock, ms since 1970. */
  readonly nowMs?: (() => number) | undefined;
  /** False: objects that this process wrote are not compared when they are read from disk. */
  readonly verifiesReads?: boolean | undefined;
  /** Absent: nothing is recorded. */
  readonly events?: EventJournal | undefined;
}

export class IndexedCache implements ObjectCache {
  readonly retaining: Retaining;
  readonly observing: Observing;
  readonly schemas: ListedSchemas;
  readonly #storage: ObjectStorage;
  readonly #events: EventJournal | undefined;
  readonly #registry: ObjectRegistry;
  readonly #retention: Retention;
  readonly #sweep: ExpirySweep;
  readonly #locks: KeyLocks;
  readonly #loader: ObjectLoader;
  readonly #context: WriteContext;
  readonly #readingHost: ReadingHost;
  readonly #stopping = new AbortController();
  readonly #retired: RetiredObjects;
  readonly #scan: BackgroundScan;

  constructor(storage: ObjectStorage, options: IndexedCacheOptions = {}) {
    const { budget, nowMs: wallMs, verifiesReads = true, events } = options;
    const clock = openClock(wallMs);
    const nowMs = (): number => clock.nowMs();
    this.#storage = storage;
    this.#events = events;
    this.#locks = new KeyLocks(budget && (() => budget.stir()));
    this.#retention = new Retention(storage.journal, clock);
    this.#registry = new ObjectRegistry(this.#retention, budget);
    this.#loader = new ObjectLoader(storage, events);
    this.#retired = new RetiredObjects(storage);
    const schemas = new SchemaPool();
    this.#readingHost = {
      storage,
      layouts: new LayoutCache(schemas),
      holders: budget?.holders,
      verifiesReads,
    };
    this.schemas = new ListedSchemas({ storage, schemas });
    const shared = { registry: this.#registry, retention: this.#retention, locks: this.#locks };
    this.#sweep = new ExpirySweep({
      ...shared,
      nowMs,
      removeExpired: (entry) => removeExpired(this.#context, entry),
    });
    this.#context = {
      ...shared,
      storage,
      schemas,
      events,
      findLocked: (key) => this.#findLocked(key),
      openLocked: (key, entry, purpose) => this.#openLocked(key, entry, purpose),
      lifetimeSet: () => this.#sweep.arm(),
      retire: (key, entry, free) => this.#retired.retire(key, entry, free),
      removed: (key) => this.#scan.removed(key),
    };
    this.retaining = new IndexedRetaining({
      ...shared,
      events,
      nowMs,
      sweep: this.#sweep,
      stat: (key) => this.stat(key),
      present: (key) => this.#unlessExpired(this.#registry.get(key)),
    });
    this.observing = new Observing({
      retaining: this.retaining,
      events,
      find: (key) => this.find(key),
      entries: () => this.#registry.all(),
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
      mayDelete: (entry) => !this.#locks.isHeld(entry.evictionKey),
      deleteObject: (entry, cause) =>
        this.#locks.run(entry.evictionKey, () => evictObject(this.#context, entry, cause)),
    });
  }

  /** Starts the scan too. */
  async start(): Promise<void> {
    await this.#storage.start();
    await this.#events?.open();
    await this.#retention.load();
    this.#sweep.arm();
    this.#scan.begin(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#scan.ended;
    await this.#sweep.stop();
    await this.#registry.budget?.idle();
    await this.#events?.close();
    await this.#storage.stop();
  }

  get capabilities(): StorageCapabilities {
    return this.#storage.capabilities;
  }

  get usage(): UsageTable {
    return this.#registry.usage;
  }

  /** Objects in the index. */
  get size(): number {
    return this.#registry.size;
  }

  /** Runs the due background work now: removes expired objects, ends leases. */
  async sweepNow(): Promise<void> {
    await this.#sweep.run();
  }

  get counts(): CacheCounts {
    const [registry, storage] = [this.#registry, this.#storage];
    return countCache({ registry, storage, sweep: this.#sweep, scan: this.#scan });
  }

  space(): Promise<DiskSpace | undefined> {
    return this.#storage.space();
  }

  draftPut(key: ObjectKey, kind: ObjectKind, options?: PutOptions): Draft {
    return new BaseDraft(this.#context, key, { kind, isFresh: false, terms: options });
  }

  draftCreate(prefix: SessionPrefix, kind: ObjectKind, options?: PutOptions): Draft {
    const key = { ...prefix, objectId: randomUUID() };
    return new BaseDraft(this.#context, key, { kind, isFresh: true, terms: options });
  }

  draftPatch(key: ObjectKey, kind: ObjectKind, fits: FitsBase, ttlMs?: number): Promise<Draft> {
    return beginPatch(this.#context, { key, kind, fits, ttlMs });
  }

  async find(key: ObjectKey): Promise<IndexEntry | undefined> {
    const entry =
      this.#registry.get(key) ?? (await this.#locks.run(formatObjectKey(key), () => this.#findLocked(key)));
    return this.#unlessExpired(entry);
  }

  isIndexed(key: ObjectKey): boolean | undefined {
    return this.#registry.get(key) !== undefined || (this.#scan.isOver ? false : undefined);
  }

  async stat(key: ObjectKey): Promise<IndexEntry> {
    const entry = await this.find(key);
    if (entry === undefined) throw new CacheError("OBJECT_NOT_FOUND");
    if (entry.damage !== undefined) throw damageError(entry);
    return entry;
  }

  open(
    key: ObjectKey,
    needsBase: (entry: IndexEntry) => boolean,
    { purpose }: OpenTerms = {},
  ): Promise<OpenedObject> {
    const name = formatObjectKey(key);
    this.observing.wasRead(name);
    return this.#locks.run(name, async () => {
      const entry = this.#unlessExpired(await this.#findLocked(key));
      if (entry === undefined) throw new CacheError("OBJECT_NOT_FOUND");
      if (entry.damage !== undefined) throw damageError(entry);
      this.#registry.budget?.touched(entry);
      if (!needsBase(entry))
        return { reading: new ObjectReading(this.#readingHost, key, entry), base: undefined };
      return await this.#openLocked(key, entry, purpose);
    });
  }

  /** An object found on disk has been compared with its checksum once. */
  async locate(key: ObjectKey): Promise<FileLocation | undefined> {
    const { reading } = await this.open(key, (entry) => !entry.isVerified, { purpose: "look" });
    try {
      const { entry } = reading;
      if (!this.capabilities.locatesFiles || entry.form !== "file") return undefined;
      if (entry.version !== entry.baseVersion) return undefined;
      // Under the lock: a put's renamed file may not be durable yet.
      return await this.#locks.run(formatObjectKey(key), async () =>
        this.#storage.locate({ key, part: { kind: "file" } }),
      );
    } finally {
      reading.close(true);
    }
  }

  /** The object becomes an error, its file stays. */
  reportDamage(reading: ObjectReading, error: CacheError): void {
    const key = formatObjectKey(reading.key);
    log.error("object is damaged", { key, reason: error.message, ...error.facts });
    reading.entry.damage = error.message;
    this.#loader.recordDamage("damaged", reading.key, error);
  }

  async *list(pattern: KeyPattern): AsyncGenerator<readonly IndexEntry[], void, void> {
    if (pattern.scope !== "object") return yield* listObjects(this.#listHost, pattern);
    const entry = await this.find(pattern.key);
    if (entry !== undefined && entry.damage === undefined) yield [entry];
  }

  listSorted(range: KeyRange, mayList?: MayList): AsyncGenerator<readonly IndexEntry[], void, void> {
    return listSorted(this.#listHost, range, mayList);
  }

  /** Including objects that are not in the index. */
  delete(pattern: KeyPattern, durability?: Durability, more?: DeleteOptions): Promise<number> {
    return deleteObjects(this.#context, pattern, { durability, ...more });
  }

  get #listHost(): ListHost {
    return { registry: this.#registry, scan: this.#scan, lifetimes: this.#retention.lifetimes };
  }

  async #findLocked(key: ObjectKey): Promise<IndexEntry | undefined> {
    const known = this.#registry.get(key);
    if (known !== undefined) return known;
    const loaded = await this.#loader.load(key);
    if (loaded === undefined) return undefined;
    if (!loaded.isOwn) this.#loader.recordFound(loaded.entry);
    // A file that a client stored lives from the time it is found.
    const lifetime = loaded.isOwn ? loaded.lifetime : this.#retention.lifetimes.forPut(key, undefined);
    this.#registry.add(loaded.entry, { lifetime });
    if (lifetime !== undefined) this.#sweep.arm();
    return loaded.entry;
  }

  async #openLocked(key: ObjectKey, entry: IndexEntry, purpose?: OpenPurpose): Promise<OpenedObject> {
    const reading = new ObjectReading(this.#readingHost, key, entry);
    try {
      const base = await reading.openBase(purpose);
      if (base === undefined) {
        log.warn("the file of an object is missing", { key: formatObjectKey(key) });
        this.#events?.record({ name: formatObjectKey(key), event: "missing", version: entry.version });
        await this.#storage.raiseVersionFloor(entry.version);
        this.#registry.remove(entry, "deleted")();
        this.#scan.removed(key);
        throw new CacheError("OBJECT_NOT_FOUND");
      }
      // If opened for sending, it is compared during the transfer.
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
}
