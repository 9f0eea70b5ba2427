/**
 * An object that is being put: staged, invisible, and removed without a trace unless it is
 * committed.
 *
 * The key is locked only for the commit: assign the version, finish and publish the file, update
 * the index. With durability `power-loss` the index is updated after the syncs, so that no client
 * gets an object that a power loss may take back. Two overlapping puts of one key both become
 * objects, in the order of their commits.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import type { ByteSink } from "../object/byte-sink.ts";
import type { FileForm } from "../object/file-head.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import type { ObjectKind } from "../object/object-metadata.ts";
import type { ObjectWriter } from "../object/object-writer.ts";
import type { Durability, StagedFile, StoredName } from "../storage/object-storage.ts";
import { CountedSink } from "./counted-sink.ts";
import type { PutCause } from "./evictions.ts";
import { IndexEntry } from "./index-entry.ts";
import { versionAfter } from "./next-version.ts";
import type { FreeBytes } from "./object-registry.ts";
import { needsOwnForm, takeOwnForm } from "./own-form.ts";
import { placeOf, type WriteContext } from "./write-context.ts";

const log = logFor("cache");

export interface CommitOptions {
  /** Default `restart`. */
  readonly durability?: Durability | undefined;
  /**
   * Throws if the put was cancelled. Called under the lock, immediately before the file is
   * published: some clients half-close before they reset, and lock, space and disk may have taken a
   * while.
   */
  readonly throwIfOver?: (() => void) | undefined;
  readonly precondition?: Precondition | undefined;
}

/**
 * Called under the lock with the object that the commit replaces or patches, or the delete removes;
 * undefined if there is none or it has expired. It throws to refuse.
 */
export type Precondition = (present: IndexEntry | undefined) => void;

export interface Draft {
  readonly key: ObjectKey;
  /** The caller, for the event journal. Set it before the first bytes. */
  actor: string | undefined;
  readonly sink: ByteSink;
  /**
   * Announces how many bytes will come, including the file's footer. Reserves nothing.
   * @throws {CacheError} STORAGE_FULL if there can never be space for them.
   */
  announce(bytes: number): void;
  /** Sets how to end the put if its bytes do not come while others wait for its space. */
  onAbandon(abandon: (reason: CacheError) => void): void;
  /**
   * Makes it an object, and resolves when its durability holds for the whole object: a patch also
   * makes the base and earlier patches durable.
   * @returns its version.
   * @throws {CacheError} STORAGE_IO if a sync fails: the object may exist, and a power loss may
   *   remove it.
   */
  commit(writer: ObjectWriter, options?: CommitOptions): Promise<number>;
  /** Drops it; after a commit this does nothing. Never throws. */
  discard(): Promise<void>;
}

/** CommitOptions with defaults applied. */
interface PublishOptions {
  readonly durability: Durability;
  readonly throwIfOver: (() => void) | undefined;
  readonly precondition: Precondition | undefined;
}

/** Shared by both drafts: a staged file that is published under the key's lock. */
abstract class StagedDraft implements Draft, PutCause {
  readonly key: ObjectKey;
  actor: string | undefined;
  evictedObjects = 0;
  protected readonly context: WriteContext;
  protected readonly staged: StagedFile;
  /** The charge of this file, if the storage is limited. */
  protected readonly counted: CountedSink | undefined;

  constructor(context: WriteContext, key: ObjectKey) {
    const { budget } = context.registry;
    this.key = key;
    this.context = context;
    this.staged = context.storage.stage();
    this.counted = budget && new CountedSink(this.staged, budget, this);
  }

  get sink(): ByteSink {
    return this.counted ?? this.staged;
  }

  announce(bytes: number): void {
    this.counted?.announce(bytes);
  }

  onAbandon(abandon: (reason: CacheError) => void): void {
    if (this.counted !== undefined) this.counted.abandon = abandon;
  }

  commit(
    writer: ObjectWriter,
    { durability = "restart", throwIfOver, precondition }: CommitOptions = {},
  ): Promise<number> {
    this.counted?.committing();
    return this.context.locks.run(formatObjectKey(this.key), async () => {
      try {
        // A cancelled put must not evict others.
        throwIfOver?.();
        return await this.publish(writer, { durability, throwIfOver, precondition });
      } catch (error) {
        // The index no longer matches the disk: the next lookup reads it again.
        if (this.staged.isPublished) this.#forget();
        throw error;
      }
    });
  }

