/**
 * Writes what was asked for into the storage's journal before it is answered, and keeps the journal from growing.
 *
 * The journal is made anew when it holds four times as many records as still count: at a start, and while it grows. An engine
 * without a journal forgets with its objects: there is nothing to write.
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
  /** Not tried before there are so many: one that failed may fail again, on a full disk each time. */
  #rewriteFrom = 0;

  constructor(journal: RecordJournal | undefined, live: LiveRecords) {
    this.#journal = journal;
    this.#live = live;
  }

  /** What was asked for before this start, oldest first. */
  async *read(): AsyncGenerator<RetentionRecord> {
    for await (const line of this.#journal?.read() ?? []) {
      this.#recordCount += 1;
      const record = decodeRetentionRecord(line);
      if (record === undefined) log.warn("a record of the retention journal is of no known kind", { line });
      else yield record;
    }
  }

  /** @throws {CacheError} STORAGE_FULL, STORAGE_IO: then nothing was asked for. */
  async append(record: RetentionRecord, durability: Durability): Promise<void> {
    if (this.#journal === undefined) return;
    await this.#journal.append(encodeRetentionRecord(record), durability, purposeOf(record));
    this.#recordCount += 1;
    this.compactWhenObsolete();
  }

  /** In the background; appends meanwhile wait. */
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
        log.warn("the retention journal could not be made anew", { error });
      })
      .finally(() => {
        this.#isRewriting = false;
      });
  }
}

/** What ends a pin or a rule is written on a full disk, too. */
function purposeOf(record: RetentionRecord): RecordPurpose {
  const isEnd = record.kind === "unpin" || (record.kind === "rule" && record.ttlMs === undefined);
  return isEnd ? "end" : "begin";
}

function* encodedRecords(live: LiveRecords): Generator<string> {
  for (const record of live.all()) yield encodeRetentionRecord(record);
}
