/**
 * The log of one engine: what is recent. Files hold what has come to rest.
 *
 * A put of a small file is one record: it is published when the record is written, and survives a
 * power loss when the log was synced. Its file is written later (rest.ts). A removal is a record,
 * too. Until a file has come to rest, the log decides what its name holds; the next start reads
 * that again (replay.ts).
 */
import { CacheError } from "../../../errors.ts";
import { LIMITS } from "../../../limits.ts";
import type { LogCounts } from "../../storage-counts.ts";
import { type FreeSpace, freeSpaceNow } from "../disk-space.ts";
import type { DiskSteps } from "../disk-steps.ts";
import { LOG_DIRECTORY } from "../file-names.ts";
import { readFullySync } from "../read-fully.ts";
import {
  contentStartOf,
  decodeRemoval,
  encodeRemoval,
  encodeReplacement,
  type LogRecord,
  type Replacement,
} from "./log-record.ts";
import type { LogSegment, Recent } from "./log-segment.ts";
import { LogSegments } from "./log-segments.ts";
import { type LogSettings, logSettings } from "./log-settings.ts";
import { LogWriter, logFull, type Written } from "./log-writer.ts";
import { Notes } from "./notes.ts";
import { RecentFiles } from "./recent-files.ts";

/** How long the measured space of the disk is believed, ms, if there are AMPLE_BYTES. */
const SPACE_TRUST_MS = 100;
const AMPLE_BYTES = 256 * 1024 * 1024;
/** A file may need a directory for its session, and one for its application. */
const INODES_PER_FILE = 3;

/** What brings files to rest (rest.ts). */
export interface Resting {
  /** The engine starts, perhaps again. */
  begin(): void;
  /** Something changed: schedules the next work. */
  wake(): void;
  /**
   * Resolves when the directory has the file, or lacks it if it was removed.
   * @throws {CacheError} STORAGE_IO, STORAGE_FULL
   */
  now(path: string): Promise<void>;
  /** Brings everything to rest that can. */
  settle(): Promise<void>;
  /** Repeats work that found no space, once, when removed files were unlinked. */
  withSpace<Result>(work: () => Promise<Result>): Promise<Result>;
}

export class DiskLog {
  readonly settings: LogSettings;
  recents = new RecentFiles();
  segments: LogSegments;
  writer: LogWriter;
  readonly notes: Notes;
  readonly #root: string;
  readonly #steps: DiskSteps;
  #resting: Resting | undefined;
  #free: FreeSpace = { bytes: 0, files: 0 };
  #measuredAtMs = Number.NEGATIVE_INFINITY;

  constructor(root: string, steps: DiskSteps, changed: Partial<LogSettings> = {}) {
    this.#root = root;
    this.#steps = steps;
    this.settings = logSettings(changed);
    [this.segments, this.writer] = this.#empty();
    this.notes = new Notes(this, root, steps);
  }

  /** Knows nothing, as before the first start. Called at a start: an engine may start again. */
  begin(): void {
    this.recents = new RecentFiles();
    [this.segments, this.writer] = this.#empty();
    this.rest.begin();
  }

  /** What brings files to rest is made when the engine is complete. */
  connect(resting: Resting): void {
    this.#resting = resting;
  }

  get rest(): Resting {
    return this.#resting!;
  }

  get counts(): LogCounts {
    const { used, sealed, released } = this.segments;
    return {
      bytes: used.reduce((sum, { position }) => sum + position, 0),
      files: this.recents.pendingPuts,
      checkpoints: released,
      heldSegments: sealed.filter(({ isHeld }) => isHeld).length,
    };
  }

