/**
 * An object on its way in: staged, invisible, and gone without a trace unless it is committed.
 *
 * The key is locked only for the commit: version assigned, file finished and published, index told. That is the
 * moment at which it becomes an object: with durability `power-loss` after the syncs, so that nobody is given what a power loss may
 * take back. Two puts of one key that overlap are both objects, in the order of their commits.
 */
import { CacheError } from "../errors.ts";
import { logFor } from "../log.ts";
import type { ByteSink } from "../object/byte-sink.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import type { ObjectKind } from "../object/object-metadata.ts";
import type { ObjectWriter } from "../object/object-writer.ts";
import type { Durability, ObjectStorage, StagedFile, StoredName } from "../storage/object-storage.ts";
import { type BaseForm, IndexEntry } from "./index-entry.ts";
import type { KeyLocks } from "./key-locks.ts";
import type { BudgetedFile } from "./memory-budget.ts";
import type { ObjectIndex } from "./object-index.ts";

const log = logFor("cache");

/** What a draft needs of the cache that made it. */
export interface DraftHost {
  readonly storage: ObjectStorage;
  readonly index: ObjectIndex;
  readonly locks: KeyLocks;
  /** The entry of a key, read from disk when the index does not know it; the lock is held by the caller. */
  findLocked(key: ObjectKey): Promise<IndexEntry | undefined>;
  /**
   * Makes room for a file that is about to be published, and counts it; for engines that are bounded.
   * @throws {CacheError} STORAGE_FULL
   */
  makeRoom(key: ObjectKey, file: BudgetedFile): Promise<void>;
  /** An object is gone. */
  removed(key: ObjectKey): void;
  /** Removes an older base's patches as soon as nobody reads them. */
  dropPatches(key: ObjectKey, entry: IndexEntry): Promise<void>;
}

export interface Draft {
  readonly key: ObjectKey;
  readonly sink: ByteSink;
  /**
   * Makes it an object and resolves when what `durability` (default `restart`) promises holds for all of the object: a patch
   * makes base and patches before it last as well.
   * @returns its version.
   * @throws {CacheError} STORAGE_IO when the syncs fail: the object may then be there, and may be gone after a power loss.
   */
  commit(writer: ObjectWriter, durability?: Durability): Promise<number>;
  /** Drops it; after a commit this does nothing. Never throws. */
  discard(): Promise<void>;
}

/** What both drafts share: a staged file, published under the key's lock. */
abstract class StagedDraft implements Draft {
  readonly key: ObjectKey;
  protected readonly host: DraftHost;
  protected readonly staged: StagedFile;

  constructor(host: DraftHost, key: ObjectKey) {
    this.key = key;
    this.host = host;
    this.staged = host.storage.stage();
  }

  get sink(): ByteSink {
    return this.staged;
  }

  commit(writer: ObjectWriter, durability: Durability = "restart"): Promise<number> {
    return this.host.locks.run(formatObjectKey(this.key), async () => {
      try {
        return await this.publish(writer, durability);
      } catch (error) {
        // The index no longer tells what lies there: who asks next has it read anew.
        if (this.staged.isPublished) this.host.index.delete(this.key);
        throw error;
      }
    });
  }

  async discard(): Promise<void> {
    await this.staged.discard();
  }

  /** Assigns the version, finishes the file, makes it visible; alone among all who work on the key. */
  protected abstract publish(writer: ObjectWriter, durability: Durability): Promise<number>;
}

/** A new base: creates the object or replaces it. */
export class BaseDraft extends StagedDraft {
  readonly #kind: ObjectKind;
  readonly #isFresh: boolean;

  /** @param isFresh true when the key was made by the server just now, so that nothing can be there. */
  constructor(host: DraftHost, key: ObjectKey, { kind, isFresh }: { kind: ObjectKind; isFresh: boolean }) {
    super(host, key);
    this.#kind = kind;
    this.#isFresh = isFresh;
  }

  protected override async publish(writer: ObjectWriter, durability: Durability): Promise<number> {
    const { storage, index } = this.host;
    const old = this.#isFresh ? undefined : await this.host.findLocked(this.key);
    const version = this.#isFresh ? 1 : (old?.version ?? storage.versionFloor) + 1;
    const summary = await writer.finish(version);
    const { part: form, rowCount, dataBytes, valueRange } = summary;
    const file = { sizeBytes: this.staged.sizeBytes, replaces: true };
    await this.host.makeRoom(this.key, file);
    await this.staged.publish({ key: this.key, part: { kind: form } }, durability);
    const lasts = durability === "power-loss";
    const sizes = { rowCount, dataBytes, fileSizeBytes: file.sizeBytes };
    const more = { valuePosition: valueRange?.position, isVerified: true, lasts };
    index.set(new IndexEntry(this.key, { kind: this.#kind, form, version, ...sizes, ...more }));
    if (old !== undefined) await this.#removeOld(old, form);
    if (old !== undefined && old.form !== form && lasts) {
      // The other form may be torn by a power loss; found beside this one, it would make the key damaged.
      await storage.settleRemovals?.([this.key]);
    }
    return version;
  }

  /** A crash or an error here leaves files that belong to nothing: the higher version wins, patches name their base. */
  async #removeOld(old: IndexEntry, form: BaseForm): Promise<void> {
    try {
      if (old.form !== form) await this.host.storage.remove({ key: this.key, part: { kind: old.form } });
      await this.host.dropPatches(this.key, old);
    } catch (error) {
      log.warn("files of a replaced object left behind", { key: formatObjectKey(this.key), error });
    }
  }
}

/** What is appended to an object; it belongs to the base that is there when it is committed. */
export class PatchDraft extends StagedDraft {
  readonly #accept: (entry: IndexEntry) => Promise<void>;

  /** @param accept throws INVALID_REQUEST when this patch does not fit the object; asked again at the commit. */
  constructor(host: DraftHost, key: ObjectKey, accept: (entry: IndexEntry) => Promise<void>) {
    super(host, key);
    this.#accept = accept;
  }

  protected override async publish(writer: ObjectWriter, durability: Durability): Promise<number> {
    const entry = await this.host.findLocked(this.key);
    if (entry === undefined) throw new CacheError("OBJECT_NOT_FOUND");
    await this.#accept(entry);
    const version = entry.version + 1;
    const { rowCount, dataBytes } = await writer.finish(version);
    if (!Number.isSafeInteger(entry.rowCount + rowCount)) {
      throw new CacheError("INVALID_REQUEST", "base and patches together claim too many rows");
    }
    const { baseVersion } = entry;
    const file = { sizeBytes: this.staged.sizeBytes, replaces: false };
    await this.host.makeRoom(this.key, file);
    const lasts = durability === "power-loss";
    if (lasts) await this.#settleEarlier(entry);
    await this.staged.publish({ key: this.key, part: { kind: "patch", baseVersion, version } }, durability);
    entry.addPatch({ version, rowCount, dataBytes, fileSizeBytes: file.sizeBytes, lasts });
    return version;
  }

  /** A patch lasts no longer than what it is appended to. */
  async #settleEarlier(entry: IndexEntry): Promise<void> {
    const { key } = this;
    const { baseVersion, lastingVersion } = entry;
    if (lastingVersion === entry.version) return;
    const names: StoredName[] = [];
    if (lastingVersion < baseVersion) names.push({ key, part: { kind: entry.form } });
    for (let version = Math.max(baseVersion, lastingVersion) + 1; version <= entry.version; version += 1) {
      names.push({ key, part: { kind: "patch", baseVersion, version } });
    }
    await this.host.storage.settleFiles?.(names);
    entry.markLasting();
  }
}
