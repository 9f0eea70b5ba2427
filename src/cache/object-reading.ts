/**
 * An object opened for one get: a snapshot of its versions, its base, and its patches on demand.
 *
 * While a reading is open, the patches it may need are not removed, even if the object is replaced
 * or deleted; the base's file stays open. It uses one descriptor for the base and one for the
 * current patch. Bytes from disk are compared with their checksum on the way to the reader
 * (object/checked-source.ts): at each read, or, if that is turned off, at the first read of an
 * object found on disk.
 */
import { CacheError } from "../errors.ts";
import { checkedObject } from "../object/checked-source.ts";
import type { ObjectKey } from "../object/object-key.ts";
import type { ObjectKind } from "../object/object-metadata.ts";
import { OPAQUE_SCHEMA_HEADER } from "../object/object-schema.ts";
import { padTo } from "../object/opaque-row.ts";
import { type StoredObject, VALUE_ALIGNMENT, valuePlaceOf } from "../object/stored-blocks.ts";
import { readStoredObject } from "../object/stored-object.ts";
import { formOfPart } from "../storage/object-part.ts";
import type { FileSource, ObjectPart, OpenPurpose, StoredFile } from "../storage/object-storage.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { LayoutCache } from "./layout-cache.ts";
import type { ReadingHolder, SpaceHolders } from "./space-holders.ts";

const NO_PATCHES: readonly number[] = [];

export interface ReadingHost {
  readonly storage: FileSource;
  readonly layouts: LayoutCache;
  /** If the storage is limited: tracks who holds space. */
  readonly holders: SpaceHolders | undefined;
  /** True: bytes from disk are compared at each read, even if this process wrote them. */
  readonly verifiesReads: boolean;
}

/** The client that reads the object. */
export interface Taker {
  /** Its `sentBytes` grow while the client reads. */
  readonly traffic: { readonly sentBytes: number };
  /** Ends its call. */
  abandon(reason: CacheError): void;
}

/** An object opened for a get. `base` is absent if only patches, or nothing, have to be sent. */
export interface OpenedObject {
  readonly reading: ObjectReading;
  readonly base: StoredObject | undefined;
}

/** How an object is opened. */
export interface OpenTerms {
  /** Of opening the base; default "send". */
  readonly purpose?: OpenPurpose | undefined;
  /**
   * The caller accepts any object of this version or a later one, which a storage that is shared
   * may know without a request. Other storages always know the current object.
   */
  readonly atLeastVersion?: number | undefined;
}

export class ObjectReading implements ReadingHolder {
  readonly key: ObjectKey;
  readonly kind: ObjectKind;
  readonly baseVersion: number;
  readonly version: number;
  readonly #host: ReadingHost;
  readonly #entry: IndexEntry;
  readonly #holders: SpaceHolders | undefined;
  #file: StoredFile | undefined;
  #taker: Taker | undefined;
  #isClosed = false;

  constructor(host: ReadingHost, key: ObjectKey, entry: IndexEntry) {
    this.#host = host;
    this.#holders = host.holders;
    this.#entry = entry;
    this.key = key;
    this.kind = entry.kind;
    this.baseVersion = entry.baseVersion;
    this.version = entry.version;
    entry.addReader();
  }

  /** The index entry that this reading was opened for. */
  get entry(): IndexEntry {
    return this.#entry;
  }

  /** When the base was written, ms since 1970, if it is open and the storage knows. */
  get baseModifiedMs(): number | undefined {
    return this.#file?.modifiedMs;
  }

