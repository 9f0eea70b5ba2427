/**
 * An object opened for one get: a snapshot of its versions, its base, and its patches as they are asked for.
 *
 * While a reading is open the patches it may still ask for are not removed, also when the object is replaced or
 * deleted meanwhile; the base's file is held open. One descriptor for the base and one for the patch being read,
 * however many patches there are.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { ObjectKey } from "../object/object-key.ts";
import type { ObjectKind } from "../object/object-metadata.ts";
import { OPAQUE_SCHEMA_HEADER } from "../object/object-schema.ts";
import type { StoredObject } from "../object/stored-blocks.ts";
import { readStoredObject } from "../object/stored-object.ts";
import { verifyChecksum } from "../object/verify-object.ts";
import type { ObjectStorage, OpenPurpose, StoredFile } from "../storage/object-storage.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { LayoutCache } from "./layout-cache.ts";
import type { ReadingHolder, RoomHolders } from "./room-holders.ts";

export interface ReadingHost {
  readonly storage: ObjectStorage;
  readonly layouts: LayoutCache;
  /** Where the storage is bounded: those who may hold its room. */
  readonly holders: RoomHolders | undefined;
}

/** The client that takes what is read. */
export interface Taker {
  /** Grows while it takes bytes. */
  readonly movedBytes: number;
  /** Ends its call. */
  abandon(reason: CacheError): void;
}

export class ObjectReading implements ReadingHolder {
  readonly key: ObjectKey;
  readonly kind: ObjectKind;
  readonly baseVersion: number;
  readonly version: number;
  readonly #storage: ObjectStorage;
  readonly #layouts: LayoutCache;
  readonly #entry: IndexEntry;
  readonly #holders: RoomHolders | undefined;
  #file: StoredFile | undefined;
  #taker: Taker | undefined;
  #isClosed = false;

  constructor({ storage, layouts, holders }: ReadingHost, key: ObjectKey, entry: IndexEntry) {
    this.#storage = storage;
    this.#layouts = layouts;
    this.#holders = holders;
    this.#entry = entry;
    this.key = key;
    this.kind = entry.kind;
    this.baseVersion = entry.baseVersion;
    this.version = entry.version;
    entry.addReader();
  }

  /** The index entry this reading was opened for. */
  get entry(): IndexEntry {
    return this.#entry;
  }

  /**
   * Says who takes the bytes: it is abandoned when the object has left, others wait for its room, and it takes nothing.
   * A reading without one keeps the room until it is closed.
   */
  isTakenBy(taker: Taker): void {
    if (this.#isClosed) return;
    this.#taker = taker;
    this.#holders?.readings.add(this);
  }

  get movedBytes(): number {
    return this.#taker?.movedBytes ?? 0;
  }

  abandon(reason: CacheError): void {
    this.#taker?.abandon(reason);
  }

  /**
   * Opens the base; called once, under the key's lock.
   * @returns undefined when its file is gone. @throws {CacheError} OBJECT_CORRUPT
   */
  async openBase(purpose?: OpenPurpose): Promise<StoredObject | undefined> {
    this.#file = await this.#storage.open({ key: this.key, part: { kind: this.#entry.form } }, purpose);
    if (this.#file === undefined) return undefined;
    const known = openValue(this.#entry, this.#file) ?? this.#layouts.find(this.#entry, this.#file);
    if (known !== undefined) return known;
    const base = await readStoredObject(this.#file, this.#entry.form);
    if (base !== undefined) this.#layouts.remember(this.#entry, base);
    return base;
  }

  /** Reads a patch, hands it to `use`, and closes it. @throws {CacheError} OBJECT_CORRUPT when it is missing. */
  async withPatch(version: number, use: (patch: StoredObject) => Promise<void>): Promise<void> {
    const part = { kind: "patch", baseVersion: this.baseVersion, version } as const;
    const file = await this.#storage.open({ key: this.key, part });
    try {
      const patch = file && (await readStoredObject(file, "either"));
      if (patch === undefined)
        throw new CacheError("OBJECT_CORRUPT", `patch ${version} of the object is missing`);
      await this.#verifyOnce(version, patch);
      await use(patch);
    } finally {
      file?.close();
    }
  }

  async #verifyOnce(version: number, patch: StoredObject): Promise<void> {
    const unverified = this.#entry.unverifiedPatches;
    if (!unverified?.has(version)) return;
    if (patch.source.sizeBytes <= LIMITS.verifyFirstGetBytesMax)
      await verifyChecksum(patch.source, patch.checksum);
    unverified.delete(version);
  }

  /**
   * May be called more than once.
   * @param bytesAreDone true when nobody reads what the base's file gave any more.
   */
  close(bytesAreDone = false): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#holders?.readings.delete(this);
    this.#file?.close(bytesAreDone);
    this.#entry.removeReader();
  }
}

/** An opaque object whose place in its file is known: nothing but the value has to be read. */
function openValue(
  { value, baseVersion, isVerified }: IndexEntry,
  source: StoredFile,
): StoredObject | undefined {
  if (value === undefined || !isVerified || source.sizeBytes !== value.fileSizeBytes) return undefined;
  return {
    kind: "opaque",
    version: baseVersion,
    rowCount: 1,
    dataBytes: value.sizeBytes,
    schemaHeader: OPAQUE_SCHEMA_HEADER,
    dataRanges: [value],
    codec: undefined,
    batches: [],
    isOwn: true,
    checksum: [],
    source,
  };
}
