/**
 * Releases commit log segments whose files are durable without them: syncs the files, then their
 * directories, then rewrites the segment's head.
 *
 * A segment is closed when it is full or old, and released some time later, because syncing what
 * the kernel has written back by then is cheap; immediately if segments run short. It works in the
 * background, oldest segment first, one file after the other. It syncs the directories of all files
 * of the segment, including removed and replaced files: the log also keeps earlier content from
 * reappearing. If a sync fails, this segment and all later ones stay until the next boot of the
 * machine reads them.
 */
import { logFor } from "../../../log.ts";
import { isMissing } from "../disk-failure.ts";
import type { CommitDisk, CommitSettings } from "./commit-disk.ts";
import type { CommitSegment } from "./commit-segment.ts";
import type { CommitSegments } from "./commit-segments.ts";
import type { LiveFiles } from "./live-files.ts";

const log = logFor("storage");

/** How soon to check a segment again that has unfinished puts. */
const PENDING_DELAY_MS = 100;

interface CheckpointTools {
  readonly disk: CommitDisk;
  readonly settings: CommitSettings;
  readonly segments: CommitSegments;
  readonly live: LiveFiles;
  /** Called with a segment that must stay until the next boot of the machine checks the disk. */
  readonly doubt: (segment: CommitSegment) => void;
}

export class CommitCheckpoint {
  readonly #tools: CheckpointTools;
  #timer: NodeJS.Timeout | undefined;
  #run: Promise<void> | undefined;
  #isStopped = false;

  constructor(tools: CheckpointTools) {
    this.#tools = tools;
    tools.segments.onDue = () => this.wake();
  }

  /** Schedules the next release. */
  wake(): void {
    clearTimeout(this.#timer);
    if (this.#run !== undefined || this.#isStopped) return;
    const delayMs = this.#delayMs();
    if (delayMs === undefined) return;
    this.#timer = setTimeout(() => this.#begin(), Math.max(0, delayMs)).unref();
  }

  /** Stops. If few files depend on the log, it first makes all of them durable without it. */
  async stop(): Promise<void> {
    const { segments, live, settings } = this.#tools;
    clearTimeout(this.#timer);
    this.#isStopped = true;
    await this.#run;
    if (live.count > settings.syncedAtStopMax) return;
    segments.seal();
    while (this.#oldest !== undefined && (await this.#release(this.#oldest)));
  }

  #begin(): void {
    this.#run = this.#releaseDue().finally(() => {
      this.#run = undefined;
      this.#tools.segments.onChange();
      this.wake();
    });
  }

  async #releaseDue(): Promise<void> {
    const { segments } = this.#tools;
    for (let delayMs = this.#delayMs(); delayMs !== undefined && delayMs <= 0; delayMs = this.#delayMs()) {
      const oldest = this.#oldest;
      if (oldest === undefined) segments.seal();
      else if (!(await this.#release(oldest))) return;
      segments.onChange();
      if (this.#isStopped) return;
    }
  }

  /** The oldest closed segment, unless it must stay. */
  get #oldest(): CommitSegment | undefined {
    const oldest = this.#tools.segments.sealed[0];
    return oldest === undefined || oldest.isHeld ? undefined : oldest;
  }

  /** Time until the next release; undefined if none is due. */
  #delayMs(): number | undefined {
    const { segments, settings } = this.#tools;
    const { sealed, active } = segments;
    const oldest = sealed[0];
    if (oldest?.isHeld) return undefined;
    if (oldest !== undefined) {
      if (oldest.pending > 0) return PENDING_DELAY_MS;
      return segments.isShort ? 0 : oldest.sealedAtMs! + settings.syncDelayMs - Date.now();
    }
    return active?.firstAtMs === undefined
      ? undefined
      : active.firstAtMs + settings.segmentAgeMs - Date.now();
  }

  /** @returns false if the segment must stay. */
  async #release(segment: CommitSegment): Promise<boolean> {
    const { disk, segments, live } = this.#tools;
    if (segment.pending > 0) return false;
    try {
      for (const file of [...segment.files]) await this.#syncFile(file, segment);
      for (const directory of [...segment.directories]) await disk.syncs.sync(directory);
      await segments.release(segment, () => live.release(segment));
      return true;
    } catch (error) {
      segment.isHeld = true;
      this.#tools.doubt(segment);
      log.error("a file could not be synced: the commit log keeps it", { error });
      return false;
    }
  }

  /** Skips a file that was removed, replaced or logged again meanwhile. */
  async #syncFile(file: string, segment: CommitSegment): Promise<void> {
    const { disk, live } = this.#tools;
    if (!segment.files.has(file) || live.isReplaced(file)) return;
    try {
      await disk.steps.syncPublished(`${disk.root}/${file}`);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
}
