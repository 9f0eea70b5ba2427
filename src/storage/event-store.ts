/**
 * The contract of a store for event lines: bounded, append-only, read from the newest to the oldest.
 *
 * The store knows lines and bytes, not events. It drops its oldest lines to stay within its bound.
 * The lines are evidence and not the truth: a crash may lose the latest ones.
 */
export interface EventStore {
  /** Prepares the store and removes an incomplete last line. Never rejects. */
  open(): Promise<void>;
  /**
   * Appends whole lines, each with its line feed, of at most LIMITS.eventSegmentBytesMin bytes. One
   * call at a time.
   * @throws {CacheError} STORAGE_FULL, STORAGE_IO: then nothing was appended.
   */
  append(lines: Buffer): Promise<void>;
  /**
   * Parts of the store from the newest to the oldest. Each part is a sequence of whole lines, the
   * oldest first. Parts that are dropped or damaged meanwhile are left out.
   */
  parts(): AsyncIterable<Buffer>;
  /** Closes files. Lines that are appended later open them again. */
  close(): Promise<void>;
}

export interface EventStoreOptions {
  readonly bytesMax: number;
  /** The first line of each segment, with its line feed. */
  readonly head: () => string;
}