  /**
   * Sets the client, which is cut off if the object was removed, others wait for its space, and it
   * reads nothing. A reading without a client holds the space until it is closed.
   */
  isTakenBy(taker: Taker): void {
    if (this.#isClosed) return;
    this.#taker = taker;
    this.#holders?.readings.add(this);
  }

  get movedBytes(): number {
    return this.#taker?.traffic.sentBytes ?? 0;
  }

  abandon(reason: CacheError): void {
    this.#taker?.abandon(reason);
  }

  /**
   * Opens the base. Called once, under the key's lock. With "send" it is read once and in order.
   * @returns undefined if its file is missing. @throws {CacheError} OBJECT_CORRUPT
   */
  async openBase(purpose: OpenPurpose = "send"): Promise<StoredObject | undefined> {
    const entry = this.#entry;
    const name = { key: this.key, part: { kind: entry.form }, of: entry.state };
    const file = await this.#host.storage.open(name, purpose);
    this.#file = file;
    if (file === undefined) return undefined;
    const known = openValue(entry, file) ?? this.#host.layouts.find(entry, file);
    const base = known ?? (await readStoredObject(file, entry.form));
    if (base === undefined) return undefined;
    if (known === undefined) this.#host.layouts.remember(entry, base);
    if (purpose === "look" || !this.#mustCheck(file, entry.isVerified)) return base;
    return await checkedObject(base, () => {
      file.markChecked?.();
      if (!entry.isVerified) entry.markVerified(valuePlaceOf(base));
    });
  }

  /**
   * Versions of this reading's patches above `version`, ascending. Costs nothing without patches.
   */
  patchesAfter(version: number): Iterable<number> {
    return version >= this.version ? NO_PATCHES : this.#patchesAfter(version);
  }

  *#patchesAfter(version: number): Generator<number> {
    for (const each of this.#entry.patchesAfter(version)) {
      if (each > this.version) return;
      yield each;
    }
  }

  /**
   * Opens a patch, passes it to `use`, and closes it. @throws {CacheError} OBJECT_CORRUPT if it is
   * missing.
   */
  async withPatch(version: number, use: (patch: StoredObject) => Promise<void>): Promise<void> {
    const part = this.#partOf(version);
    const file = await this.#host.storage.open({ key: this.key, part, of: this.#entry.state });
    try {
      const patch = file && (await readStoredObject(file, formOfPart(part)));
      if (file === undefined || patch === undefined)
        throw new CacheError("OBJECT_CORRUPT", `patch ${version} of the object is missing`);
      await use(await this.#checkedPatch(version, file, patch));
    } finally {
      file?.close();
    }
  }

  #partOf(version: number): ObjectPart {
    const place = this.#entry.deltas?.places.get(version);
    if (place !== undefined) return { kind: "delta", place };
    return { kind: "patch", baseVersion: this.baseVersion, version };
  }

  async #checkedPatch(version: number, file: StoredFile, patch: StoredObject): Promise<StoredObject> {
    const unverified = this.#entry.unverifiedPatches;
    if (!this.#mustCheck(file, unverified?.has(version) !== true)) return patch;
    return await checkedObject(patch, () => {
      file.markChecked?.();
      unverified?.delete(version);
    });
  }

  /** @param wasVerified false if it was found on disk and not compared yet. */
  #mustCheck(file: StoredFile, wasVerified: boolean): boolean {
    const { storage, verifiesReads } = this.#host;
    if (!storage.capabilities.hasChecksums || file.isChecked === true) return false;
    return verifiesReads || !wasVerified;
  }

  /**
   * May be called repeatedly.
   * @param bytesAreDone true if nobody uses bytes of the base's file any more.
   */
  close(bytesAreDone = false): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#holders?.readings.delete(this);
    this.#file?.close(bytesAreDone);
    this.#entry.removeReader();
  }
}

/** Opens an opaque object at a known position: only the value is read. */
function openValue(
  { value, baseVersion, isVerified }: IndexEntry,
  source: StoredFile,
): StoredObject | undefined {
  if (value === undefined || !isVerified || source.sizeBytes !== value.fileSizeBytes) return undefined;
  const { position, sizeBytes, crc32 } = value;
  const before = { sizeBytes: position, crc32: 0 };
  const summed = { sizeBytes: padTo(sizeBytes, VALUE_ALIGNMENT), crc32: crc32 ?? 0 };
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
    // The bytes before the value are not read.
    checksum: crc32 === undefined ? [] : [before, summed],
    source,
  };
}