  /**
   * Publishes a small file. @param isPromised true: resolves when it survives a power loss.
   * @returns false if the log has no space for it, or the disk for its file.
   * @throws {CacheError} STORAGE_IO, STORAGE_FULL. If the sync failed, the file is published.
   */
  async put(
    path: string,
    content: readonly Uint8Array[],
    { sizeBytes, isPromised, published }: LoggedPut,
  ): Promise<boolean> {
    if (!this.#hasRoom(sizeBytes)) return false;
    const record: LogRecord = { kind: "put", path, content };
    let segment: LogSegment | undefined;
    await this.writer.append(record, (written) => {
      segment = written.segment;
      if (isPromised) segment.isPromised = true;
      published(this.#add(record, written, sizeBytes));
    });
    if (segment === undefined) return false;
    this.rest.wake();
    if (isPromised) await this.#sync(segment);
    return true;
  }

  async #sync(segment: LogSegment): Promise<void> {
    await this.writer.sync();
    if (!segment.isLost) return;
    const facts = { path: LOG_DIRECTORY };
    throw new CacheError("STORAGE_IO", "the log could not be synced", { facts });
  }

  /**
   * Brings files to rest before another file takes their space.
   * @throws {CacheError} STORAGE_FULL: there is not enough for them.
   */
  async makeSpace(): Promise<void> {
    if (this.recents.pendingPuts === 0 || this.#hasRoom(0)) return;
    await this.rest.settle();
    if (this.recents.pendingPuts > 0 && !this.#hasRoom(0))
      throw new CacheError("STORAGE_FULL", undefined, { facts: { path: LOG_DIRECTORY } });
  }

  /**
   * Resolves when the removal of the file is recorded.
   * @param version no later file of this name has it or a lower one.
   * @returns false if the log has no space for it.
   */
  async gone(path: string, version: number): Promise<boolean> {
    const content = encodeRemoval({ version, floor: this.writer.floor });
    const record: LogRecord = { kind: "gone", path, content: [content] };
    const isWritten = await this.writer.append(record, (place) => {
      this.#add(record, place, content.length);
    });
    this.rest.wake();
    return isWritten;
  }

  /**
   * The file was written by itself: the directory decides about it. For `void`, the file has been
   * synced, and the record is when this resolves.
   * @throws {CacheError} STORAGE_FULL: for the next start the log decides.
   */
  async replaced(path: string, replacement: Replacement): Promise<void> {
    if (this.recents.get(path) === undefined) return;
    const record: LogRecord = { kind: "replaced", path, content: [encodeReplacement(replacement)] };
    if (!(await this.writer.append(record, (written) => void this.#add(record, written, 0)))) throw logFull();
    if (replacement === "void") await this.writer.sync();
  }

  /**
   * The directory alone has the file when this resolves, also after a power loss: an earlier content
   * does not come back when the file leaves the directory.
   */
  async leaveToDirectory(path: string): Promise<void> {
    if (this.recents.pending(path) !== undefined) await this.rest.now(path);
    if (this.recents.get(path) !== undefined) await this.replaced(path, "void");
    else await this.writer.sync();
  }

  /** The content of a put that has not come to rest. */
  read({ segment, contentStart, contentBytes }: Recent): Buffer {
    const bytes = Buffer.allocUnsafe(contentBytes);
    return bytes.subarray(0, readFullySync(segment.fd, bytes, contentStart));
  }

  /**
   * What was written so far survives a power loss when this resolves: removals, and puts whose
   * segment is trusted.
   */
  async promise(): Promise<void> {
    for (const segment of this.segments.used) segment.isPromised = true;
    for (const recent of [...this.recents.gone]) {
      const { segment, path } = recent;
      if (!segment.isDistrusted || this.recents.pending(path) !== recent) continue;
      if (!(await this.gone(path, this.#versionOf(recent)))) throw logFull();
    }
    await this.writer.sync();
  }

  /** What has not come to rest stays for the next start. */
  async stop(): Promise<void> {
    await this.segments.prepared();
    await this.writer.stop();
    await this.segments.stop();
  }

  #empty(): [LogSegments, LogWriter] {
    const [root, steps] = [this.#root, this.#steps];
    const segments = new LogSegments({ root, steps, freeSpace: () => freeSpaceNow(root) }, this.settings);
    const writer = new LogWriter(steps, segments);
    segments.floor = () => writer.floor;
    segments.onDue = () => this.#resting?.wake();
    writer.onDistrust = (segment) => this.#repeatRemovals(segment);
    return [segments, writer];
  }

  #add(record: LogRecord, { segment, position }: Written, contentBytes: number): Recent {
    const recent: Recent = {
      path: record.path,
      kind: record.kind === "gone" ? "gone" : "put",
      segment,
      position,
      contentStart: contentStartOf(record, position),
      contentBytes,
      atMs: Date.now(),
      isRested: record.kind === "replaced",
    };
    this.recents.add(recent);
    return recent;
  }

  /** The segment's bytes may be lost with the machine: puts come to rest soon, removals do again. */
  #repeatRemovals(segment: LogSegment): void {
    for (const recent of [...segment.pending]) {
      const { kind, path } = recent;
      if (kind === "gone") void this.gone(path, this.#versionOf(recent)).catch(() => {});
    }
    this.rest.wake();
  }

  /** The version of a removal. */
  #versionOf(recent: Recent): number {
    try {
      return decodeRemoval(this.read(recent)).version;
    } catch {
      return 0;
    }
  }

  /** False if a file could find no space when it comes to rest. */
  #hasRoom(sizeBytes: number): boolean {
    const nowMs = performance.now();
    if (this.#free.bytes < AMPLE_BYTES || nowMs - this.#measuredAtMs > SPACE_TRUST_MS) {
      this.#free = freeSpaceNow(this.#root);
      this.#measuredAtMs = nowMs;
    }
    const { pendingBytes, pendingPuts } = this.recents;
    if ((pendingPuts + 1) * INODES_PER_FILE > this.#free.files) return false;
    return pendingBytes + sizeBytes + LIMITS.logSpareBytes <= this.#free.bytes;
  }
}

/** A put of a small file. */
export interface LoggedPut {
  readonly sizeBytes: number;
  readonly isPromised: boolean;
  /** Called when the name holds the file. */
  readonly published: (recent: Recent) => void;
}
