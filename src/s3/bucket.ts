/**
 * The contract of an S3 bucket for the storage engine: objects under keys, and conditional writes.
 *
 * A write is one request, because a hidden retry would see its own success as a conflict. The caller
 * handles each outcome. All other methods are idempotent and retry by themselves. Times are the store's own (`Date`), because clocks of replicas differ.
 * Every method throws {CacheError} STORAGE_UNAVAILABLE if the store cannot be reached or refuses the
 * credentials, and STORAGE_IO if its answer is not one of S3.
 */

/** The condition of a write. */
export type Condition = { readonly ifMatch: string } | { readonly ifAbsent: true };

/**
 * - `done`: written.
 * - `conflict` (412, or 404 with ifMatch): the condition does not hold, this request wrote nothing.
 * - `retry` (409, 503, refused before the request was sent): not applied; the same request may be
 *   repeated.
 * - `doubtful` (time-out, reset, 500, 502, 504): may have been applied, now or later.
 */
export type WriteOutcome =
  | { readonly kind: "done"; readonly etag: string; readonly dateMs: number }
  | { readonly kind: "conflict" }
  | { readonly kind: "retry"; readonly afterMs?: number }
  | { readonly kind: "doubtful" };

/** `same`: the object still has the entity tag of `ifNoneMatch`. */
export type ReadOutcome =
  | { readonly kind: "found"; readonly etag: string; readonly dateMs: number; readonly body: Buffer }
  | { readonly kind: "same"; readonly dateMs: number }
  | { readonly kind: "missing"; readonly dateMs: number };

export interface ReadOptions {
  /** The largest body that is accepted. */
  readonly bytesMax: number;
  readonly ifNoneMatch?: string;
  readonly signal?: AbortSignal;
}

export interface ListedKey {
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Absent if the store lists none. It tells which of the objects that a caller remembers are current. */
  readonly etag?: string;
}

/** An object that is being written, of any size. One owner calls all methods, one after the other. */
export interface Upload {
  /**
   * Copies the bytes. Returns a promise only if the caller has to wait: for a part that is being
   * sent, or for memory.
   * @throws {CacheError} OVERLOADED if other uploads hold the memory for too long; also the errors of
   *   `finish`. The upload can then only be aborted.
   */
  append(chunks: readonly Uint8Array[]): Promise<void> | undefined;
  /**
   * @throws {CacheError} STORAGE_UNAVAILABLE, STORAGE_IO: no parts are left. The object can be there,
   *   now or later, if the store did not answer.
   */
  finish(): Promise<{ readonly etag: string; readonly sizeBytes: number }>;
  /** Ends the upload and removes its parts. May be called repeatedly. Never throws. */
  abort(): Promise<void>;
}

export interface Bucket {
  /**
   * A whole small object, in a buffer of its own. Repeated inside.
   * @throws {CacheError} STORAGE_IO if it is larger than bytesMax; CANCELLED by the signal
   */
  read(key: string, options: ReadOptions): Promise<ReadOutcome>;
  /**
   * Exactly these bytes, in a buffer of their own; undefined if there is no such object. Repeated
   * inside, from where the answer broke.
   * @throws {CacheError} OBJECT_CORRUPT if the object ends before; CANCELLED by the signal
   */
  readRange(
    key: string,
    position: number,
    lengthBytes: number,
    signal?: AbortSignal,
  ): Promise<Buffer | undefined>;
  /** One request. Empty objects are allowed. */
  write(key: string, chunks: readonly Uint8Array[], condition?: Condition): Promise<WriteOutcome>;
  /** Only for keys that no other caller writes: repeated inside, without a condition. */
  upload(key: string): Upload;
  /** One request. `done` also if there was no such object and no `ifMatch`; its etag is empty. */
  remove(key: string, ifMatch?: string): Promise<WriteOutcome>;
  /** Ignores keys without an object. Repeated inside. */
  removeMany(keys: readonly string[]): Promise<void>;
  /** Pages; no order is promised. */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<readonly ListedKey[]>;
}
