/**
 * What is known of one object without opening its file, in little memory: there may be millions.
 *
 * One small class with few fields: booleans and the number of readers share one integer, and rare
 * facts have their own object. Every field is declared without a value, so it starts as undefined:
 * V8 then stores a small integer in the field and allocates only for numbers over 2^31 - 1.
 * Cost: docs/operations.md.
 */
import { CacheError } from "../errors.ts";
import { Evictable } from "../eviction/eviction-policy.ts";
import type { FileForm } from "../object/file-head.ts";
import type { BaseFacts, PartFacts } from "../object/index-facts.ts";
import { formatObjectKey, type ObjectKey, type SessionPrefix } from "../object/object-key.ts";
import type { ObjectKind } from "../object/object-metadata.ts";
import type { ByteRange, ValuePlace } from "../object/stored-blocks.ts";
import { NO_SCHEMA } from "./schema-pool.ts";

/** A value that can be read without the rest of its file. */
export interface StoredValue extends ByteRange {
  /** The position is valid only for a file of this size. */
  readonly fileSizeBytes: number;
  /** As in ValuePlace. */
  readonly crc32: number | undefined;
}

/** A base that was published or found, and what this process knows of it beside. */
export interface EntryFacts extends BaseFacts {
  /** A table's schema number in the SchemaPool, if known. */
  readonly schemaNumber?: number | undefined;
  /** True for an object that this process wrote, or whose checksum was compared. */
  readonly isVerified?: boolean;
  /** True if it is known to be durable against power loss. */
  readonly isDurable?: boolean;
  /** True for a file that another program wrote. */
  readonly isForeign?: boolean;
  /** True if it was found on disk: the durability that an earlier process guaranteed is unknown. */
  readonly isFound?: boolean;
}

/** A patch that was published or found on disk. */
export interface PatchFacts extends PartFacts {
  /** True if it and everything before it are known to be durable against power loss. */
  readonly isDurable?: boolean;
}

/** Patches of the Rust cache, while they are in that cache's files. */
export interface FoundDeltas {
  /** Index of each patch's file by version, ascending. Empty if all are leftovers. */
  readonly places: ReadonlyMap<number, number>;
  /** The version before the first of them: of the base, or of our last patch. */
  readonly ownVersion: number;
}

/** Facts that few objects have. */
interface RareFacts {
  damage: string | undefined;
  unverifiedPatches: Set<number> | undefined;
  onIdle: (() => void) | undefined;
  deltas: FoundDeltas | undefined;
  /** The object is durable only up to this version. */
  durableVersion: number;
  /** The base without patches, once there are patches. */
  base: { readonly dataBytes: number; readonly fileSizeBytes: number } | undefined;
}

const IS_TABLE = 1;
const IS_STREAM = 2;
const IS_VERIFIED = 4;
const IS_DURABLE = 8;
const IS_FOUND = 16;
const IS_SUMMED = 32;
const IS_FOREIGN = 64;
/** The bits above count readers. */
const READERS_SHIFT = 7;
const ONE_READER = 1 << READERS_SHIFT;

/** Values never lie at the start of a file, and no schema has this number. */
const NO_PLACE = NO_SCHEMA;

export class IndexEntry extends Evictable {
  /** Version of the last patch, or of the base. */
  version: number;
  rowCount: number;
  dataBytes: number;
  /** Bytes of its files, including patches. */
  storedBytes: number;
  readonly baseVersion: number;
  /** Name of the identity that put the base, if known. */
  readonly putBy: string | undefined;
  #session: SessionPrefix;
  #objectId: string;
  #state: number;
  /** Position of an opaque base's value, or number of a table's schema: no object has both. */
  #place: number;
  /** As a signed integer, which V8 stores in the field. */
  #valueCrc32: number;
  #rare: RareFacts | undefined;

  constructor(key: ObjectKey, base: EntryFacts) {
    super();
    this.#session = key;
    this.#objectId = key.objectId;
    this.version = base.version;
    this.baseVersion = base.version;
    this.putBy = base.putBy;
    this.rowCount = base.rowCount;
    this.dataBytes = base.dataBytes;
    this.storedBytes = base.fileSizeBytes;
    this.#place = base.value?.position ?? base.schemaNumber ?? NO_PLACE;
    this.#valueCrc32 = (base.value?.crc32 ?? 0) | 0;
    this.#state =
      (base.kind === "table" ? IS_TABLE : 0) |
      (base.form === "stream" ? IS_STREAM : 0) |
      (base.isVerified === true ? IS_VERIFIED : 0) |
      (base.isDurable === true ? IS_DURABLE : 0) |
      (base.isFound === true ? IS_FOUND : 0) |
      (base.value?.crc32 === undefined ? 0 : IS_SUMMED) |
      (base.isForeign === true ? IS_FOREIGN : 0);
  }

  /** Shares strings with the index: the names of the session, and the id. */
  share(session: SessionPrefix, objectId: string): void {
    this.#session = session;
    this.#objectId = objectId;
  }

  get applicationId(): string {
    return this.#session.applicationId;
  }

  get objectId(): string {
    return this.#objectId;
  }

  /** What a shared engine needs to open the files of this entry; undefined in other engines. */
  get state(): object | undefined {
    return undefined;
  }

