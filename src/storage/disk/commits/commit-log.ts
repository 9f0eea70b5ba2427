/**
 * The commit log: makes small files durable with one sync for all concurrent puts.
 *
 * A file's own sync costs two trips to the disk, its directory's one more. Instead, its bytes are
 * appended to a segment and synced before the file gets its name; the file system writes file and
 * name back later. The next start replays what a power loss took (replay-commits.ts), and
 * commit-checkpoint.ts releases durable files. The directory stays the truth.
 * A batch contains all waiting callers: one write, one fdatasync. There is no timer, so a lone
 * caller never waits for others. A removal is written at once and synced with the next batch or on
 * request. After a failed batch nothing in it is durable, and its segment is not written again.
 */
import { CacheError } from "../../../errors.ts";
import { logFor } from "../../../log.ts";
import { diskFailure, errnoOf } from "../disk-failure.ts";
import { COMMITS_DIRECTORY } from "../file-names.ts";
import type { CommitDisk } from "./commit-disk.ts";
import { type CommitRecord, encodePlace, encodeRecord, recordBytes } from "./commit-record.ts";
import type { CommitSegment } from "./commit-segment.ts";
import type { CommitSegments } from "./commit-segments.ts";
import type { LiveFiles } from "./live-files.ts";

const log = logFor("storage");

/**
 * A file whose bytes are in the log but that has no name yet. Call one of the methods, once; later
 * calls do nothing.
 */
export interface Commit {
  /** The file has its name. */
  published(): void;
  /** The file will never get its name: the logged put must not be replayed. */
  cancel(): void;
}

/** A caller that waits for its record, or, without a record, for the sync of everything before. */
interface Waiting {
  readonly record: CommitRecord | undefined;
  /** `undefined`: the log accepts nothing now. */
  readonly done: (written: PlacedPut | undefined) => void;
  readonly failed: (error: unknown) => void;
}

interface PlacedPut {
  readonly segment: CommitSegment;
  readonly position: number;
}

interface Batch {
  readonly segment: CommitSegment | undefined;
  readonly entries: Waiting[];
  /** The puts among the entries. */
  readonly puts: Map<Waiting, PlacedPut>;
  readonly start: number;
  readonly chunks: Uint8Array[];
}

