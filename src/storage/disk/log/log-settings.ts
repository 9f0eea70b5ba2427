/**
 * What the log needs from the engine, and settings that tests change.
 *
 * Types and defaults only.
 */
import { LIMITS } from "../../../limits.ts";
import { readBootId } from "./boot-id.ts";

export interface LogSettings {
  /** 16 bytes; zeros if unknown. */
  readonly bootId: Buffer;
  readonly segmentBytes: number;
  readonly segmentsMax: number;
  readonly sparesMax: number;
  readonly quickFillMs: number;
  readonly segmentAgeMs: number;
  readonly syncDelayMs: number;
  readonly syncedAtStopMax: number;
  readonly restDelayMs: number;
}

export function logSettings(changed: Partial<LogSettings> = {}): LogSettings {
  return {
    bootId: changed.bootId ?? readBootId(),
    segmentBytes: LIMITS.logSegmentBytes,
    segmentsMax: LIMITS.logSegmentsMax,
    sparesMax: LIMITS.logSparesMax,
    quickFillMs: LIMITS.logQuickFillMs,
    segmentAgeMs: LIMITS.logSegmentAgeMs,
    syncDelayMs: LIMITS.logSyncDelayMs,
    syncedAtStopMax: LIMITS.logSyncedAtStopMax,
    restDelayMs: LIMITS.restDelayMs,
    ...changed,
  };
}