  /** Creates a new object. */
  get key(): ObjectKey {
    const { applicationId, sessionId } = this.#session;
    return { applicationId, sessionId, objectId: this.#objectId };
  }

  /** The text of the key, built at each call. */
  override get evictionKey(): string {
    return formatObjectKey(this.key);
  }

  override get costBytes(): number {
    return this.storedBytes;
  }

  get kind(): ObjectKind {
    return (this.#state & IS_TABLE) === 0 ? "opaque" : "table";
  }

  get form(): FileForm {
    return (this.#state & IS_STREAM) === 0 ? "file" : "stream";
  }

  /** True if another program wrote the base. */
  get isForeign(): boolean {
    return (this.#state & IS_FOREIGN) !== 0;
  }

  get isVerified(): boolean {
    return (this.#state & IS_VERIFIED) !== 0;
  }

  /**
   * Marks the base's checksum as compared.
   * @param value as in BaseFacts; known now that the file was read.
   */
  markVerified(value: ValuePlace | undefined): void {
    this.#state |= IS_VERIFIED | (value?.crc32 === undefined ? 0 : IS_SUMMED);
    if (this.kind === "table") return;
    this.#place = value?.position ?? NO_PLACE;
    this.#valueCrc32 = (value?.crc32 ?? 0) | 0;
  }

  /** A table's schema number in the SchemaPool; NO_SCHEMA if unknown. */
  get schemaNumber(): number {
    return this.kind === "table" ? this.#place : NO_SCHEMA;
  }

  set schemaNumber(number: number) {
    if (this.kind === "table") this.#place = number;
  }

  /** The version up to which the object is known to be durable against power loss; 0 if unknown. */
  get durableVersion(): number {
    return (this.#state & IS_DURABLE) === 0 ? (this.#rare?.durableVersion ?? 0) : this.version;
  }

  /**
   * True if a patch may be durable against power loss. Then patches are removed only after the
   * base's removal is synced: a base that reappeared without them would look like the whole object.
   */
  get patchesMayBeDurable(): boolean {
    if (this.version === this.baseVersion) return false;
    return (this.#state & IS_FOUND) !== 0 || this.durableVersion > this.baseVersion;
  }

  /** Records that base and all patches were synced. */
  markDurable(): void {
    this.#state |= IS_DURABLE;
  }

  /** Running gets. The last one removes the patches of a replaced base. */
  get readers(): number {
    return this.#state >> READERS_SHIFT;
  }

  addReader(): void {
    this.#state += ONE_READER;
  }

  removeReader(): void {
    this.#state -= ONE_READER;
    if (this.readers === 0) this.onIdle?.();
  }

  /** Position of an opaque base's value, if known and one unmodified row. Creates a new object. */
  get value(): StoredValue | undefined {
    if (this.kind === "table" || this.#place === NO_PLACE) return undefined;
    const { dataBytes, fileSizeBytes } = this.#base;
    const crc32 = (this.#state & IS_SUMMED) === 0 ? undefined : this.#valueCrc32 >>> 0;
    return { position: this.#place, sizeBytes: dataBytes, fileSizeBytes, crc32 };
  }

  /** Adds the next patch. */
  addPatch({ version, rowCount, dataBytes, fileSizeBytes, isDurable = false }: PatchFacts): void {
    if (!isDurable && (this.#state & IS_DURABLE) !== 0) {
      this.#rareMade().durableVersion = this.version;
      this.#state &= ~IS_DURABLE;
    }
    if (this.kind === "opaque") this.#rareMade().base ??= this.#base;
    this.version = version;
    this.rowCount += rowCount;
    this.dataBytes += dataBytes;
    this.storedBytes += fileSizeBytes;
  }

  /** Why the object cannot be read. Stays until the object is replaced or deleted. */
  get damage(): string | undefined {
    return this.#rare?.damage;
  }

  set damage(reason: string) {
    this.#rareMade().damage = reason;
  }

  /** Set if there are delta files, used or not. */
  get deltas(): FoundDeltas | undefined {
    return this.#rare?.deltas;
  }

  set deltas(deltas: FoundDeltas) {
    this.#rareMade().deltas = deltas;
  }

  /**
   * Versions of its patches above `version`, ascending. Only patches of the Rust cache may skip
   * some.
   */
  *patchesAfter(version: number): Generator<number> {
    const last = this.#lastOwnVersion;
    for (let own = Math.max(version, this.baseVersion) + 1; own <= last; own += 1) yield own;
    for (const delta of this.deltas?.places.keys() ?? []) if (delta > version) yield delta;
  }

  get patchCount(): number {
    return this.#lastOwnVersion - this.baseVersion + (this.deltas?.places.size ?? 0);
  }

  /** Version of our last patch, or of the base. */
  get #lastOwnVersion(): number {
    const { deltas } = this;
    return deltas === undefined || deltas.places.size === 0 ? this.version : deltas.ownVersion;
  }

  /**
   * Patches found on disk whose checksum is not compared yet. Small ones were checked when found.
   */
  get unverifiedPatches(): Set<number> | undefined {
    return this.#rare?.unverifiedPatches;
  }

  addUnverifiedPatch(version: number): void {
    const rare = this.#rareMade();
    rare.unverifiedPatches ??= new Set();
    rare.unverifiedPatches.add(version);
  }

  /** Set if the entry was replaced or deleted while being read; the last reader calls it. */
  get onIdle(): (() => void) | undefined {
    return this.#rare?.onIdle;
  }

  set onIdle(call: () => void) {
    this.#rareMade().onIdle = call;
  }

  get #base(): { readonly dataBytes: number; readonly fileSizeBytes: number } {
    return this.#rare?.base ?? { dataBytes: this.dataBytes, fileSizeBytes: this.storedBytes };
  }

  #rareMade(): RareFacts {
    this.#rare ??= {
      damage: undefined,
      unverifiedPatches: undefined,
      deltas: undefined,
      onIdle: undefined,
      durableVersion: 0,
      base: undefined,
    };
    return this.#rare;
  }
}

/** The error of a read. */
export function damageError(entry: IndexEntry): CacheError {
  return new CacheError("OBJECT_CORRUPT", undefined, { facts: { reason: entry.damage } });
}
