/**
 * The contract of a storage engine: bytes at rest under a name. It knows keys, not content.
 *
 * Every engine guarantees:
 * - A name holds either nothing or a whole published file; no reader ever sees a part of one.
 * - `publish` replaces atomically. A reader that opened the old file keeps its bytes until it
 *   closes it.
 * - A published file is never written again.
 * - A staged file is invisible, belongs to the call that made it, and leaves nothing behind when it
 *   is discarded or the process dies: `start` removes leftovers.
 * - The version floor never falls, even across restarts of a durable engine.
 * - Names of different objects never collide, whatever characters their keys contain.
 *
 * Engines define no order and take no locks: the cache above serialises calls on one name.
 * @see test/contract/object-storage: one suite, run against every engine.
 */
import type { ObjectKey } from "../object/object-key.ts";
import type { ScannedFacts } from "./scanned-facts.ts";
import type { DiskSpace, StorageCounts } from "./storage-counts.ts";

/**
 * What an answer guarantees. `restart`: the object survives the end of the process, however it
 * ends. `power-loss`: it also survives the end of the machine, because it has been synced.
 */
export type Durability = "restart" | "power-loss";

/**
 * The part of an object that a file holds. A patch belongs to one base, by that base's version. A
 * delta is a patch of the Rust cache: it has an index from 0 and belongs to the current base; this
 * server never publishes one.
 */
export type ObjectPart =
  | { readonly kind: "file" }
  | { readonly kind: "stream" }
  | { readonly kind: "patch"; readonly baseVersion: number; readonly version: number }
  | { readonly kind: "delta"; readonly place: number };

export interface StoredName {
  readonly key: ObjectKey;
  readonly part: ObjectPart;
  /**
   * The state of the object that the caller looked up, in an engine that other processes change:
   * the file is opened as it was in this state.
   */
  readonly of?: object | undefined;
}

/** A file that is being written. One owner calls all methods, one after the other. */
export interface StagedFile {
  /** Bytes appended so far, written to disk or not. */
  readonly sizeBytes: number;
  /** True in an engine without checksums. */
  readonly skipsChecksum?: boolean;
  /**
   * Appends views. The engine may keep them until they are written, so they must not change
   * afterwards. Returns a promise only if the owner has to wait before it appends more
   * (back-pressure).
   * @throws {CacheError} STORAGE_FULL, STORAGE_IO; the file can then only be discarded.
   */
  append(chunks: readonly Uint8Array[]): Promise<void> | undefined;
  /**
   * Replaces bytes that were appended before; `bytes` lies completely below sizeBytes. The caller
   * may reuse `bytes` when the promise resolves, or at once if there is none. Appended buffers are
   * never written to.
   */
  overwrite(position: number, bytes: Uint8Array): Promise<void> | undefined;
  /**
   * True once the file is visible under its name. This includes a publish that failed later because
   * its durability could not be guaranteed: the file is whole, but a power loss may remove it.
   */
  readonly isPublished?: boolean;
  /**
   * Makes the file visible under `name`, replaces the previous one, and resolves when the
   * `durability` is guaranteed. Afterwards the file is no longer staged. If it fails, nothing is
   * left of the file, unless `isPublished`.
   * @param durability default `restart`. An engine that is not durable guarantees neither.
   */
  publish(name: StoredName, durability?: Durability): Promise<void>;
  /** Drops the file. May be called at any time and repeatedly; after publish it does nothing. */
  discard(): Promise<void>;
}

/** A published file, opened for reading. */
export interface StoredFile {
  readonly sizeBytes: number;
  /** When it was written, ms since 1970; absent where nobody knows. */
  readonly modifiedMs?: number | undefined;
  /**
   * True if the content is in memory and a reader has called `markChecked`. Absent if each read
   * goes to the disk.
   */
  readonly isChecked?: boolean;
  /** Records that all bytes match the checksum. */
  markChecked?(): void;
  /**
   * Reads exactly `lengthBytes` at `position`. The buffer belongs to the caller (disk) or is a view
   * (memory), which must not be written to.
   * @throws {CacheError} OBJECT_CORRUPT if the file is shorter, STORAGE_IO
   */
  read(position: number, lengthBytes: number): Promise<Buffer>;
  /**
   * Returns a buffer of `read` that nobody reads any more, so that its memory may be reused. Once
   * per buffer.
   */
  giveBack?(bytes: Buffer): void;
  /**
   * How many bytes from `position` one read returns as a view; absent if every read is a buffer of
   * its own.
   */
  contiguousBytes?(position: number): number;
  /**
   * May be called repeatedly.
   * @param bytesAreDone true if nobody uses the buffers of `read` any more: only then may the
   *   engine reuse their memory.
   */
  close(bytesAreDone?: boolean): void;
}