  #forget(): void {
    const known = this.context.registry.get(this.key);
    if (known !== undefined) this.context.registry.remove(known, "deleted")();
  }

  async discard(): Promise<void> {
    await this.staged.discard();
    await this.counted?.release();
  }

  /** Assigns the version, finishes the file and makes it visible, under the key's lock. */
  protected abstract publish(writer: ObjectWriter, options: PublishOptions): Promise<number>;
}

/** The terms of a put. */
export interface PutOptions {
  /** Time to live; 0: unlimited; undefined: by the session's rule. */
  readonly ttlMs?: number | undefined;
  /** Name of the identity that puts it. */
  readonly putBy?: string | undefined;
}

export interface BaseDraftOptions {
  readonly kind: ObjectKind;
  /** True if the server just made the key, so that no object can exist. */
  readonly isFresh: boolean;
  readonly terms: PutOptions | undefined;
}

/** A new base: creates the object or replaces it. */
export class BaseDraft extends StagedDraft {
  readonly #options: BaseDraftOptions;

  constructor(context: WriteContext, key: ObjectKey, options: BaseDraftOptions) {
    super(context, key);
    this.actor = options.terms?.putBy;
    this.#options = options;
  }

  protected override async publish(
    writer: ObjectWriter,
    { durability, throwIfOver, precondition }: PublishOptions,
  ): Promise<number> {
    const { storage, registry, retention } = this.context;
    const { kind, isFresh, terms: { ttlMs, putBy } = {} } = this.#options;
    const old = isFresh ? undefined : await this.context.findLocked(this.key);
    precondition?.(old !== undefined && retention.lifetimes.isExpired(old) ? undefined : old);
    const version = isFresh ? 1 : versionAfter(old?.version ?? storage.versionFloor);
    const lifetime = retention.lifetimes.forPut(this.key, ttlMs);
    const summary = await writer.finish(version, { lifetime, putBy });
    const { part: form, rowCount, dataBytes } = summary;
    await this.counted?.takeRest(old === undefined ? 1 : 0);
    const fileSizeBytes = this.staged.sizeBytes;
    throwIfOver?.();
    const isDurable = durability === "power-loss";
    const { value, schemaNumber } = placeOf(this.context, summary);
    // Spreading both results would cost 3 us per put.
    const facts = {
      kind,
      form,
      version,
      rowCount,
      dataBytes,
      fileSizeBytes,
      lifetime,
      putBy,
      value,
      schemaNumber,
      isVerified: true,
      isDurable,
    };
    await this.staged.publish({ key: this.key, part: { kind: form } }, durability);
    const entry = new IndexEntry(this.key, facts);
    const freeOld = registry.add(entry, { lifetime, sink: this.counted });
    this.#record(entry, old);
    if (lifetime !== undefined) this.context.lifetimeSet();
    if (old !== undefined) await this.#removeOld(old, { form, isDurable, free: freeOld });
    return version;
  }

  #record({ version, dataBytes: bytes }: IndexEntry, old: IndexEntry | undefined): void {
    const details = old && { replaced: old.version };
    const { key, actor: by } = this;
    this.context.events?.record({ name: formatObjectKey(key), event: "put", version, bytes, by, details });
  }

  /**
   * A crash or an error here leaves only ignored files: the higher version wins, and patches name
   * their base. But a power loss may tear the other form, which would make the key damaged, or
   * restore the old base: so the removal is synced before anything depends on it.
   */
  async #removeOld(old: IndexEntry, { form, isDurable, free }: Replacing): Promise<void> {
    const { key } = this;
    const { storage } = this.context;
    const hasOtherForm = old.form !== form;
    try {
      const version = old.isForeign ? undefined : old.version;
      if (hasOtherForm) await storage.remove({ key, part: { kind: old.form } }, version);
      if (isDurable ? hasOtherForm : old.patchesMayBeDurable) await storage.syncRemovals([key]);
    } catch (error) {
      free();
      if (isDurable) throw error;
      return leftBehind(key, error);
    }
    await this.context.retire(key, old, free).catch((error: unknown) => leftBehind(key, error));
  }
}

