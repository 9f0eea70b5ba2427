/**
 * What is known of one object without opening its file, in as little memory as can be: there may be millions.
 *
 * One small class with few fields: yes-or-no facts and readers share one integer, what only few objects have stands in an
 * object of its own. Every field is declared without a value, so it holds undefined first: V8 then keeps a small integer in
 * the field itself and pays for a number over 2^31 - 1 only in the entry that has one. Cost: docs/operations.md.
 */
import { Evictable } from "../eviction/eviction-policy.ts";
import { formatObjectKey, type ObjectKey, type SessionPrefix } from "../object/object-key.ts";
import type { ObjectKind } from "../object/object-metadata.ts";
import type { ByteRange, ValuePlace } from "../object/stored-blocks.ts";
import { NO_SCHEMA } from "./schema-pool.ts";

/** A value that can be read without reading the rest of its file. */
export interface StoredValue extends ByteRange {
  /** Of a file of another size nothing is known. */
  readonly fileSizeBytes: number;
  /** As in ValuePlace. */
  readonly crc32: number | undefined;
}

/** The form of a base's file. */
export type BaseForm = "file" | "stream";

/** A base as it was published or found. */
export interface BaseFacts {
  readonly kind: ObjectKind;
  readonly form: BaseForm;
  readonly version: number;
  readonly rowCount: number;
  /** Opaque: bytes of the value. Table: bytes of all bodies. */
  readonly dataBytes: number;
  readonly fileSizeBytes: number;
  /** Where the value of an opaque base begins in its file, when it is one row as it was put; dataBytes long. */
  readonly value?: ValuePlace | undefined;
  /** Of a table, where it is known: the number of its schema in the SchemaPool. */
  readonly schemaNumber?: number | undefined;
  /** False for an object found on disk until its checksum was compared. */
  readonly isVerified: boolean;
  /** True when it is known to survive a power loss. */
  readonly lasts?: boolean;
  /** True for a file that another program wrote. */
  readonly isForeign?: boolean;
  /** True when it was found on disk: what an earlier process promised of it is not known. */
  readonly isFound?: boolean;
}

/** A patch as it was published or found. */
export interface PatchFacts {
  readonly version: number;
  readonly rowCount: number;
  readonly dataBytes: number;
  readonly fileSizeBytes: number;
  /** True when it is known to survive a power loss, with all before it. */
  readonly lasts?: boolean;
}

/** What the Rust cache appended to an object, while it lies in the files of that cache. */
export interface FoundDeltas {
  /** Where the file of each patch lies, by its version, ascending. Empty when all are leftovers. */
  readonly places: ReadonlyMap<number, number>;
  /** The version before the first of them: of the base, or of a patch of ours. */
  readonly ownVersion: number;
}

/** What few objects have. */
interface RareFacts {
  damage: string | undefined;
  unverifiedPatches: Set<number> | undefined;
  onIdle: (() => void) | undefined;
  deltas: FoundDeltas | undefined;
  /** Of an object that lasts up to this version only. */
  lastingVersion: number;
  /** Of the base alone, once there are patches. */
  base: { readonly dataBytes: number; readonly fileSizeBytes: number } | undefined;
}

const IS_TABLE = 1;
const IS_STREAM = 2;
const IS_VERIFIED = 4;
const IS_LASTING = 8;
const IS_FOUND = 16;
const IS_SUMMED = 32;
const IS_FOREIGN = 64;
/** The bits above count readers. */
const READERS_SHIFT = 7;
const ONE_READER = 1 << READERS_SHIFT;

/** Values never lie at the start of a file, and no schema has this number. */
const NO_PLACE = NO_SCHEMA;

export class IndexEntry extends Evictable {
  /** Of the last patch, or of the base. */
  version: number;
  rowCount: number;
  dataBytes: number;
  /** Bytes of its files, patches included. */
  storedBytes: number;
  readonly baseVersion: number;
  #session: SessionPrefix;
  #objectId: string;
  #state: number;
  /** Where the value of an opaque base lies, or the number of a table's schema: no object has both. */
  #place: number;
  /** As a signed integer: V8 keeps one in the field itself. */
  #valueCrc32: number;
  #rare: RareFacts | undefined;

  constructor(key: ObjectKey, base: BaseFacts) {
    super();
    this.#session = key;
    this.#objectId = key.objectId;
    this.version = base.version;
    this.baseVersion = base.version;
    this.rowCount = base.rowCount;
    this.dataBytes = base.dataBytes;
    this.storedBytes = base.fileSizeBytes;
    this.#place = base.value?.position ?? base.schemaNumber ?? NO_PLACE;
    this.#valueCrc32 = (base.value?.crc32 ?? 0) | 0;
    this.#state =
      (base.kind === "table" ? IS_TABLE : 0) |
      (base.form === "stream" ? IS_STREAM : 0) |
      (base.isVerified ? IS_VERIFIED : 0) |
      (base.lasts === true ? IS_LASTING : 0) |
      (base.isFound === true ? IS_FOUND : 0) |
      (base.value?.crc32 === undefined ? 0 : IS_SUMMED) |
      (base.isForeign === true ? IS_FOREIGN : 0);
  }

  /** Lets it share what the index holds anyway: the names of its session, and the text of its own. */
  share(session: SessionPrefix, objectId: string): void {
    this.#session = session;
    this.#objectId = objectId;
  }

