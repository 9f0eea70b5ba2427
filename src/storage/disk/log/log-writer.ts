/**
 * Appends records to the log: those of one turn of the event loop in one write, and one sync for
 * all callers that wait for it.
 *
 * A record that is written survives the end of the process. A record that is synced survives a power
 * loss. After a failed write or sync nothing in it is promised, and its segment is not written
 * again.
 */
import { CacheError } from "../../../errors.ts";
import { LIMITS } from "../../../limits.ts";
import { logFor } from "../../../log.ts";
import { diskFailure, errnoOf } from "../disk-failure.ts";
import type { DiskSteps } from "../disk-steps.ts";
import { LOG_DIRECTORY } from "../file-names.ts";
import { SharedSync } from "../shared-sync.ts";
import {
  encodeNumber,
  encodePlace,
  encodeRecord,
  type LogRecord,
  type Place,
  recordBytes,
} from "./log-record.ts";
import type { LogSegment } from "./log-segment.ts";
import type { LogSegments } from "./log-segments.ts";

const log = logFor("storage");

/** How exact the times of records are, ms. */
const TIME_STEP_MS = 1_000;

/** Where a record was written. */
export interface Written {
  readonly segment: LogSegment;
  readonly position: number;
}

/** A record that waits to be written. */
interface Waiting {
  readonly record: LogRecord;
  /** Called at once when the record is written; undefined: the log has no space for it. */
  readonly done: (written: Written | undefined) => void;
  readonly failed: (error: unknown) => void;
}

interface Batch {
  readonly segment: LogSegment;
  readonly start: number;
  readonly chunks: Uint8Array[];
  readonly entries: { readonly entry: Waiting; readonly position: number }[];
}

export class LogWriter {
  readonly #steps: DiskSteps;
  readonly #segments: LogSegments;
  readonly #waiting: Waiting[] = [];
  #isWriting = false;
  /** True if records, or space for them, came during a write. */
  #hasCome = false;
  #writing: Promise<void> = Promise.resolve();
  #batch: Batch | undefined;
  /** Segments with bytes that are not synced. */
  readonly #unsynced = new Set<LogSegment>();
  readonly #syncs = new SharedSync(() => this.#syncNow());
  /** The floor that callers got or wait for, what is written, and what is synced. */
  #floor = 0;
  #writtenFloor = 0;
  #syncedFloor = 0;
  #raising: Promise<void> | undefined;
  #isStopped = false;
  /** Called with a segment whose bytes may be lost: what it has must be written again. */
  onDistrust: (segment: LogSegment) => void = () => {};

  constructor(steps: DiskSteps, segments: LogSegments) {
    this.#steps = steps;
    this.#segments = segments;
    segments.onChange = () => this.#wake();
  }

