/**
 * The limits of the event journal and of the views that an operator has on a running server: a part
 * of LIMITS (limits.ts).
 *
 * Each has its unit and the reason for its size. Times are milliseconds.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

export const JOURNAL_LIMITS = {
  /** The smallest event journal that can be configured, bytes: 16 of the smallest segments. */
  eventJournalBytesMin: 4 * MIB,
  /** Segments of a full event journal. The oldest is dropped, so a full one keeps 15 sixteenths. */
  eventSegments: 16,
  /** The smallest segment, bytes: a batch of three-byte characters fits. */
  eventSegmentBytesMin: 256 * KIB,
  /** The largest segment, bytes. A search reads one at a time into memory. */
  eventSegmentBytesMax: 4 * MIB,
  /** Event journal of storage `none`, bytes of memory: about 40,000 events. */
  eventMemoryBytesMax: 4 * MIB,
  /** Events are written when they have this many characters: 600 events. */
  eventBatchLength: 64 * KIB,
  /** Events that wait for the disk, characters. Further events are counted and dropped. */
  eventWaitingLengthMax: 1 * MIB,
  /** Events are written after this time at the latest. A crash loses the events of this time. */
  eventDelayMs: 250,
  /** After a failed write, the journal tries again after this time. */
  eventRetryMs: 10_000,
  /** Name of a caller in an event, characters. */
  eventActorLengthMax: 200,
  /** Reason in an event, characters. */
  eventReasonLengthMax: 500,
  /** Files of other programs that one run of the server records as found. */
  eventsOfFoundFilesMax: 10_000,
  /** Events that one question returns. */
  whyEventsMax: 100,
  /** Bytes of the journal that one question reads. */
  whyBytesMax: 256 * MIB,
  /** How long one question reads. */
  whyMs: 2_000,
  /** Questions that read the journal at the same time. Others wait. */
  whyConcurrency: 2,
  /** Bytes that a question searches between two checks whether other calls should run. */
  whySliceBytes: 256 * KIB,
  /** Keys whose gets are counted. The rarest one is dropped for a new one. */
  hotKeysMax: 128,
  /** Gets of one period that are all counted. */
  hotKeysExactMax: 1_024,
  /** Of further gets one in this many is counted, chosen at random. */
  hotKeySample: 16,
  /** Gets are counted for this long before a new count begins. */
  hotKeysPeriodMs: 60_000,
  /** Keys, sessions and applications in one answer to TOP. */
  topRowsMax: 100,
  /** The sums of sessions are used again for this many times as long as they took to count. */
  topReuseFactor: 20,
  /** Log lines that wait for one watcher. Further lines are counted and dropped. */
  watchedLinesMax: 1_000,
  /** Characters of the log lines that wait for one watcher. */
  watchedLengthMax: 256 * KIB,
  /** Watchers of the log at the same time. */
  logWatchersMax: 16,
} as const;