/** Path of a published file for other processes of this host, and the identity of the file. */
export interface FileLocation {
  readonly path: string;
  readonly sizeBytes: bigint;
  readonly device: bigint;
  readonly inode: bigint;
  /** Nanoseconds since 1970. */
  readonly modifiedNs: bigint;
}

/** A base of this cache, which has no other form. */
export interface SingleFile {
  readonly name: StoredName;
  readonly version: number;
  readonly sizeBytes: number;
}

/** The content of one session. */
export interface ScannedSession {
  readonly applicationId: string;
  readonly sessionId: string;
  /** Object ids with the parts that exist. */
  readonly names: readonly StoredName[];
}

/**
 * One batch of a scan in one session, from which the cache rebuilds its index. A large session has
 * several.
 */
export interface ScannedObjects extends ScannedSession {
  /** Objects that consist of one readable base in file form; they are not in `names`. */
  readonly facts: ScannedFacts;
  /** The value of `removals` before the first of these objects was read. */
  readonly seenAt: number;
}

/** A session, or all sessions of an application. */
export interface RemovalPlace {
  readonly applicationId: string;
  readonly sessionId?: string;
}

/**
 * `end`: the record cancels an earlier one and is no longer than it, so there is space for it even
 * on a full disk.
 */
export type RecordPurpose = "begin" | "end";

/**
 * A journal of facts that change while files do not, as lines of text in the order of arrival. The
 * cache defines their meaning.
 */
export interface RecordJournal {
  /** All complete records, oldest first. Called once, before the first append. */
  read(): AsyncIterable<string>;
  /**
   * Resolves when the record has the requested durability. @throws {CacheError} STORAGE_FULL,
   * STORAGE_IO
   */
  append(record: string, durability: Durability, purpose?: RecordPurpose): Promise<void>;
  /**
   * Replaces all records in one durable step; concurrent appends follow behind. Reads `records`
   * piece by piece.
   */
  rewrite(records: Iterable<string>): Promise<void>;
}

/**
 * Patches by the base version they belong to: those of one base, or of all bases but one (or of
 * all).
 */
export type PatchSelection = { readonly only: number } | { readonly allBut: number | undefined };

/**
 * Why a file is opened: to send its bytes to a caller, or to check what is stored now. An engine
 * that caches files does so only for "send", and answers "look" from the file itself.
 */
export type OpenPurpose = "send" | "look";

/** What an engine can do. Constant, and the only thing by which the cache tells engines apart. */
export interface StorageCapabilities {
  /**
   * True if objects, journal and version floor outlive the process, and both durabilities can be
   * guaranteed. False: nothing does, and a sync has nothing to do.
   */
  readonly isDurable: boolean;
  /** True if bytes leave the process: files carry a checksum, and reads compare it. */
  readonly hasChecksums: boolean;
  /** True if other processes of this host can read the published files, which `locate` finds. */
  readonly locatesFiles: boolean;
  /**
   * True if no object id ends with a colon and digits, as a ticket with a version does: to find out
   * would cost a request to the store for each such ticket.
   */
  readonly refusesVersionedIds: boolean;
}

/** Whether an engine can reach the store that it needs. */
export interface StorageReach {
  /** Why it cannot; undefined: it can, as far as is known. */
  readonly unreachable: string | undefined;
  /** @returns a function that removes the listener */
  onChange(listener: () => void): () => void;
}

