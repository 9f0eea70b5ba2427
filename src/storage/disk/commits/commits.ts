/**
 * The commit log of one engine: segments, live files, log, and checkpoint.
 *
 * An engine that was never asked for durability power-loss has no log on disk.
 */
import type { CommitLogCounts } from "../../storage-counts.ts";
import type { DirectorySyncs } from "../directory-syncs.ts";
import type { DiskSteps } from "../disk-steps.ts";
import { CommitCheckpoint } from "./commit-checkpoint.ts";
import { type CommitSettings, commitSettings } from "./commit-disk.ts";
import { CommitLog } from "./commit-log.ts";
import type { CommitSegment } from "./commit-segment.ts";
import { CommitSegments } from "./commit-segments.ts";
import { LiveFiles } from "./live-files.ts";

export class Commits {
  readonly settings: CommitSettings;
  readonly live = new LiveFiles();
  readonly segments: CommitSegments;
  readonly log: CommitLog;
  readonly #checkpoint: CommitCheckpoint;

  constructor(
    disk: { readonly root: string; readonly steps: DiskSteps; readonly syncs: DirectorySyncs },
    changed: Partial<CommitSettings> = {},
  ) {
    this.settings = commitSettings(changed);
    this.segments = new CommitSegments(disk, this.settings);
    this.log = new CommitLog(disk, this.segments, this.live);
    const { settings, segments, live } = this;
    const doubt = (segment: CommitSegment): void => this.log.doubt(segment);
    this.#checkpoint = new CommitCheckpoint({ disk, settings, segments, live, doubt });
  }

  get counts(): CommitLogCounts {
    const { active, sealed, released } = this.segments;
    const segments = active === undefined ? sealed : [...sealed, active];
    return {
      bytes: segments.reduce((sum, { position }) => sum + position, 0),
      files: this.live.count,
      checkpoints: released,
      heldSegments: sealed.filter(({ isHeld }) => isHeld).length,
    };
  }

  /**
   * The content of `.commits` is unreadable and must not be overwritten: puts sync their own files.
   */
  disable(): void {
    this.segments.disable();
  }

  /**
   * These files are durable now, names and bytes: logged older content must not be replayed over
   * them.
   */
  syncReplaced(files: readonly string[]): Promise<void> {
    return this.log.syncRemovals(files);
  }

  /** Segments that are not released stay for the next start. */
  async stop(): Promise<void> {
    await this.#checkpoint.stop();
    // Removals may wait for it.
    await this.segments.prepared();
    await this.log.stop();
    await this.segments.stop();
  }
}
