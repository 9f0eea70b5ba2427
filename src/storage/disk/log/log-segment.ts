/**
 * The state of one segment of the log in this process: how far it is filled, and what depends on
 * it.
 *
 * A segment is needed while it has something that the directory lacks, or that a power loss could
 * undo. Segments are released oldest first, so a removal is never released before the put that it
 * removes.
 */
import { isBefore, type Place } from "./log-record.ts";
import type { FoundHead, SegmentHead } from "./segment-head.ts";
import { HEAD_PLACES, RECORDS_START } from "./segment-head.ts";

/** The last record of a file. */
export interface Recent {
  /** Relative to the storage directory. */
  readonly path: string;
  readonly kind: "put" | "gone";
  readonly segment: LogSegment;
  /** Position of the record. */
  readonly position: number;
  /** Position of the content. */
  readonly contentStart: number;
  readonly contentBytes: number;
  /** When it was recorded, ms since 1970. */
  readonly atMs: number;
  isRested: boolean;
  /** True if a torn file would be taken for a later one: its bytes are synced before its name. */
  readonly isSyncedFirst?: boolean;
  /** It could not come to rest: when to try again, ms since 1970. */
  retryAtMs?: number;
}

export function placeOf({ segment, position }: Pick<Recent, "segment" | "position">): Place {
  return { number: segment.head.number, position };
}

export interface Note {
  readonly text: string;
  /** Of its record. */
  readonly position: number;
}

export class LogSegment {
  readonly path: string;
  readonly fd: number;
  readonly sizeBytes: number;
  head: SegmentHead;
  /** Position of its head. */
  headPlace: number;
  /** Position of the next record. */
  position: number = RECORDS_START;
  /** Time of the first record. */
  firstAtMs: number | undefined;
  sealedAtMs: number | undefined;
  /** The time that the records tell, ms since 1970. */
  timeMs = 0;
  /** The last records of their files that have not come to rest, in order. */
  readonly pending = new Set<Recent>();
  /** The last records of their files that have. */
  readonly rested = new Set<Recent>();
  /** Directories of all files logged here: synced before a promised segment is released. */
  readonly directories = new Set<string>();
  /** What notes.ts keeps when the segment is released. */
  readonly notes: Note[] = [];
  /** A caller was promised that something here survives a power loss. */
  isPromised = false;
  /** A write or sync of it failed: it is read but never written again. */
  isDistrusted = false;
  /** A sync of it failed: no later sync makes it durable. */
  isLost = false;
  /** Its content could not be made durable otherwise: it stays for the next start. */
  isHeld = false;

  constructor(place: { path: string; fd: number; sizeBytes: number }, { head, place: headPlace }: FoundHead) {
    this.path = place.path;
    this.fd = place.fd;
    this.sizeBytes = place.sizeBytes;
    this.head = head;
    this.headPlace = headPlace;
  }

  /** Where the next head goes: the one of now stays until that is written. */
  get nextHeadPlace(): number {
    if (this.head.isEarlier) return HEAD_PLACES[0];
    return HEAD_PLACES.find((each) => each !== this.headPlace)!;
  }

  /** Starts a new use at the end of the log, empty. */
  begin(head: SegmentHead): void {
    this.head = head;
    this.headPlace = this.nextHeadPlace;
    this.position = RECORDS_START;
    this.firstAtMs = undefined;
    this.sealedAtMs = undefined;
    this.timeMs = 0;
    this.isPromised = false;
    this.directories.clear();
    this.notes.length = 0;
  }

  /** The file of notes has those before this place. */
  forgetNotes(before: Place): void {
    const { number } = this.head;
    const kept = this.notes.filter(({ position }) => !isBefore({ number, position }, before));
    this.notes.splice(0, this.notes.length, ...kept);
  }

  get hasRecords(): boolean {
    return this.position > RECORDS_START;
  }
}
