/**
 * The contract of a storage engine: bytes at rest under a name. It knows keys, not what the bytes mean.
 *
 * What every engine promises:
 * - A name holds either nothing or a whole published file; no reader ever sees a part of one.
 * - `publish` replaces in one step. A reader that opened the old file keeps its bytes until it closes it.
 * - A published file is never written again.
 * - A staged file is invisible, belongs to the call that made it, and leaves nothing behind when discarded
 *   or when the process dies: `start` sweeps what is left.
 * - The version floor is a number that never falls, also over restarts of an engine that survives them.
 * - Names of different objects never meet, whatever characters their keys hold.
 *
 * Engines give no order and take no locks: two calls on one name are serialised by the cache above.
 * @see test/contract/object-storage: one suite, run against every engine.
 */
import type { ObjectKey } from "../object/object-key.ts";
import type { ScannedFacts } from "./scanned-facts.ts";

/**
 * What an answer promises: `restart`, that it survives the end of the process, however it ends; `power-loss`, that it
 * survives the machine's end as well: it has been synced.
 */
export type Durability = "restart" | "power-loss";

/**
 * What of an object a file holds. A patch belongs to one base by that base's version, and to no other. A delta is a patch of the Rust
 * cache: it lies at a place, 0 for the first, and belongs to whatever base is there; none is ever published.
 */
export type ObjectPart =
  | { readonly kind: "file" }
  | { readonly kind: "stream" }
  | { readonly kind: "patch"; readonly baseVersion: number; readonly version: number }
  | { readonly kind: "delta"; readonly place: number };

export interface StoredName {
  readonly key: ObjectKey;
  readonly part: ObjectPart;
}

/** A file being written. All methods are called by one owner, one after the other. */
export interface StagedFile {
  /** Bytes appended so far, written out or not. */
  readonly sizeBytes: number;
  /** True in an engine that forgets: its files carry no checksum. */
  readonly isVolatile?: boolean;
  /**
   * Appends views; the engine may keep them until they are written, so they are not changed afterwards.
   * Returns a promise only when the owner has to wait before it appends more (back-pressure).
   * @throws {CacheError} STORAGE_FULL, STORAGE_IO; the file can then only be discarded.
   */
  append(chunks: readonly Uint8Array[]): Promise<void> | undefined;
  /**
   * Replaces bytes that were appended before; `bytes` lies wholly below sizeBytes and is the caller's again when
   * the promise is fulfilled, or at once when there is none. Buffers that were appended are never written to.
   */
  overwrite(position: number, bytes: Uint8Array): Promise<void> | undefined;
  /**
   * True from the moment on when the file is visible under its name; also when publish failed behind that moment, because what it
   * promises could not be had: then the file is there, whole, and may be gone after a power loss.
   */
  readonly isPublished?: boolean;
  /**
   * Makes the file visible under `name`, replacing what was there, and resolves when what `durability` promises holds. Afterwards it is
   * no longer staged; when it fails nothing is left of it, unless `isPublished`.
   * @param durability `restart` by default. An engine that forgets promises neither.
   */
  publish(name: StoredName, durability?: Durability): Promise<void>;
  /** Drops the file. May be called at any time and more than once; after publish it does nothing. */
  discard(): Promise<void>;
}

/** A published file, opened for reading. */
export interface StoredFile {
  readonly sizeBytes: number;
  /**
   * True when what `read` gives is in memory and `markChecked` was called for it, by whoever opened it. Absent where each read
   * goes to the disk.
   */
  readonly isChecked?: boolean;
  /** Says that all of its bytes are as they were written. */
  markChecked?(): void;
  /**
   * Reads exactly `lengthBytes` at `position`; the buffer is the caller's (disk) or a view (memory): never written to.
   * @throws {CacheError} OBJECT_CORRUPT when the file is shorter, STORAGE_IO
   */
  read(position: number, lengthBytes: number): Promise<Buffer>;
  /** Says that nobody reads a buffer any more that `read` gave: its memory may be used again. Never twice. */
  giveBack?(bytes: Buffer): void;
  /** How many bytes from `position` on one read gives as a view; absent where every read is a buffer of its own. */
  contiguousBytes?(position: number): number;
  /**
   * Safe to call more than once.
   * @param bytesAreDone true when nobody reads the buffers any more that `read` gave: then, and only then, an engine may
   *   use their memory again.
   */
  close(bytesAreDone?: boolean): void;
}

/** Where a published file lies for other processes of this host, and what tells it from any other file at that place. */
export interface FileLocation {
  /** Absolute. */
  readonly path: string;
  readonly sizeBytes: bigint;
  readonly device: bigint;
  readonly inode: bigint;
  /** Nanoseconds since 1970. */
  readonly modifiedNs: bigint;
}

/** What is found in one session. */
export interface ScannedSession {
  readonly applicationId: string;
  readonly sessionId: string;
  /** Object ids with the parts that exist. */
  readonly names: readonly StoredName[];
}