  get objectId(): string {
    return this.#objectId;
  }

  /** A new object. */
  get key(): ObjectKey {
    const { applicationId, sessionId } = this.#session;
    return { applicationId, sessionId, objectId: this.#objectId };
  }

  /** The text of the key; made anew at each call. */
  override get evictionKey(): string {
    return formatObjectKey(this.key);
  }

  override get costBytes(): number {
    return this.storedBytes;
  }

  get kind(): ObjectKind {
    return (this.#state & IS_TABLE) === 0 ? "opaque" : "table";
  }

  get form(): BaseForm {
    return (this.#state & IS_STREAM) === 0 ? "file" : "stream";
  }

  /** True when another program wrote the base. */
  get isForeign(): boolean {
    return (this.#state & IS_FOREIGN) !== 0;
  }

  get isVerified(): boolean {
    return (this.#state & IS_VERIFIED) !== 0;
  }

  /**
   * Says that the base's checksum was compared.
   * @param value as in BaseFacts: known now that the file was looked at.
   */
  markVerified(value: ValuePlace | undefined): void {
    this.#state |= IS_VERIFIED | (value?.crc32 === undefined ? 0 : IS_SUMMED);
    if (this.kind === "table") return;
    this.#place = value?.position ?? NO_PLACE;
    this.#valueCrc32 = (value?.crc32 ?? 0) | 0;
  }

  /** The number of a table's schema in the SchemaPool; NO_SCHEMA where it is not known. */
  get schemaNumber(): number {
    return this.kind === "table" ? this.#place : NO_SCHEMA;
  }

  set schemaNumber(number: number) {
    if (this.kind === "table") this.#place = number;
  }

  /** The version up to which the object is known to survive a power loss; 0 where nothing is known. */
  get lastingVersion(): number {
    return (this.#state & IS_LASTING) === 0 ? (this.#rare?.lastingVersion ?? 0) : this.version;
  }

  /**
   * True when a patch of it may have been promised to survive a power loss. Then the patches are removed only after the base's end is
   * synced: a base that came back without them would pass for the whole object.
   */
  get patchesMayLast(): boolean {
    if (this.version === this.baseVersion) return false;
    return (this.#state & IS_FOUND) !== 0 || this.lastingVersion > this.baseVersion;
  }

  /** Says that base and all patches were synced. */
  markLasting(): void {
    this.#state |= IS_LASTING;
  }

  /** Gets under way: patches of a replaced base are removed when the last of them is done. */
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

  /** Where the value of an opaque base lies, when that is known and it is one row as it was put. A new object. */
  get value(): StoredValue | undefined {
    if (this.kind === "table" || this.#place === NO_PLACE) return undefined;
    const { dataBytes, fileSizeBytes } = this.#base;
    const crc32 = (this.#state & IS_SUMMED) === 0 ? undefined : this.#valueCrc32 >>> 0;
    return { position: this.#place, sizeBytes: dataBytes, fileSizeBytes, crc32 };
  }

  /** Counts the next patch in. */
  addPatch({ version, rowCount, dataBytes, fileSizeBytes, lasts = false }: PatchFacts): void {
    if (!lasts && (this.#state & IS_LASTING) !== 0) {
      this.#rareMade().lastingVersion = this.version;
      this.#state &= ~IS_LASTING;
    }
    if (this.kind === "opaque") this.#rareMade().base ??= this.#base;
    this.version = version;
    this.rowCount += rowCount;
    this.dataBytes += dataBytes;
    this.storedBytes += fileSizeBytes;
  }

  /** Why the object cannot be read; it stays so until it is replaced or deleted. */
  get damage(): string | undefined {
    return this.#rare?.damage;
  }

  set damage(reason: string) {
    this.#rareMade().damage = reason;
  }

  /** Set when there are files of deltas, used or not. */
  get deltas(): FoundDeltas | undefined {
    return this.#rare?.deltas;
  }

  set deltas(deltas: FoundDeltas) {
    this.#rareMade().deltas = deltas;
  }

  /** Versions of its patches above `version`, ascending. Only those that the Rust cache wrote may leave some out. */
  *patchesAfter(version: number): Generator<number> {
    const last = this.#lastOwnVersion;
    for (let own = Math.max(version, this.baseVersion) + 1; own <= last; own += 1) yield own;
    for (const delta of this.deltas?.places.keys() ?? []) if (delta > version) yield delta;
  }

  get patchCount(): number {
    return this.#lastOwnVersion - this.baseVersion + (this.deltas?.places.size ?? 0);
  }

  /** Of the last patch of ours, or of the base. */
  get #lastOwnVersion(): number {
    const { deltas } = this;
    return deltas === undefined || deltas.places.size === 0 ? this.version : deltas.ownVersion;
  }

  /** Patches found on disk whose checksum is still to be compared: the small ones were when they were found. */
  get unverifiedPatches(): Set<number> | undefined {
    return this.#rare?.unverifiedPatches;
  }

  addUnverifiedPatch(version: number): void {
    const rare = this.#rareMade();
    rare.unverifiedPatches ??= new Set();
    rare.unverifiedPatches.add(version);
  }

  /** Set when the entry was replaced or deleted while readers were at work; the last of them calls it. */
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
      lastingVersion: 0,
      base: undefined,
    };
    return this.#rare;
  }
}
