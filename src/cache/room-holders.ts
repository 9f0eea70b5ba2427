/**
 * Who holds room and does not move: readers of objects that are gone, and puts whose bytes do not come.
 *
 * They are looked at only while somebody waits for room. Who moved no byte for a while is cut off, in the order they came, until
 * what they hold is enough for those who wait; whoever moves goes on. An object that is being read and still there holds
 * nothing: it is evicted first. Cost: one entry of a set for each get and put under way.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { IndexEntry } from "./index-entry.ts";

/** A get under way. */
export interface ReadingHolder {
  readonly entry: IndexEntry;
  /** Bytes that the client has taken so far. */
  readonly movedBytes: number;
  abandon(reason: CacheError): void;
}

/** A put under way. */
export interface StagingHolder {
  /** Bytes that have come so far. */
  readonly sizeBytes: number;
  readonly takenBytes: number;
  /** True while its bytes wait for the cache and not the cache for its bytes. */
  readonly isHeldUp: boolean;
  readonly abandon: ((reason: CacheError) => void) | undefined;
}

/** How far a holder was when it was looked at, and since when it is there. */
interface Standing {
  movedBytes: number;
  sinceMs: number;
  isCut: boolean;
}

export class RoomHolders {
  readonly readings = new Set<ReadingHolder>();
  readonly staging = new Set<StagingHolder>();
  readonly #costOf: (entry: IndexEntry) => number;
  readonly #standings = new WeakMap<ReadingHolder | StagingHolder, Standing>();

  constructor(costOf: (entry: IndexEntry) => number) {
    this.#costOf = costOf;
  }

  /** Cuts off holders that stand still until they hold as much as is missing. */
  cut(missingBytes: number, nowMs: number): void {
    let leftBytes = missingBytes;
    for (const [entry, readings] of this.#readersOfGone()) {
      const areStalled = readings.map((each) => this.#isStalled(each, nowMs));
      if (leftBytes <= 0 || areStalled.includes(false)) continue;
      leftBytes -= this.#costOf(entry);
      for (const reading of readings) this.#abandon(reading, STALLED_READER);
    }
    for (const put of this.staging) {
      const isSilent = this.#isSilent(put, nowMs);
      if (leftBytes <= 0 || !isSilent) continue;
      leftBytes -= put.takenBytes;
      this.#abandon(put, SILENT_PUT);
    }
  }

  /** Objects that have left, whose bytes are there as long as these read them. */
  #readersOfGone(): Map<IndexEntry, ReadingHolder[]> {
    const readers = new Map<IndexEntry, ReadingHolder[]>();
    for (const reading of this.readings) {
      const { entry } = reading;
      if (entry.onIdle === undefined) continue;
      const others = readers.get(entry);
      if (others === undefined) readers.set(entry, [reading]);
      else others.push(reading);
    }
    return readers;
  }

  #isStalled(reading: ReadingHolder, nowMs: number): boolean {
    const standing = this.#standingOf(reading, reading.movedBytes, nowMs);
    return standing.isCut || nowMs - standing.sinceMs >= LIMITS.stalledReaderMs;
  }

  #isSilent(put: StagingHolder, nowMs: number): boolean {
    if (put.abandon === undefined || put.takenBytes === 0) return false;
    const standing = this.#standingOf(put, put.sizeBytes, nowMs);
    if (put.isHeldUp) standing.sinceMs = nowMs;
    return standing.isCut || nowMs - standing.sinceMs >= LIMITS.silentPutMs;
  }

  #standingOf(holder: ReadingHolder | StagingHolder, movedBytes: number, nowMs: number): Standing {
    const known = this.#standings.get(holder);
    if (known?.movedBytes === movedBytes) return known;
    const standing = { movedBytes, sinceMs: nowMs, isCut: known?.isCut ?? false };
    this.#standings.set(holder, standing);
    return standing;
  }

  #abandon(holder: ReadingHolder | StagingHolder, text: string): void {
    const standing = this.#standings.get(holder);
    if (standing === undefined || standing.isCut) return;
    standing.isCut = true;
    holder.abandon?.(new CacheError("OVERLOADED", text));
  }
}

const STALLED_READER =
  "the object has left, others wait for its room, and this get took none of its bytes " +
  `for ${LIMITS.stalledReaderMs} ms`;
const SILENT_PUT = `others wait for the room that this put holds, and it brought no byte for ${LIMITS.silentPutMs} ms`;
