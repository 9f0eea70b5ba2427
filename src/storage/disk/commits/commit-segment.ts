/**
 * The state of one commit log segment in this process: how far it is filled, and what depends on
 * it.
 *
 * A segment is needed while a power loss could undo a put or a removal in it. Segments are released
 * oldest first, so a removal record is never released before the put that it cancels.
 */
import type { SegmentHead } from "./segment-head.ts";
import { SEGMENT_HEAD_BYTES } from "./segment-head.ts";

export class CommitSegment {
  readonly path: string;
  readonly fd: number;
  readonly sizeBytes: number;
  head: SegmentHead;
  /** Position of the next record. */
  position: number = SEGMENT_HEAD_BYTES;
  /** Time of the first record. */
  firstAtMs: number | undefined;
  sealedAtMs: number | undefined;
  /** Logged puts that have no name yet. */
  pending = 0;
  /** Files whose last put is here. */
  readonly files = new Set<string>();
  /** Directories of all files logged here: they must be synced before the segment is released. */
  readonly directories = new Set<string>();
  /** A write or sync of it failed: it is read but never written again. */
  isDistrusted = false;
  /** Its content could not be made durable otherwise: it stays for the next start. */
  isHeld = false;

  constructor(place: { path: string; fd: number; sizeBytes: number }, head: SegmentHead) {
    this.path = place.path;
    this.fd = place.fd;
    this.sizeBytes = place.sizeBytes;
    this.head = head;
  }

  /** Starts a new use at the end of the log, empty. */
  begin(head: SegmentHead): void {
    this.head = head;
    this.position = SEGMENT_HEAD_BYTES;
    this.firstAtMs = undefined;
    this.sealedAtMs = undefined;
    this.files.clear();
    this.directories.clear();
  }

  get hasRecords(): boolean {
    return this.position > SEGMENT_HEAD_BYTES;
  }
}
