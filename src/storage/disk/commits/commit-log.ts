/**
 * The commit log: bytes of small files that were promised to survive a power loss, synced once for all who come together.
 *
 * A file's own sync costs two trips to the disk, its directory's one more. Here its bytes are appended to a segment and synced before the file
 * gets its name; the file system writes file and name back when it likes. What it lost when the power went, the next start puts back
 * (replay-commits.ts); what lasts by itself leaves the log (commit-checkpoint.ts). Nothing else ever reads it: the directory stays the truth.
 *
 * One batch at a time: all that wait, one write, one fdatasync; who comes meanwhile is in the next. No timer, a lone caller never waits for
 * company. That a file is gone is written at once and synced with the next batch, or when somebody asks for it.
 * A batch that fails is promised to nobody, and its segment is not written to again.
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

/** A file whose bytes are in the log, on its way to its name. One of both is called, once; what comes after it does nothing. */
export interface Commit {
  /** The file has its name. */
  published(): void;
  /** It will never have it: what was logged must not come back. */
  cancel(): void;
}

/** Somebody who waits: for a record to be in the log, or, without one, for everything before to be synced. */
interface Waiting {
  readonly record: CommitRecord | undefined;
  /** `undefined`: the log takes nothing now. */
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
  /** Of the entries that are puts. */
  readonly puts: Map<Waiting, PlacedPut>;
  readonly start: number;
  readonly chunks: Uint8Array[];
}

export class CommitLog {
  readonly #disk: CommitDisk;
  readonly #segments: CommitSegments;
  readonly #live: LiveFiles;
  /** In the order in which it has to be in the log. Removals stay here while there is no room. */
  readonly #waiting: Waiting[] = [];
  /** Files that are being put through the log. */
  readonly #underWay = new Set<string>();
  /** Removals that were written and not synced, and where. */
  #unsynced: { readonly record: CommitRecord; readonly segment: CommitSegment }[] = [];
  /** What is being written, or synced. */
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
   * Resolves when the bytes are in the log and last; undefined when the log cannot take them now: the caller syncs the file itself.
   * @throws {CacheError} STORAGE_IO, STORAGE_FULL: nothing is promised, and the file must not get its name.
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
   * The file was removed, and must not come back. Resolves when that is written, not when it is synced; undefined when the log knows
   * nothing of the file.
   */
  gone(path: string): Promise<void> | undefined {
    if (!this.#live.remove(path)) return undefined;
    return this.#note({ kind: "gone", path, content: [] });
  }

  /** The put at `place` never became this file. */
  cancelled(path: string, place: { number: number; position: number }): void {
    void this.#note({ kind: "cancel", path, content: [encodePlace(place.number, place.position)] });
  }

  /** A sync of what the segment holds failed. */
  doubt(segment: CommitSegment): void {
    void this.#note({ kind: "doubt", path: "", content: [encodePlace(segment.head.number, 0)] });
  }

  /** The file was replaced by one that is not in the log. */
  replaced(path: string): void {
    this.#live.replaced(path);
  }

  /**
   * Resolves when nothing that was removed comes back, nor what these files replaced: their directories have been synced since, because
   * what replaced a file has to last at least as long as the file. One that is being put anew at the moment is passed over: it is not what
   * the caller removed, and a record behind that of the put would take the put back.
   * Needed for no file as well: what lasts by itself must not outlive the record that something before it is gone.
   * @throws {CacheError} STORAGE_IO, STORAGE_FULL
   */
  async settleRemovals(replaced: readonly string[]): Promise<void> {
    for (const file of replaced) {
      if (this.#live.isReplaced(file) && !this.#underWay.has(file)) void this.gone(file);
    }
    if (this.#hasUnsyncedRemovals) await this.#sync();
  }

  get #hasUnsyncedRemovals(): boolean {
    if (this.#unsynced.length > 0 || this.#waiting.some(isRemoval)) return true;
    return this.#batch?.entries.some(isRemoval) ?? false;
  }

  /** Waits for what is under way; afterwards the log takes nothing more. */
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

  /** Begins within the call, so that a sync is under way before its caller does anything else. */
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

  /** As many of those who wait as fit into one segment. Undefined when there is nothing to do, or no room. */
  #nextBatch(): Batch | undefined {
    const next = this.#waiting.find(({ record }) => record !== undefined)?.record;
    const segment = next && this.#roomFor(next);
    if (next !== undefined && segment === undefined) {
      this.#refuse();
      // Who waits for syncs only has nothing to do with room.
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
    return this.#isStopped ? undefined : this.#segments.room(recordBytes(record), record.kind === "put");
  }

  #fits(segment: CommitSegment, record: CommitRecord): boolean {
    return this.#segments.hasRoom(segment, recordBytes(record), record.kind === "put");
  }

  /** No room: puts go their own way, removals wait for room, and who waits for them waits too while there may be some. */
  #refuse(): void {
    const mayCome = this.#segments.mayHaveRoom && !this.#isStopped;
    const all = this.#waiting.splice(0);
    const hasRemovals = all.some(isRemoval);
    for (const entry of all) {
      if (entry.record?.kind === "put") entry.done(undefined);
      else if (entry.record !== undefined) this.#keep(entry);
      else if (mayCome || !hasRemovals) this.#waiting.push(entry);
      else entry.failed(noRoomForRemovals());
    }
  }

  /** It stays in its place; who told of it need not wait. */
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

  /** The batch's own, and those before it that hold removals which nobody synced yet. */
  async #syncSegments({ segment, puts }: Batch): Promise<void> {
    const unsynced = new Set(this.#unsynced.map((each) => each.segment));
    if (puts.size > 0) unsynced.add(segment!);
    for (const { fd } of unsynced) await this.#disk.steps.syncCommits(fd);
    this.#unsynced = [];
  }

  /** What was written may be in the log or not: puts are taken back, and removals told again, in the next segment. */
  #fail({ segment, entries, puts }: Batch, error: unknown): void {
    const facts = { errno: errnoOf(error), puts: puts.size };
    log.error("the commit log could not be written: its segment is not used any more", { ...facts, error });
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

function noRoomForRemovals(): CacheError {
  const [text, facts] = ["the commit log has no room for what was removed", { path: COMMITS_DIRECTORY }];
  log.error(text, facts);
  return new CacheError("STORAGE_IO", text, { facts });
}

function isRemoval({ record }: Waiting): boolean {
  return record !== undefined && record.kind !== "put";
}
