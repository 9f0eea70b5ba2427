/**
 * Lets go of the commit log what lasts without it: files are synced, then their directories, then the segment's head is written anew.
 *
 * A segment is closed when it is full or old, and released some time after, because what the kernel has written back by then is synced
 * for little; at once where segments run short. Oldest first, one file after the other, in the background.
 * The directories of all files that were put in it are synced, also of those that are gone or were replaced since: the log did not only keep
 * the bytes, it also kept what was there before from coming back.
 * What cannot be synced keeps its segment, and every later one, until a next start of the machine reads it.
 */
import { logFor } from "../../../log.ts";
import { isMissing } from "../disk-failure.ts";
import type { CommitDisk, CommitSettings } from "./commit-disk.ts";
import type { CommitSegment } from "./commit-segment.ts";
import type { CommitSegments } from "./commit-segments.ts";
import type { LiveFiles } from "./live-files.ts";

const log = logFor("storage");

/** How soon a segment is looked at again whose puts are still on their way. */
const PENDING_DELAY_MS = 100;

interface CheckpointTools {
  readonly disk: CommitDisk;
  readonly settings: CommitSettings;
  readonly segments: CommitSegments;
  readonly live: LiveFiles;
  /** Told of a segment that has to stay until another run of the machine looks at the disk. */
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

  /** Looks for what is due, now or when it will be. */
  wake(): void {
    clearTimeout(this.#timer);
    if (this.#run !== undefined || this.#isStopped) return;
    const delayMs = this.#delayMs();
    if (delayMs === undefined) return;
    this.#timer = setTimeout(() => this.#begin(), Math.max(0, delayMs)).unref();
  }

  /** Ends its work; where there is little to do, or it is told to, everything is made to last first. */
  async stop(): Promise<void> {
    const { segments, live, settings } = this.#tools;
    clearTimeout(this.#timer);
    this.#isStopped = true;
    await this.#run;
    if (live.count > settings.settledAtStopMax) return;
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

  /** The oldest segment that is closed, unless it has to stay. */
  get #oldest(): CommitSegment | undefined {
    const oldest = this.#tools.segments.sealed[0];
    return oldest === undefined || oldest.isHeld ? undefined : oldest;
  }

  /** Until something is due; undefined when nothing ever is, as things are. */
  #delayMs(): number | undefined {
    const { segments, settings } = this.#tools;
    const { sealed, active } = segments;
    const oldest = sealed[0];
    if (oldest?.isHeld) return undefined;
    if (oldest !== undefined) {
      if (oldest.pending > 0) return PENDING_DELAY_MS;
      return segments.isShort ? 0 : oldest.sealedAtMs! + settings.settleDelayMs - Date.now();
    }
    return active?.firstAtMs === undefined
      ? undefined
      : active.firstAtMs + settings.segmentAgeMs - Date.now();
  }

  /** False when it has to stay. */
  async #release(segment: CommitSegment): Promise<boolean> {
    const { disk, segments, live } = this.#tools;
    if (segment.pending > 0) return false;
    try {
      for (const file of [...segment.files]) await this.#settle(file, segment);
      for (const directory of [...segment.directories]) await disk.syncs.settle(directory);
      await segments.release(segment, () => live.release(segment));
      return true;
    } catch (error) {
      segment.isHeld = true;
      this.#tools.doubt(segment);
      log.error("a file does not last by itself: the commit log keeps it", { error });
      return false;
    }
  }

  /** A file that was removed, replaced or logged anew meanwhile is somebody else's affair. */
  async #settle(file: string, segment: CommitSegment): Promise<void> {
    const { disk, live } = this.#tools;
    if (!segment.files.has(file) || live.isReplaced(file)) return;
    try {
      await disk.steps.syncPublished(`${disk.root}/${file}`);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
}
