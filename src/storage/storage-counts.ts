/**
 * What a storage engine counts about its own work since the start, and what it holds now.
 *
 * Types only. Readers take a snapshot when they need one; the engine only adds numbers.
 */
import type { Histogram } from "../metrics/histogram.ts";

/** Files in memory: the memory tier, or everything of storage none. */
export interface MemoryCounts {
  /** Opens for a get that found the file in memory. */
  readonly hits: number;
  /** Opens for a get that did not: of the tier, they went to the disk. */
  readonly misses: number;
  /** Copies that the tier dropped to make space. The engine still has the files. */
  readonly droppedCopies: number;
  readonly heldBytes: number;
  readonly bytesMax: number;
}

/** What a sync made durable: object files, names in directories, the log, or small records. */
export type SyncKind = "file" | "directory" | "log" | "record";

export interface LogCounts {
  /** Records that are not released. */
  readonly bytes: number;
  /** Small files that have not come to rest. */
  readonly files: number;
  /** Segments that were released since the start. */
  readonly checkpoints: number;
  /** Segments that stay until the next boot, because a file could not be synced. */
  readonly heldSegments: number;
}

export interface DiskCounts {
  /** Opens for a get. */
  readonly opens: number;
  /** Seconds of each sync. */
  readonly syncs: Readonly<Record<SyncKind, Histogram>>;
  readonly log: LogCounts;
  /** Damaged files that were moved to quarantine since the start. */
  readonly quarantined: number;
}

export type StoreRequestKind =
  | "read"
  | "read_range"
  | "write"
  | "upload"
  | "remove"
  | "remove_many"
  | "list"
  /** By which replicas find each other: a write and a list every few seconds. */
  | "registration";

/** Requests to an object store, of one kind and with one outcome. */
export interface StoreCount {
  readonly kind: StoreRequestKind;
  /** As in src/s3/bucket.ts, or `failed`. */
  readonly outcome: string;
  readonly count: number;
}

/** What the collector of garbage removed since the start. */
export interface CollectedCounts {
  readonly blobs: number;
  readonly tombstones: number;
  readonly expiredObjects: number;
  readonly passes: number;
}

export interface StoreCounts {
  /** False while it is known to be out of reach. */
  readonly isReachable: boolean;
  readonly requests: readonly StoreCount[];
  /** Absent before the first pass can run. */
  readonly collected: CollectedCounts | undefined;
  /** Endpoints of the replicas that are alive. */
  readonly replicas: readonly string[];
}

/** Copies of blobs on the local disk, of an engine whose objects are elsewhere. */
export interface LocalCounts {
  /** Blobs opened for gets of which there was a copy. */
  readonly hits: number;
  readonly misses: number;
  /** Bytes that copies saved the store. */
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** Copies that were dropped to make space. */
  readonly evicted: number;
  /** Copies that were dropped because they could not be read, or had other bytes. */
  readonly damaged: number;
  /** Copies that were not finished, because readers left or something was too slow. */
  readonly abandoned: number;
  /** Copies that were not finished because the disk failed or is full. */
  readonly failed: number;
  readonly copies: number;
  readonly heldBytes: number;
  /** Undefined while the start has not looked at the disk. */
  readonly bytesMax: number | undefined;
}

export interface StorageCounts {
  /** Absent if the engine keeps no copies on the local disk. */
  readonly local?: LocalCounts;
  /** Absent if the engine has no object store. */
  readonly store?: StoreCounts;
  /** Absent if the engine keeps no files in memory. */
  readonly memory?: MemoryCounts;
  /** Absent if the engine has no disk. */
  readonly disk?: DiskCounts;
  /** Bytes of running puts that are in memory. */
  readonly stagedBytes: number;
}

/** The file system of the engine. */
export interface DiskSpace {
  /** Available to this user. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}
