/**
 * Creates index entries from files: the directory is the truth.
 *
 * It has three callers: the background scan, a miss (a client may have stored a file), and a put
 * that needs the previous version. A damaged file of this cache is quarantined, its version is not
 * reused, and its key returns OBJECT_CORRUPT. So does the key of an unreadable file of another
 * program, but that file stays in place. After a crash there may be two forms of one base, of which
 * the higher version wins, and patches of an older base, which by their name belong to nothing; the
 * scan removes them.
 */
import { type CacheError, isCacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import type { FileForm } from "../object/file-head.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import type { Lifetime } from "../object/object-metadata.ts";
import { type StoredObject, valuePlaceOf } from "../object/stored-blocks.ts";
import { isOwnFile, readStoredObject } from "../object/stored-object.ts";
import { verifyChecksum } from "../object/verify-object.ts";
import { formOfPart } from "../storage/object-part.ts";
import type { ObjectPart, ObjectStorage, StoredFile } from "../storage/object-storage.ts";
import { turnIfDue } from "../turns.ts";
import type { EventJournal } from "./events/event-journal.ts";
import { addDeltas, type FoundFile } from "./found-deltas.ts";
import { IndexEntry } from "./index-entry.ts";

const log = logFor("loading");

interface FoundBase {
  readonly form: FileForm;
  readonly object: StoredObject;
}

/** A base that cannot be read. */
interface DamagedBase {
  readonly damage: CacheError;
  readonly isOwn: boolean;
}

export interface LoadedObject {
  readonly entry: IndexEntry;
  /** False for a file that another program wrote. */
  readonly isOwn: boolean;
  /** The lifetime given at its put. */
  readonly lifetime: Lifetime | undefined;
}

export class ObjectLoader {
  readonly #storage: ObjectStorage;
  readonly #events: EventJournal | undefined;
  #foundFiles = 0;
  /** The highest version seen on disk, for keys whose own version is lost. */
  #highestVersion = 0;

  constructor(storage: ObjectStorage, events?: EventJournal) {
    this.#storage = storage;
    this.#events = events;
  }

  /**
   * Reads what the storage holds under a key. The caller holds the lock.
   * @returns undefined if there is nothing, or nothing complete; an entry with `damage` if it
   *   cannot be read.
   */
  async load(key: ObjectKey): Promise<LoadedObject | undefined> {
    const base = await this.#loadBase(key);
    if (log.isEnabled("trace")) {
      log.trace("looked for in storage", { key: formatObjectKey(key), isThere: base !== undefined });
    }
    if (base === undefined) return undefined;
    if ("damage" in base) return await this.#damaged(key, base);
    const { isOwn, lifetime } = base.object;
    const entry = await this.#withPatches(key, base);
    this.sawVersion(entry.version);
    return { entry, isOwn, lifetime };
  }

  /**
   * The version is lost, so the key's next version must exceed any it can have had. If the file is
   * ours and is moved away, the floor must rise; another program's file stays, and other keys are
   * not affected.
   */
  async #damaged(key: ObjectKey, { damage, isOwn }: DamagedBase): Promise<LoadedObject> {
    const highest = Math.max(this.#storage.versionFloor, this.#highestVersion);
    const version = Math.min(highest + LIMITS.versionJumpOnLoss, LIMITS.versionMax);
    if (isOwn) await this.#storage.raiseVersionFloor(version);
    const nothing = { rowCount: 0, dataBytes: 0, fileSizeBytes: 0, isVerified: true };
    const facts = { kind: "opaque", form: "file", version, ...nothing, isForeign: !isOwn } as const;
    const entry = new IndexEntry(key, facts);
    entry.damage = damage.message;
    if (!isOwn) entry.deltas = { places: new Map(), ownVersion: version };
    return { entry, isOwn: true, lifetime: undefined };
  }

  /** Called with every version in the storage. */
  sawVersion(version: number): void {
    if (version > this.#highestVersion) this.#highestVersion = version;
  }

  /**
   * Quarantines an object's base after its bytes were found to be damaged. Its patches stay for
   * their readers; so does a file of another program.
   */
  async quarantine(key: ObjectKey, entry: IndexEntry, error: CacheError): Promise<void> {
    if (entry.isForeign) {
      this.#reportUnreadable(key, { kind: entry.form }, error);
    } else {
      await this.#storage.raiseVersionFloor(entry.version);
      await this.#quarantine(key, { kind: entry.form }, error);
    }
    entry.damage = error.message;
  }

  async #loadBase(key: ObjectKey): Promise<FoundBase | DamagedBase | undefined> {
    const asFile = await this.#readBase(key, "file");
    if (asFile !== undefined && "damage" in asFile) return asFile;
    const asStream = await this.#readBase(key, "stream");
    if (asStream !== undefined && "damage" in asStream) return asStream;
    if (asStream === undefined) return asFile && { form: "file", object: asFile };
    if (asFile === undefined) return { form: "stream", object: asStream };
    const keepFile = asFile.version > asStream.version;
    await this.#storage.remove({ key, part: { kind: keepFile ? "stream" : "file" } });
    // A later put of this form may be lost. The old base would be back if this removal were lost, too.
    await this.#storage.syncRemovals([key]);
    return keepFile ? { form: "file", object: asFile } : { form: "stream", object: asStream };
  }

  /** Facts of a base. A damaged one of ours is quarantined. */
  async #readBase(key: ObjectKey, form: FileForm): Promise<StoredObject | DamagedBase | undefined> {
    const part = { kind: form } as const;
    let isOwn = false;
    try {
      return await this.#read(key, part, async (file) => {
        isOwn = await isOwnFile(file, form);
      });
    } catch (error) {
      if (!isCacheError(error, "OBJECT_CORRUPT")) throw error;
      if (isOwn) await this.#quarantine(key, part, error);
      else this.#reportUnreadable(key, part, error);
      return { damage: error, isOwn };
    }
  }

  /**
   * Facts of one file; undefined if there is none, or it is incomplete.
   * @param look gets a damaged file before it is closed.
   * @throws {CacheError} OBJECT_CORRUPT
   */
  async #read(
    key: ObjectKey,
    part: ObjectPart,
    look?: (file: StoredFile) => Promise<void>,
  ): Promise<StoredObject | undefined> {
    const file = await this.#storage.open({ key, part }, "look");
    if (file === undefined) return undefined;
    try {
      const object = await readStoredObject(file, formOfPart(part), LIMITS.loadWholeBytesMax);
      if (object === undefined) {
        log.debug("file is incomplete", { key: formatObjectKey(key) });
        return undefined;
      }
      this.sawVersion(object.version);
      if (file.sizeBytes <= LIMITS.loadWholeBytesMax) await verifyChecksum(object.source, object.checksum);
      return object;
    } catch (error) {
      if (isCacheError(error, "OBJECT_CORRUPT")) await look?.(file);
      throw error;
    } finally {
      file.close();
    }
  }

  async #quarantine(key: ObjectKey, part: ObjectPart, error: CacheError): Promise<void> {
    log.error("object is damaged and quarantined", {
      key: formatObjectKey(key),
      reason: error.message,
      ...error.facts,
    });
    this.recordDamage("quarantined", key, error);
    await this.#storage.quarantine({ key, part }, error.message);
    // After a power loss it would be back beside what is put under this key from now on.
    await this.#storage.syncRemovals([key]);
  }

  /** Once per object, while the index contains it. */
  #reportUnreadable(key: ObjectKey, { kind }: ObjectPart, error: CacheError): void {
    log.error("file of another program cannot be read and stays where it is", {
      key: formatObjectKey(key),
      form: kind,
      reason: error.message,
      ...error.facts,
    });
    this.recordDamage("damaged", key, error);
  }

  recordDamage(event: "quarantined" | "damaged", key: ObjectKey, { message: reason }: CacheError): void {
    this.#events?.record({ name: formatObjectKey(key), event, details: { reason } });
  }

  /** A directory can have a million files of other programs, and each start finds them. */
  recordFound({ key, version, dataBytes: bytes }: IndexEntry): void {
    this.#foundFiles += 1;
    if (this.#foundFiles > LIMITS.eventsOfFoundFilesMax) return;
    this.#events?.record({ name: formatObjectKey(key), event: "found", version, bytes });
  }

  async #withPatches(key: ObjectKey, base: FoundBase): Promise<IndexEntry> {
    const { kind, version: baseVersion, rowCount, dataBytes, putBy, source } = base.object;
    const entry = new IndexEntry(key, {
      putBy,
      kind,
      form: base.form,
      version: baseVersion,
      rowCount,
      dataBytes,
      fileSizeBytes: source.sizeBytes,
      isFound: true,
      isForeign: !base.object.isOwn,
      value: valuePlaceOf(base.object),
      isVerified: source.sizeBytes <= LIMITS.loadWholeBytesMax,
    });
    // Files beside a base of another program are left over from an interrupted conversion
    // (own-form.ts).
    const patches = entry.isForeign ? [] : await this.#storage.listPatches(key, baseVersion);
    for (const version of patches) {
      await turnIfDue();
      const damage = entry.damage === undefined ? await this.#addPatch(key, entry, version) : undefined;
      if (damage !== undefined) entry.damage = damage;
      entry.version = Math.max(entry.version, version);
    }
    await this.#withDeltas(key, entry, base.object);
    if (entry.damage !== undefined) {
      log.error("patch is damaged", { key: formatObjectKey(key), reason: entry.damage });
      this.#events?.record({
        name: formatObjectKey(key),
        event: "damaged",
        details: { reason: entry.damage },
      });
    }
    return entry;
  }

  async #withDeltas(key: ObjectKey, entry: IndexEntry, base: StoredObject): Promise<void> {
    const places = await this.#storage.listDeltas(key);
    const read = async (place: number): Promise<FoundFile> => {
      try {
        return await this.#read(key, { kind: "delta", place });
      } catch (error) {
        if (isCacheError(error, "OBJECT_CORRUPT")) return error.message;
        throw error;
      }
    };
    await addDeltas(key, { entry, base }, { places, read });
  }

  /**
   * @returns why the patch cannot be used, if so. A damaged patch stays: without it the object
   *   would look intact but older.
   */
  async #addPatch(key: ObjectKey, entry: IndexEntry, version: number): Promise<string | undefined> {
    if (version !== entry.version + 1) return `[OBJECT_CORRUPT] patch ${entry.version + 1} is missing`;
    try {
      const patch = await this.#read(key, { kind: "patch", baseVersion: entry.baseVersion, version });
      if (patch === undefined) return `[OBJECT_CORRUPT] patch ${version} is incomplete`;
      const { rowCount, dataBytes, source } = patch;
      entry.addPatch({ version, rowCount, dataBytes, fileSizeBytes: source.sizeBytes });
      if (source.sizeBytes > LIMITS.loadWholeBytesMax) entry.addUnverifiedPatch(version);
      return undefined;
    } catch (error) {
      if (!isCacheError(error, "OBJECT_CORRUPT")) throw error;
      return error.message;
    }
  }
}