/** What every cache needs of its engine: the files of objects, to read them. */
export interface FileSource {
  readonly capabilities: StorageCapabilities;
  /** Absent: the engine needs no store that can be out of reach. */
  readonly reach?: StorageReach | undefined;
  /**
   * Makes the engine ready: creates the directory and removes leftover staged files (counted in the
   * log).
   * @throws {CacheError} INVALID_CONFIG if the directory or the bucket cannot be used, or another
   *   live process uses the directory.
   */
  start(): Promise<void>;
  /**
   * Opens a published file, by default to send it. Undefined if there is none: a miss is a value.
   */
  open(name: StoredName, purpose?: OpenPurpose): Promise<StoredFile | undefined>;
  /** A snapshot. */
  readonly counts: StorageCounts;
  /** Releases the directory for another process; running calls may fail. */
  stop(): Promise<void>;
}

/** An engine whose objects only this process changes. The cache above it has an index and locks. */
export interface ObjectStorage extends FileSource {
  /** Creates a staged file. Cheap: touches no disk before there is something to write. */
  stage(): StagedFile;
  /** Locates a published file. Undefined if there is none, or the engine does not locate files. */
  locate(name: StoredName): Promise<FileLocation | undefined>;
  /** The versions of the patches stored for this base, ascending. */
  listPatches(key: ObjectKey, baseVersion: number): Promise<number[]>;
  /**
   * Removes one file, even on a full disk.
   * @param version no later file of this name has it or a lower one. Without it the file is read.
   * @returns false if there was none.
   */
  remove(name: StoredName, version?: number): Promise<boolean>;
  /**
   * Removes files, each the only base of its object, as `remove` does, with less work for each: the
   * engine need not look whether they are there.
   * @throws {CacheError} STORAGE_IO, STORAGE_FULL: some may be removed.
   */
  removeSingle(files: readonly SingleFile[]): Promise<void>;
  /** Removes patches of one object. `allBut` may read the whole session; `only` does not. */
  removePatches(key: ObjectKey, which: PatchSelection): Promise<void>;
  /** The indices of an object's deltas, ascending; empty if other programs cannot write here. */
  listDeltas(key: ObjectKey): Promise<number[]>;
  /** Removes all deltas of an object. */
  removeDeltas(key: ObjectKey): Promise<void>;
  /**
   * Makes published files durable against power loss, whoever wrote them: bytes and names.
   * @throws {CacheError} STORAGE_IO, STORAGE_FULL
   */
  syncFiles(names: readonly StoredName[]): Promise<void>;
  /**
   * Makes removals in these sessions or applications durable against power loss.
   * @throws {CacheError} STORAGE_IO, STORAGE_FULL
   */
  syncRemovals(places: Iterable<RemovalPlace>): Promise<void>;
  /**
   * Moves a damaged file away and keeps its bytes for inspection if the engine can. On a full disk
   * it may stay in place.
   */
  quarantine(name: StoredName, reason: string): Promise<void>;
  /**
   * Lists every session that contains something; foreign names are skipped. Few objects are in
   * memory at a time.
   * @param removals a counter in shared memory that its owner increments after each removal;
   *   absent: 0.
   */
  scan(removals?: Int32Array): AsyncIterable<ScannedObjects>;
  /** Names in one session, directly from the engine; undefined if it is empty. */
  scanSession(applicationId: string, sessionId: string): Promise<ScannedSession | undefined>;
  /** An application's sessions. May include one that another call is filling or emptying. */
  listSessions(applicationId: string): Promise<string[]>;
  /** Undefined: what would be recorded ends with the process, as the objects do. */
  readonly journal: RecordJournal | undefined;
  /** The file system that holds the objects; undefined if none does. @throws {CacheError} STORAGE_IO */
  space(): Promise<DiskSpace | undefined>;
  /** The highest version that was ever deleted; at most LIMITS.versionMax. */
  readonly versionFloor: number;
  /**
   * Raises the floor, even on a full disk, and resolves when it is as durable as the engine. Lower
   * numbers have no effect.
   * @param ahead how much higher the engine may write the floor, for frequent callers: a restart
   *   may then find the higher value, and nothing is written while versions stay below it.
   */
  raiseVersionFloor(version: number, ahead?: number): Promise<void>;
}
