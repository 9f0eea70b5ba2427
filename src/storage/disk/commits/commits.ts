/**
 * The commit log of one engine, put together: its segments, the files that it keeps, its writing and its releasing.
 *
 * An engine that never promised anything for a power loss has none of it on disk.
 */
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

  /** What lies there is not understood, and must not be written over: puts sync their files themselves. */
  disable(): void {
    this.segments.disable();
  }

  /** These files last by themselves now, names and bytes: what the log holds of older ones in their places must not come back. */
  settleReplaced(files: readonly string[]): Promise<void> {
    return this.log.settleRemovals(files);
  }

  /** Whatever is not released then is in the log for the next start. */
  async stop(): Promise<void> {
    await this.#checkpoint.stop();
    // Removals may be waiting for it.
    await this.segments.prepared();
    await this.log.stop();
    await this.segments.stop();
  }
}