  /**
   * Resolves when the record is written. `written` is called before anything else can happen.
   * @returns false if the log has no space for it.
   * @throws {CacheError} STORAGE_IO, STORAGE_FULL: it will not be replayed.
   */
  append(record: LogRecord, written: (place: Written) => void = () => {}): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const done = (place: Written | undefined): void => {
        if (place !== undefined) written(place);
        resolve(place !== undefined);
      };
      this.#waiting.push({ record, done, failed: reject });
      this.#wake();
    });
  }

  /** Appends a record that nobody waits for, if there is space. */
  note(record: LogRecord): void {
    this.append(record).catch(() => {});
  }

  /**
   * Resolves when everything that was written before this call survives a power loss, but for
   * segments whose sync failed earlier.
   * @throws {CacheError} STORAGE_IO, STORAGE_FULL
   */
  sync(): Promise<void> {
    return this.#syncs.run();
  }

  /** The records of the segment are void. Resolves when no sync is at work on it. */
  async forget(segment: LogSegment): Promise<void> {
    this.#unsynced.delete(segment);
    await this.#syncs.ended();
  }

  /** Resolves when what has space is written, or has failed. */
  written(): Promise<void> {
    return this.#writing;
  }

  /** The place behind all records that are written. */
  get end(): Place {
    if (this.#batch === undefined) return this.#segments.end;
    const { segment, start } = this.#batch;
    return { number: segment.head.number, position: start };
  }

  /** The highest version that was ever removed. */
  get floor(): number {
    return this.#floor;
  }

  /** A start found these segments: nobody knows whether they were synced. */
  adopt(segments: readonly LogSegment[]): void {
    for (const each of segments) this.#unsynced.add(each);
  }

  /** A start found this floor. @param written what the adopted segments have of it. */
  adoptFloor(version: number, written: number): void {
    this.#floor = version;
    this.#writtenFloor = written;
  }

  /**
   * Resolves when the floor is written: it is synced before any file is removed.
   * @param ahead how much higher to write it if a write is needed: later calls may then need none.
   */
  async raiseFloor(version: number, ahead: number): Promise<void> {
    const least = Math.min(version, LIMITS.versionMax);
    this.#floor = Math.max(this.#floor, least);
    while (this.#writtenFloor < least) {
      const raised = Math.min(this.#floor + ahead, LIMITS.versionMax);
      this.#raising ??= this.#writeFloor(raised).finally(() => {
        this.#raising = undefined;
      });
      await this.#raising;
    }
  }

  /** Resolves when the floor survives a power loss. */
  async syncFloor(): Promise<void> {
    const floor = this.#floor;
    await this.raiseFloor(floor, 0);
    if (this.#syncedFloor < floor) await this.sync();
  }

  /** Writes what waits and has space; the log accepts nothing afterwards. */
  async stop(): Promise<void> {
    while (this.#isWriting) await this.#writing;
    this.#isStopped = true;
    await this.#syncs.ended();
    for (const { done } of this.#waiting.splice(0)) done(undefined);
  }

  async #syncNow(): Promise<void> {
    const floor = this.#writtenFloor;
    for (const segment of [...this.#unsynced]) await this.#syncSegment(segment);
    this.#syncedFloor = Math.max(this.#syncedFloor, floor);
  }

  async #syncSegment(segment: LogSegment): Promise<void> {
    this.#unsynced.delete(segment);
    try {
      await this.#steps.syncLog(segment.fd);
      this.#segments.synced();
    } catch (error) {
      this.#segments.failed();
      log.error("the log could not be synced: its segment is closed", { errno: errnoOf(error), error });
      segment.isLost = true;
      this.#unsynced.delete(segment);
      this.#distrust(segment);
      throw diskFailure(error, LOG_DIRECTORY);
    }
  }

  /** What was written before stays to be synced. */
  #distrust(segment: LogSegment): void {
    // The floor may have been lost with it.
    this.#writtenFloor = this.#syncedFloor;
    this.#segments.distrust(segment);
    this.onDistrust(segment);
    this.raiseFloor(this.#floor, 0).catch(() => {});
  }

  async #writeFloor(version: number): Promise<void> {
    if (!(await this.append(floorRecord(version)))) throw logFull();
    this.#writtenFloor = Math.max(this.#writtenFloor, version);
  }

  #wake(): void {
    this.#hasCome = this.#isWriting;
    if (this.#isWriting || this.#waiting.length === 0) return;
    this.#isWriting = true;
    this.#writing = new Promise<void>((resolve) => setImmediate(resolve))
      .then(() => this.#writeAll())
      .finally(() => {
        this.#isWriting = false;
        if (this.#hasCome) this.#wake();
        this.#hasCome = false;
      });
  }

  async #writeAll(): Promise<void> {
    for (;;) {
      this.#batch = this.#nextBatch();
      if (this.#batch === undefined) return;
      await this.#write(this.#batch);
    }
  }

  /** As many records as fit into one segment; undefined if there are none, or no space. */
  #nextBatch(): Batch | undefined {
    const segment = this.#nextSegment();
    if (segment === undefined) return undefined;
    const batch: Batch = { segment, start: segment.position, chunks: [], entries: [] };
    this.#tellTime(batch);
    for (let entry = this.#waiting[0]; entry !== undefined; entry = this.#waiting[0]) {
      const { record } = entry;
      const sizeBytes = recordBytes(record);
      if (!this.#segments.hasSpace(segment, sizeBytes, mayUseReserve(record))) break;
      this.#waiting.shift();
      batch.entries.push({ entry, position: segment.position });
      batch.chunks.push(...encodeRecord(record, segment.head, segment.position));
      segment.position += sizeBytes;
      if (segment.position - batch.start > LIMITS.stageBufferBytes) break;
    }
    return batch;
  }

  /** A file's time of change is that of its put, also when it comes to rest after a restart. */
  #tellTime({ segment, chunks }: Batch): void {
    const nowMs = Math.round(Date.now());
    if (Math.abs(nowMs - segment.timeMs) < TIME_STEP_MS) return;
    const record: LogRecord = { kind: "time", path: "", content: [encodeNumber(nowMs)] };
    // The first record must still fit: what has no space for both has no time.
    if (!this.#segments.hasSpace(segment, recordBytes(record) + recordBytes(this.#waiting[0]!.record), false))
      return;
    segment.timeMs = nowMs;
    chunks.push(...encodeRecord(record, segment.head, segment.position));
    segment.position += recordBytes(record);
  }

  /** For the first record that waits. Refuses those for which there is no space, and none will come. */
  #nextSegment(): LogSegment | undefined {
    for (let entry = this.#waiting[0]; entry !== undefined; entry = this.#waiting[0]) {
      const { record } = entry;
      const segment = this.#isStopped
        ? undefined
        : this.#segments.segmentFor(recordBytes(record), mayUseReserve(record));
      if (segment !== undefined) return segment;
      // A put has another way; a removal waits until files have come to rest.
      if (
        !this.#isStopped &&
        (record.kind === "put" ? this.#segments.isPreparing : this.#segments.mayHaveSpace)
      )
        return;
      this.#waiting.shift();
      entry.done(undefined);
    }
    return undefined;
  }

  async #write({ segment, start, chunks, entries }: Batch): Promise<void> {
    try {
      this.#segments.use(segment);
      const writing = this.#steps.appendLog(segment.fd, chunks, start);
      if (writing !== undefined) await writing;
    } catch (error) {
      this.#fail(segment, entries, error);
      return;
    }
    this.#unsynced.add(segment);
    for (const { entry, position } of entries) entry.done({ segment, position });
  }

  /** The segment may have the records or not: the next one cancels the puts. */
  #fail(segment: LogSegment, entries: Batch["entries"], error: unknown): void {
    const facts = { errno: errnoOf(error), records: entries.length };
    log.error("the log could not be written: its segment is closed", { ...facts, error });
    this.#segments.failed();
    this.#distrust(segment);
    const failure = diskFailure(error, LOG_DIRECTORY);
    for (const { entry, position } of entries) {
      this.#cancel(entry.record, { number: segment.head.number, position });
      entry.failed(failure);
    }
  }

  /** The put, or the removal, at this place has failed. */
  #cancel({ path }: LogRecord, { number, position }: Place): void {
    if (path !== "") this.note({ kind: "cancel", path, content: [encodePlace(number, position)] });
  }
}

function mayUseReserve({ kind, mayUseReserve: may = kind !== "put" }: LogRecord): boolean {
  return may;
}

function floorRecord(version: number): LogRecord {
  return { kind: "floor", path: "", content: [encodeNumber(version)] };
}

/** Removals and the floor have no other place. It is the caller's error, and may come often. */
export function logFull(): CacheError {
  const facts = { path: LOG_DIRECTORY };
  return new CacheError("STORAGE_FULL", "the log has no space for removals", { facts });
}
