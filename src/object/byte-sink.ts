/**
 * What the writers and readers of object files need of whoever keeps the bytes.
 *
 * A storage engine's staged and stored files are of these shapes; so is an array in a test.
 */

export interface ByteSink {
  /** Bytes appended so far. */
  readonly sizeBytes: number;
  /** True where the bytes do not outlive this process: nobody will ask for their checksum. */
  readonly isVolatile?: boolean;
  /** Appends views, which are not changed afterwards. A promise means: wait before appending more. */
  append(chunks: readonly Uint8Array[]): Promise<void> | undefined;
  /** Replaces bytes appended before. */
  overwrite(position: number, bytes: Uint8Array): Promise<void> | undefined;
}

export interface ByteSource {
  readonly sizeBytes: number;
  /** Exactly `lengthBytes` at `position`. @throws {CacheError} OBJECT_CORRUPT when there are fewer. */
  read(position: number, lengthBytes: number): Promise<Buffer>;
  /** Says that nobody reads a buffer any more that `read` gave: its memory may be used again. */
  giveBack?(bytes: Buffer): void;
  /** How many bytes from `position` on one read gives without a copy, where that is bounded. */
  contiguousBytes?(position: number): number;
}
