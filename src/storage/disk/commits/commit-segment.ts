/**
 * A segment of the commit log while this process works with it: how far it is filled, and what still needs it.
 *
 * It is needed while a file that it holds may be lost by a power loss, and while the removal of one may be. The log is released from the
 * oldest segment on: a record that says that a file is gone never goes before the put that it is about.
 */
import type { SegmentHead } from "./segment-head.ts";
import { SEGMENT_HEAD_BYTES } from "./segment-head.ts";

export class CommitSegment {
  /** Absolute. */
  readonly path: string;
  readonly fd: number;
  readonly sizeBytes: number;
  head: SegmentHead;
  /** Where the next record goes. */
  position: number = SEGMENT_HEAD_BYTES;
  /** When its first record came. */
  firstAtMs: number | undefined;
  sealedAtMs: number | undefined;
  /** Puts that were logged here and are on their way to their name. */
  pending = 0;
  /** Files of which the last put is here. */
  readonly files = new Set<string>();
  /** Directories of all files that were put here: their names have to last before the segment goes. */
  readonly directories = new Set<string>();
  /** A write or sync of it failed: it is read, and never written to again. */
  isDistrusted = false;
  /** What it holds could not be made to last otherwise: it stays for a next start. */
  isHeld = false;

  constructor(place: { path: string; fd: number; sizeBytes: number }, head: SegmentHead) {
    this.path = place.path;
    this.fd = place.fd;
    this.sizeBytes = place.sizeBytes;
    this.head = head;
  }

  /** Takes its place at the end of the log, empty. */
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