/** The base that replaces an older one. */
interface Replacing {
  readonly form: FileForm;
  readonly isDurable: boolean;
  /** Releases the charge of the old base. */
  readonly free: FreeBytes;
}

function leftBehind(key: ObjectKey, error: unknown): void {
  log.warn("files of a replaced object left behind", { key: formatObjectKey(key), error });
}

export interface PatchDraftOptions {
  /** Throws INVALID_REQUEST if this patch does not fit the object; called again at the commit. */
  readonly accept: (entry: IndexEntry) => Promise<void>;
  /** New time to live of the object; 0: unlimited; undefined: unchanged. */
  readonly ttlMs: number | undefined;
}

/** A patch; it belongs to the base that exists at its commit. */
export class PatchDraft extends StagedDraft {
  readonly #options: PatchDraftOptions;

  constructor(context: WriteContext, key: ObjectKey, options: PatchDraftOptions) {
    super(context, key);
    this.#options = options;
  }

  protected override async publish(
    writer: ObjectWriter,
    { durability, throwIfOver, precondition }: PublishOptions,
  ): Promise<number> {
    const found = await this.context.findLocked(this.key);
    if (found === undefined) throw new CacheError("OBJECT_NOT_FOUND");
    await this.#options.accept(found);
    refuseTooManyPatches(found);
    precondition?.(found);
    throwIfOver?.();
    const entry = needsOwnForm(found) ? await takeOwnForm(this.context, found) : found;
    const version = versionAfter(entry.version);
    const { rowCount, dataBytes } = await writer.finish(version);
    if (!Number.isSafeInteger(entry.rowCount + rowCount)) {
      throw new CacheError("INVALID_REQUEST", "base and patches together have too many rows");
    }
    await this.counted?.takeRest(0);
    const { baseVersion } = entry;
    const isDurable = durability === "power-loss";
    if (isDurable) await this.#syncEarlier(entry);
    // Before the time to live is journaled: a cancelled patch leaves no trace.
    throwIfOver?.();
    await this.#setLifetime(entry, durability);
    const fileSizeBytes = this.staged.sizeBytes;
    const facts = { version, rowCount, dataBytes, fileSizeBytes, isDurable };
    const part = { kind: "patch", baseVersion, version } as const;
    await this.staged.publish({ key: this.key, part }, durability);
    entry.addPatch(facts);
    this.context.registry.grow(entry, fileSizeBytes, this.counted);
    const { key, actor: by } = this;
    const name = formatObjectKey(key);
    this.context.events?.record({ name, event: "patched", version, bytes: dataBytes, by });
    return version;
  }

  async #setLifetime(entry: IndexEntry, durability: Durability): Promise<void> {
    const { ttlMs } = this.#options;
    if (ttlMs === undefined) return;
    const lifetime = this.context.retention.lifetimes.forPut(this.key, ttlMs);
    if (lifetime === undefined) return;
    await this.context.retention.setLifetime(entry, lifetime, durability);
    this.context.lifetimeSet();
  }

  /** A patch is only as durable as the base and patches before it. */
  async #syncEarlier(entry: IndexEntry): Promise<void> {
    const { key } = this;
    const { baseVersion, durableVersion } = entry;
    if (durableVersion === entry.version) return;
    const names: StoredName[] = [];
    if (durableVersion < baseVersion) names.push({ key, part: { kind: entry.form } });
    for (let version = Math.max(baseVersion, durableVersion) + 1; version <= entry.version; version += 1) {
      names.push({ key, part: { kind: "patch", baseVersion, version } });
    }
    await this.context.storage.syncFiles(names);
    entry.markDurable();
  }
}

/** @throws {CacheError} OBJECT_TOO_LARGE; also called before the bytes of a patch are read. */
export function refuseTooManyPatches({ patchCount }: IndexEntry): void {
  if (patchCount < LIMITS.patchesPerObjectMax) return;
  throw new CacheError(
    "OBJECT_TOO_LARGE",
    `the object has ${LIMITS.patchesPerObjectMax} patches: put the whole object again`,
  );
}