export class CommitLog {
  readonly #disk: CommitDisk;
  readonly #segments: CommitSegments;
  readonly #live: LiveFiles;
  /** In log order. Removals stay here while the log has no space. */
  readonly #waiting: Waiting[] = [];
  /** Files whose put is in progress. */
  readonly #underWay = new Set<string>();
  /** Removals that are written but not synced, and their segments. */
  #unsynced: { readonly record: CommitRecord; readonly segment: CommitSegment }[] = [];
  /** The batch that is being written or synced. */
  #batch: Batch | undefined;
  #isRunning = false;
  #run: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(disk: CommitDisk, segments: CommitSegments, live: LiveFiles) {
    this.#disk = disk;
    this.#segments = segments;
    this.#live = live;
    segments.onChange = () => this.#work();
  }

  /**
   * Resolves when the bytes are durable in the log; undefined if the log has no space: then the
   * caller syncs the file itself.
   * @throws {CacheError} STORAGE_IO, STORAGE_FULL: nothing is durable, and the file must not get
   *   its name.
   */
  append(path: string, content: readonly Uint8Array[]): Promise<Commit | undefined> {
    const record: CommitRecord = { kind: "put", path, content };
    this.#underWay.add(path);
    return new Promise((resolve, reject) => {
      const done = (put: PlacedPut | undefined): void => {
        if (put === undefined) this.#underWay.delete(path);
        resolve(put && this.#commitOf(path, put));
      };
      const failed = (error: unknown): void => {
        this.#underWay.delete(path);
        reject(error as Error);
      };
      this.#push({ record, done, failed });
    });
  }

  /**
   * Records that the file was removed. Resolves when the record is written, not when it is synced;
   * undefined if the log does not contain the file.
   */
  gone(path: string): Promise<void> | undefined {
    if (!this.#live.remove(path)) return undefined;
    return this.#note({ kind: "gone", path, content: [] });
  }

  /** Records that the put at `place` never became this file. */
  cancelled(path: string, place: { number: number; position: number }): void {
    void this.#note({ kind: "cancel", path, content: [encodePlace(place.number, place.position)] });
  }

  /** Records that a sync of the segment's files failed. */
  doubt(segment: CommitSegment): void {
    void this.#note({ kind: "doubt", path: "", content: [encodePlace(segment.head.number, 0)] });
  }

  /** The file was replaced by one that is not in the log. */
  replaced(path: string): void {
    this.#live.replaced(path);
  }

  /**
   * Resolves when removed files, and those that these files replaced, cannot reappear. The caller
   * has synced the directories, because a replacement must be as durable as the replaced file. A
   * file with a put in progress is skipped: a record behind the put would cancel it. Also called
   * without files: a durable file must not outlive the removal record of an earlier one.
   * @throws {CacheError} STORAGE_IO, STORAGE_FULL
   */
  async syncRemovals(replaced: readonly string[]): Promise<void> {
    for (const file of replaced) {
      if (this.#live.isReplaced(file) && !this.#underWay.has(file)) void this.gone(file);
    }
    if (this.#hasUnsyncedRemovals) await this.#sync();
  }

  get #hasUnsyncedRemovals(): boolean {
    if (this.#unsynced.length > 0 || this.#waiting.some(isRemoval)) return true;
    return this.#batch?.entries.some(isRemoval) ?? false;
  }

  /** Waits for the pending batch; the log accepts nothing afterwards. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#run;
  }

  #commitOf(path: string, { segment, position }: PlacedPut): Commit {
    const { number } = segment.head;
    let isOpen = true;
    const close = (): boolean => {
      if (!isOpen) return false;
      isOpen = false;
      segment.pending -= 1;
      this.#underWay.delete(path);
      return true;
    };
    return {
      published: () => {
        if (close()) this.#live.put(path, segment);
      },
      cancel: () => {
        if (close()) this.cancelled(path, { number, position });
      },
    };
  }

  #note(record: CommitRecord): Promise<void> {
    return new Promise((resolve) => {
      this.#push({ record, done: () => resolve(), failed: () => resolve() });
    });
  }

  #sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#push({ record: undefined, done: () => resolve(), failed: reject });
    });
  }

  #push(entry: Waiting): void {
    this.#waiting.push(entry);
    this.#work();
  }

  #work(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#run = this.#runBatches();
  }

  /** Starts synchronously, so that a sync is pending before its caller continues. */
  async #runBatches(): Promise<void> {
    try {
      for (let batch = this.#nextBatch(); batch !== undefined; batch = this.#nextBatch()) {
        this.#batch = batch;
        await this.#writeBatch(batch);
      }
    } finally {
      this.#batch = undefined;
      this.#isRunning = false;
    }
  }

  /**
   * Takes as many waiting entries as fit into one segment. Undefined if there are none, or no
   * space.
   */
  #nextBatch(): Batch | undefined {
    const next = this.#waiting.find(({ record }) => record !== undefined)?.record;
    const segment = next && this.#roomFor(next);
    if (next !== undefined && segment === undefined) {
      this.#refuse();
      // Entries that only wait for a sync need no space.
      return this.#waiting.some(isRemoval) ? undefined : this.#nextBatch();
    }
    if (this.#waiting.length === 0) return undefined;
    const batch: Batch = {
      segment,
      entries: [],
      puts: new Map(),
      start: segment?.position ?? 0,
      chunks: [],
    };
    for (let entry = this.#waiting[0]; entry !== undefined; entry = this.#waiting[0]) {
      if (entry.record !== undefined && !this.#fits(segment!, entry.record)) break;
      this.#waiting.shift();
      batch.entries.push(entry);
      if (entry.record !== undefined) place(batch, entry, entry.record);
    }
    return batch;
  }

  #roomFor(record: CommitRecord): CommitSegment | undefined {
    return this.#isStopped
      ? undefined
      : this.#segments.segmentFor(recordBytes(record), record.kind === "put");
  }

  #fits(segment: CommitSegment, record: CommitRecord): boolean {
    return this.#segments.hasSpace(segment, recordBytes(record), record.kind === "put");
  }

  /**
   * No space: puts sync themselves, removals wait for space, and their callers wait while space may
   * come.
   */
  #refuse(): void {
    const mayCome = this.#segments.mayHaveSpace && !this.#isStopped;
    const all = this.#waiting.splice(0);
    const hasRemovals = all.some(isRemoval);
    for (const entry of all) {
      if (entry.record?.kind === "put") entry.done(undefined);
      else if (entry.record !== undefined) this.#keep(entry);
      else if (mayCome || !hasRemovals) this.#waiting.push(entry);
      else entry.failed(noSpaceForRemovals());
    }
  }

  /** Keeps the record in the queue; its caller need not wait. */
  #keep(entry: Waiting): void {
    entry.done(undefined);
    this.#waiting.push({ record: entry.record, done: () => {}, failed: () => {} });
  }

  async #writeBatch(batch: Batch): Promise<void> {
    const { segment, entries, puts, chunks } = batch;
    const needsSync = entries.some(({ record }) => record === undefined || record.kind === "put");
    if (segment !== undefined) segment.pending += 1;
    try {
      if (segment !== undefined) {
        this.#segments.use(segment);
        const writing = this.#disk.steps.appendCommits(segment.fd, chunks, batch.start);
        if (writing !== undefined) await writing;
        for (const { record } of entries.filter(isRemoval)) this.#unsynced.push({ record: record!, segment });
      }
      if (needsSync) await this.#syncSegments(batch);
    } catch (error) {
      this.#fail(batch, error);
      return;
    } finally {
      if (segment !== undefined) segment.pending -= 1;
    }
    for (const entry of entries) entry.done(puts.get(entry));
  }

  /** Syncs the batch's segment and earlier segments with unsynced removals. */
  async #syncSegments({ segment, puts }: Batch): Promise<void> {
    const unsynced = new Set(this.#unsynced.map((each) => each.segment));
    if (puts.size > 0) unsynced.add(segment!);
    for (const { fd } of unsynced) await this.#disk.steps.syncCommits(fd);
    this.#unsynced = [];
  }

  /**
   * The log may contain the batch or not: cancels its puts and repeats its removals in the next
   * segment.
   */
  #fail({ segment, entries, puts }: Batch, error: unknown): void {
    const facts = { errno: errnoOf(error), puts: puts.size };
    log.error("the commit log could not be written: its segment is closed", { ...facts, error });
    const again: CommitRecord[] = this.#unsynced.map(({ record }) => record);
    for (const each of new Set([segment, ...this.#unsynced.map((one) => one.segment)])) {
      if (each !== undefined) this.#segments.distrust(each);
    }
    for (const { record } of entries) if (record !== undefined && record.kind !== "put") again.push(record);
    for (const [
      { record },
      {
        segment: { head },
        position,
      },
    ] of puts) {
      again.push({ kind: "cancel", path: record!.path, content: [encodePlace(head.number, position)] });
    }
    this.#unsynced = [];
    this.#waiting.unshift(
      ...[...new Set(again)].map((record) => ({ record, done: () => {}, failed: () => {} })),
    );
    const failure = diskFailure(error, COMMITS_DIRECTORY);
    for (const entry of entries) {
      const put = puts.get(entry);
      if (put !== undefined) put.segment.pending -= 1;
      if (isRemoval(entry)) entry.done(undefined);
      else entry.failed(failure);
    }
  }
}

function place(batch: Batch, entry: Waiting, record: CommitRecord): void {
  const segment = batch.segment!;
  const { position } = segment;
  batch.chunks.push(...encodeRecord(record, segment.head, position));
  segment.position += recordBytes(record);
  if (record.kind !== "put") return;
  segment.pending += 1;
  batch.puts.set(entry, { segment, position });
}

function noSpaceForRemovals(): CacheError {
  const [text, facts] = ["the commit log has no space for removals", { path: COMMITS_DIRECTORY }];
  log.error(text, facts);
  return new CacheError("STORAGE_IO", text, { facts });
}

function isRemoval({ record }: Waiting): boolean {
  return record !== undefined && record.kind !== "put";
}
