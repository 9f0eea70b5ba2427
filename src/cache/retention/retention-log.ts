/**
 * Journals pins and times to live before they are acknowledged, and keeps the journal small.
 *
 * The journal is rewritten when it holds four times as many records as are live: at start, and
 * while it grows. An engine without a journal forgets its objects too, so nothing is written.
 */
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { Durability, RecordJournal, RecordPurpose } from "../../storage/object-storage.ts";
import { decodeRetentionRecord, encodeRetentionRecord, type RetentionRecord } from "./retention-record.ts";

const log = logFor("cache");

const RECORDS_PER_LIVE_ONE = 4;

export interface LiveRecords {
  readonly count: number;
  /** Read after `count`, while nothing is appended. */
  all(): Iterable<RetentionRecord>;
}

export class RetentionLog {
  readonly #journal: RecordJournal | undefined;
  readonly #live: LiveRecords;
  #recordCount = 0;
  #isRewriting = false;
  /** No attempt below this count: after a failure on a full disk the next may fail too. */
  #rewriteFrom = 0;

  constructor(journal: RecordJournal | undefined, live: LiveRecords) {
    this.#journal = journal;
    this.#live = live;
  }

  /** The records of earlier processes, oldest first. */
  async *read(): AsyncGenerator<RetentionRecord> {
    for await (const line of this.#journal?.read() ?? []) {
      this.#recordCount += 1;
      const record = decodeRetentionRecord(line);
      if (record === undefined) log.warn("unknown record in the retention journal", { line });
      else yield record;
    }
  }

  /** @throws {CacheError} STORAGE_FULL, STORAGE_IO: then the change does not apply. */
  async append(record: RetentionRecord, durability: Durability): Promise<void> {
    if (this.#journal === undefined) return;
    await this.#journal.append(encodeRetentionRecord(record), durability, purposeOf(record));
    this.#recordCount += 1;
    this.compactWhenObsolete();
  }

  /** Runs in the background; appends wait meanwhile. */
  compactWhenObsolete(): void {
    const liveCount = this.#live.count;
    if (this.#journal === undefined || this.#isRewriting) return;
    if (this.#recordCount < LIMITS.journalRecordsMin + RECORDS_PER_LIVE_ONE * liveCount) return;
    if (this.#recordCount < this.#rewriteFrom) return;
    this.#isRewriting = true;
    this.#journal
      .rewrite(encodedRecords(this.#live))
      .then(() => {
        this.#recordCount = liveCount;
        this.#rewriteFrom = 0;
      })
      .catch((error: unknown) => {
        this.#rewriteFrom = this.#recordCount + LIMITS.journalRecordsMin;
        log.warn("the retention journal could not be rewritten", { error });
      })
      .finally(() => {
        this.#isRewriting = false;
      });
  }
}

/** A record that ends a pin or a rule can be written even on a full disk. */
function purposeOf(record: RetentionRecord): RecordPurpose {
  const isEnd = record.kind === "unpin" || (record.kind === "rule" && record.ttlMs === undefined);
  return isEnd ? "end" : "begin";
}

function* encodedRecords(live: LiveRecords): Generator<string> {
  for (const record of live.all()) yield encodeRetentionRecord(record);
}
