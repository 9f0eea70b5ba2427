/**
 * The destination and source of object file bytes for the writers and readers.
 *
 * A storage engine's staged and stored files implement them; so does an array in a test.
 */

export interface ByteSink {
  /** Bytes appended so far. */
  readonly sizeBytes: number;
  /** True if files need no checksum, because their bytes never leave the process. */
  readonly skipsChecksum?: boolean;
  /**
   * Appends views, which must not change afterwards. If it returns a promise, wait before appending
   * more.
   */
  append(chunks: readonly Uint8Array[]): Promise<void> | undefined;
  /**
   * Appends zeros that `overwrite` replaces when the version is known, and again if another version
   * is assigned. Absent: any bytes may be overwritten.
   */
  reserve?(sizeBytes: number): Promise<void> | undefined;
  /** Replaces bytes that were appended before. */
  overwrite(position: number, bytes: Uint8Array): Promise<void> | undefined;
}

export interface ByteSource {
  readonly sizeBytes: number;
  /**
   * Exactly `lengthBytes` at `position`. @throws {CacheError} OBJECT_CORRUPT if there are fewer.
   */
  read(position: number, lengthBytes: number): Promise<Buffer>;
  /** Returns a buffer of `read` that nobody uses any more; its memory may be reused. */
  giveBack?(bytes: Buffer): void;
  /** How many bytes from `position` one read returns without a copy, if that is limited. */
  contiguousBytes?(position: number): number;
}

/** Reserves as many bytes as `zeros` has. */
export function reserve(sink: ByteSink, zeros: Uint8Array): Promise<void> | undefined {
  return sink.reserve === undefined ? sink.append([zeros]) : sink.reserve(zeros.length);
}
