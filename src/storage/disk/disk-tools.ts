/**
 * What the parts of one disk engine share: paths, steps, pace, gate, log, recorder, memory,
 * and read cache.
 *
 * A plain record; disk-storage.ts fills it.
 */
import type { BlockPool } from "../block-pool.ts";
import type { StagedMemory } from "../staged-memory.ts";
import type { MemoryTier } from "../tier/memory-tier.ts";
import type { DirectoryGate } from "./directory-gate.ts";
import type { DirectorySyncs } from "./directory-syncs.ts";
import type { DiskPace } from "./disk-pace.ts";
import type { DiskSteps } from "./disk-steps.ts";
import type { DiskLog } from "./log/disk-log.ts";
import type { RealDirectories } from "./real-directories.ts";
import type { RecordPasses } from "./record-passes.ts";

/** The parts that work on the directory. */
export interface DirectoryTools {
  /** The storage directory, absolute. */
  readonly root: string;
  readonly steps: DiskSteps;
  readonly pace: DiskPace;
  readonly gate: DirectoryGate;
  readonly directories: RealDirectories;
  readonly syncs: DirectorySyncs;
  /** Notified of every name that is added to a session's directory or removed from it. */
  readonly recorder: RecordPasses;
  /** Blocks for files on their way to the disk. */
  readonly blocks: BlockPool;
  /** Account of these blocks, and of views, that staged files hold. */
  readonly stagedMemory: StagedMemory;
  /** Blocks for reads of files. */
  readonly readBlocks: BlockPool;
  /** A read cache, told of every change. */
  readonly tier: MemoryTier | undefined;
}

export interface DiskTools extends DirectoryTools {
  /** What is recent: asked before the directory. */
  readonly log: DiskLog;
}
