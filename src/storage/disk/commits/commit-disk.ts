/**
 * What the commit log needs from the engine, and settings that tests change.
 *
 * Types and defaults only.
 */
import { LIMITS } from "../../../limits.ts";
import type { DirectorySyncs } from "../directory-syncs.ts";
import type { DiskSteps } from "../disk-steps.ts";
import { readBootId } from "./boot-id.ts";

export interface CommitDisk {
  /** The storage directory, absolute. */
  readonly root: string;
  readonly steps: DiskSteps;
  readonly syncs: DirectorySyncs;
}

export interface CommitSettings {
  /** 16 bytes; zeros if unknown. */
  readonly bootId: Buffer;
  readonly segmentBytes: number;
  readonly segmentsMax: number;
  readonly sparesMax: number;
  readonly segmentAgeMs: number;
  readonly syncDelayMs: number;
  readonly syncedAtStopMax: number;
}

export function commitSettings(changed: Partial<CommitSettings> = {}): CommitSettings {
  return {
    bootId: changed.bootId ?? readBootId(),
    segmentBytes: LIMITS.commitSegmentBytes,
    segmentsMax: LIMITS.commitSegmentsMax,
    sparesMax: LIMITS.commitSparesMax,
    segmentAgeMs: LIMITS.commitSegmentAgeMs,
    syncDelayMs: LIMITS.commitSyncDelayMs,
    syncedAtStopMax: LIMITS.commitSyncedAtStopMax,
    ...changed,
  };
}
