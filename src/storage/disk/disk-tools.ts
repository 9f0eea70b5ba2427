/**
 * What the parts of one disk engine share: where it lies, its steps, their pace, the gate for directories, the commit log, and who is
 * told of changes.
 */
import type { BlockPool } from "../block-pool.ts";
import type { StagedMemory } from "../staged-memory.ts";
import type { Commits } from "./commits/commits.ts";
import type { DirectoryGate } from "./directory-gate.ts";
import type { DirectorySyncs } from "./directory-syncs.ts";
import type { DiskPace } from "./disk-pace.ts";
import type { DiskSteps } from "./disk-steps.ts";
import type { RealDirectories } from "./real-directories.ts";
import type { SessionRecorder } from "./session-recorder.ts";

export interface DiskTools {
  /** The storage directory, absolute. */
  readonly root: string;
  readonly steps: DiskSteps;
  readonly pace: DiskPace;
  readonly gate: DirectoryGate;
  readonly directories: RealDirectories;
  readonly syncs: DirectorySyncs;
  readonly commits: Commits;
  /** Told of every name that comes into a session's directory, or leaves it. */
  readonly recorder: SessionRecorder;
  /** Memory for files on their way to the disk. */
  readonly blocks: BlockPool;
  /** What of it, and of views, files hold that are being staged. */
  readonly stagedMemory: StagedMemory;
  /** Memory for what is read of files. */
  readonly readBlocks: BlockPool;
}
