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

/** What a sync made durable: object files, names in directories, the commit log, or small records. */
export type SyncKind = "file" | "directory" | "log" | "record";

export interface CommitLogCounts {
  /** Records that the next checkpoints release. */
  readonly bytes: number;
  /** Files whose durability depends on the log. */
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
  readonly commitLog: CommitLogCounts;
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
  readonly requests: readonly StoreCount[];
  /** Absent before the first pass can run. */
  readonly collected: CollectedCounts | undefined;
  /** Endpoints of the replicas that are alive. */
  readonly replicas: readonly string[];
}

export interface StorageCounts {
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