/** What a scan finds at once in one session, for the cache to rebuild its index from; a large session comes in several. */
export interface ScannedObjects extends ScannedSession {
  /** Objects that are one base in the form of a file, understood by the engine, and not among `names`. */
  readonly facts: ScannedFacts;
  /** What `removals` gave before the first of these objects was looked at. */
  readonly seenAt: number;
}

/** A session, or the sessions of an application. */
export interface RemovalPlace {
  readonly applicationId: string;
  readonly sessionId?: string;
}

/** `end`: the record takes back what an earlier one said, and is no longer than it: there is room for it on a full disk, too. */
export type RecordPurpose = "begin" | "end";

/**
 * Facts about objects that change while their files do not, as lines of text in the order they came. What they say is
 * the cache's affair.
 */
export interface RecordJournal {
  /** Every record that was appended and is whole, oldest first; once, before the first append. */
  read(): AsyncIterable<string>;
  /** Resolves when the record is as durable as is asked for. @throws {CacheError} STORAGE_FULL, STORAGE_IO */
  append(record: string, durability: Durability, purpose?: RecordPurpose): Promise<void>;
  /** Replaces all records in one step that lasts, appends that come meanwhile behind them. Read piece by piece. */
  rewrite(records: Iterable<string>): Promise<void>;
}

/** Patches by the base version they belong to: those of one base, or of every base but one (or of all). */
export type PatchSelection = { readonly only: number } | { readonly allBut: number | undefined };

/**
 * Why a file is opened: to send its bytes to somebody, whom others may follow, or to look at what lies there now.
 * An engine that remembers what it read does so for the first only, and answers the second from the file itself.
 */
export type OpenPurpose = "send" | "look";

export interface ObjectStorage {
  /** "files" survives restarts, "none" does not. */
  readonly kind: "files" | "none";
  /**
   * Makes the engine ready: directory made, leftovers of staged files removed (counted in the log).
   * @throws {CacheError} INVALID_CONFIG when the directory cannot be used or another live process uses it.
   */
  start(): Promise<void>;
  /** A new staged file. Cheap: nothing touches the disk before there is something to write. */
  stage(): StagedFile;
  /** Opens a published file, to send it unless told otherwise; undefined when there is none: a miss is a value. */
  open(name: StoredName, purpose?: OpenPurpose): Promise<StoredFile | undefined>;
  /** Where a published file lies; absent in an engine that keeps none. Undefined when there is no such file. */
  locate?(name: StoredName): Promise<FileLocation | undefined>;
  /** The versions of the patches stored for this base, ascending. */
  listPatches(key: ObjectKey, baseVersion: number): Promise<number[]>;
  /** Removes one file, also on a full disk. False when there was none. */
  remove(name: StoredName): Promise<boolean>;
  /** Removes patches of one object. `allBut` may cost a look at the whole session; `only` does not. */
  removePatches(key: ObjectKey, which: PatchSelection): Promise<void>;
  /** The places of an object's deltas, ascending. Absent in an engine that nobody else writes into. */
  listDeltas?(key: ObjectKey): Promise<number[]>;
  /** Removes all deltas of an object. */
  removeDeltas?(key: ObjectKey): Promise<void>;
  /**
   * Makes published files last through a power loss, whoever wrote them: bytes and names. Absent in an engine that forgets.
   * @throws {CacheError} STORAGE_IO, STORAGE_FULL
   */
  settleFiles?(names: readonly StoredName[]): Promise<void>;
  /**
   * Makes what was removed from these sessions, or applications, stay away after a power loss. Absent in an engine that forgets.
   * @throws {CacheError} STORAGE_IO, STORAGE_FULL
   */
  settleRemovals?(places: Iterable<RemovalPlace>): Promise<void>;
  /**
   * Takes a damaged file out of the way, keeping its bytes for inspection where the engine can. On a full disk it may stay
   * where it is.
   */
  quarantine(name: StoredName, reason: string): Promise<void>;
  /**
   * Every session that holds something; names that are not ours are passed over. Few objects are in memory at a time.
   * @param removals one number that its owner raises when an object was removed, in memory that threads share; absent: 0.
   */
  scan(removals?: Int32Array): AsyncIterable<ScannedObjects>;
  /** Names found in one session, straight from the engine; undefined when it holds nothing. */
  scanSession(applicationId: string, sessionId: string): Promise<ScannedSession | undefined>;
  /** An application's sessions; one that another call is filling or emptying may be among them. */
  listSessions(applicationId: string): Promise<string[]>;
  /** Absent in an engine that forgets. */
  readonly journal?: RecordJournal;
  /** The highest version that was ever deleted; LIMITS.versionMax at most. */
  readonly versionFloor: number;
  /**
   * Raises the floor, durably where the engine is durable, before it resolves; also on a full disk. Lower numbers change nothing.
   * @param ahead how far beyond it the engine may write it down, for callers who come often: a start may then find a floor
   *   that is so much higher, and nothing is written while versions stay below it.
   */
  raiseVersionFloor(version: number, ahead?: number): Promise<void>;
  /** Gives the directory free for another process; calls still under way may fail. */
  stop(): Promise<void>;
}
