/**
 * From files to index entries: the directory is the truth, and what the index knows is read from it here.
 *
 * Three callers: the background scan, a miss (a client may have dropped a file), and a put that must know the version
 * before its own. A file that is damaged is quarantined, its version kept from being used again, and its key
 * answers OBJECT_CORRUPT. What a crash can leave: two forms of one base, of which the higher version wins, and patches
 * of an older base, which belong to nothing by their name and are dropped by the scan.
 */
import { type CacheError, isCacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import type { Lifetime } from "../object/object-metadata.ts";
import { type StoredObject, valuePlaceOf } from "../object/stored-blocks.ts";
import { readStoredObject } from "../object/stored-object.ts";
import { verifyChecksum } from "../object/verify-object.ts";
import type { ObjectPart, ObjectStorage } from "../storage/object-storage.ts";
import { turnIfDue } from "../turns.ts";
import { type BaseForm, IndexEntry } from "./index-entry.ts";

const log = logFor("loading");

interface FoundBase {
  readonly form: BaseForm;
  readonly object: StoredObject;
}

export interface LoadedObject {
  readonly entry: IndexEntry;
  /** False for a file that a client wrote. */
  readonly isOwn: boolean;
  /** What its put said. */
  readonly lifetime: Lifetime | undefined;
}

export class ObjectLoader {
  readonly #storage: ObjectStorage;
  /** The highest version seen on disk, for keys whose own version is lost. */
  #highestVersion = 0;

  constructor(storage: ObjectStorage) {
    this.#storage = storage;
  }

  /**
   * Reads what the storage holds under a key; the key's lock is held by the caller.
   * @returns undefined when there is nothing, or nothing whole yet; an entry with `damage` when it cannot be read.
   */
  async load(key: ObjectKey): Promise<LoadedObject | undefined> {
    try {
      const base = await this.#loadBase(key);
      if (base === undefined) return undefined;
      const { isOwn, lifetime } = base.object;
      return { entry: await this.#withPatches(key, base), isOwn, lifetime };
    } catch (error) {
      if (!isCacheError(error, "OBJECT_CORRUPT")) throw error;
      const version = Math.max(this.#storage.versionFloor, this.#highestVersion) + LIMITS.versionJumpOnLoss;
      await this.#storage.raiseVersionFloor(version);
      return { entry: damagedEntry(key, version, error.message), isOwn: true, lifetime: undefined };
    }
  }

  /** Told of every version that lies in the storage. */
  sawVersion(version: number): void {
    if (version > this.#highestVersion) this.#highestVersion = version;
  }

  /** Takes an object's base out of the way after its bytes were found to be damaged; its patches stay for who reads them. */
  async quarantine(key: ObjectKey, entry: IndexEntry, error: CacheError): Promise<void> {
    await this.#storage.raiseVersionFloor(entry.version);
    await this.#quarantine(key, { kind: entry.form }, error);
    entry.damage = error.message;
  }

  async #loadBase(key: ObjectKey): Promise<FoundBase | undefined> {
    const asFile = await this.#read(key, { kind: "file" });
    const asStream = await this.#read(key, { kind: "stream" });
    if (asStream === undefined) return asFile && { form: "file", object: asFile };
    if (asFile === undefined) return { form: "stream", object: asStream };
    const keepFile = asFile.version > asStream.version;
    await this.#storage.remove({ key, part: { kind: keepFile ? "stream" : "file" } });
    return keepFile ? { form: "file", object: asFile } : { form: "stream", object: asStream };
  }

  /** Facts of one file; quarantines it when damaged and says so by throwing. */
  async #read(key: ObjectKey, part: ObjectPart): Promise<StoredObject | undefined> {
    const file = await this.#storage.open({ key, part }, "look");
    if (file === undefined) return undefined;
    try {
      const form = part.kind === "patch" ? "either" : part.kind;
      const object = await readStoredObject(file, form, LIMITS.loadWholeBytesMax);
      if (object === undefined) {
        log.debug("file is not whole yet", { key: formatObjectKey(key) });
        return undefined;
      }
      this.sawVersion(object.version);
      if (file.sizeBytes <= LIMITS.loadWholeBytesMax) await verifyChecksum(object.source, object.checksum);
      return object;
    } catch (error) {
      // A damaged patch stays: were it moved, the object would look whole, one version younger.
      if (isCacheError(error, "OBJECT_CORRUPT") && part.kind !== "patch")
        await this.#quarantine(key, part, error);
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
    await this.#storage.quarantine({ key, part }, error.message);
  }

  async #withPatches(key: ObjectKey, base: FoundBase): Promise<IndexEntry> {
    const { kind, version: baseVersion, rowCount, dataBytes, source } = base.object;
    const entry = new IndexEntry(key, {
      kind,
      form: base.form,
      version: baseVersion,
      rowCount,
      dataBytes,
      fileSizeBytes: source.sizeBytes,
      isFound: true,
      value: valuePlaceOf(base.object),
      isVerified: source.sizeBytes <= LIMITS.loadWholeBytesMax,
    });
    for (const version of await this.#storage.listPatches(key, baseVersion)) {
      await turnIfDue();
      const damage = entry.damage === undefined ? await this.#addPatch(key, entry, version) : undefined;
      if (damage !== undefined) entry.damage = damage;
      entry.version = Math.max(entry.version, version);
    }
    if (entry.damage !== undefined)
      log.error("patch is damaged", { key: formatObjectKey(key), reason: entry.damage });
    return entry;
  }

  /** @returns why the patch cannot be used, if so. */
  async #addPatch(key: ObjectKey, entry: IndexEntry, version: number): Promise<string | undefined> {
    if (version !== entry.version + 1) return `[OBJECT_CORRUPT] patch ${entry.version + 1} is missing`;
    try {
      const patch = await this.#read(key, { kind: "patch", baseVersion: entry.baseVersion, version });
      if (patch === undefined) return `[OBJECT_CORRUPT] patch ${version} is not whole`;
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

function damagedEntry(key: ObjectKey, version: number, damage: string): IndexEntry {
  const nothing = { rowCount: 0, dataBytes: 0, fileSizeBytes: 0, isVerified: true };
  const entry = new IndexEntry(key, { kind: "opaque", form: "file", version, ...nothing });
  entry.damage = damage;
  return entry;
}
