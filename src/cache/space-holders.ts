/**
 * Finds stalled holders of space: readers of removed objects, and puts whose bytes do not come.
 *
 * It checks them only while a put waits for space. Holders without progress are cut off, oldest
 * first, until their space is enough; others continue. Reading an existing object holds no space,
 * because the object can be evicted first.
 * Cost: a set entry for each running get and put.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { IndexEntry } from "./index-entry.ts";

/** A running get. */
export interface ReadingHolder {
  readonly entry: IndexEntry;
  /** Bytes that the client has read so far. */
  readonly movedBytes: number;
  abandon(reason: CacheError): void;
}

/** A running put. */
export interface StagingHolder {
  /** Bytes received so far. */
  readonly sizeBytes: number;
  readonly takenBytes: number;
  /** True while its bytes wait for the cache, not the cache for its bytes. */
  readonly isHeldUp: boolean;
  readonly abandon: ((reason: CacheError) => void) | undefined;
}

/** The last progress of a holder, and its time. */
interface Standing {
  movedBytes: number;
  sinceMs: number;
  isCut: boolean;
}

export class SpaceHolders {
  readonly readings = new Set<ReadingHolder>();
  readonly staging = new Set<StagingHolder>();
  readonly #costOf: (entry: IndexEntry) => number;
  readonly #standings = new WeakMap<ReadingHolder | StagingHolder, Standing>();

  constructor(costOf: (entry: IndexEntry) => number) {
    this.#costOf = costOf;
  }

  /** Cuts off stalled holders until they release the missing bytes. */
  cut(missingBytes: number, nowMs: number): void {
    let leftBytes = missingBytes;
    for (const [entry, readings] of this.#readersOfRemoved()) {
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

  /** Removed objects with their readers, which keep the bytes charged. */
  #readersOfRemoved(): Map<IndexEntry, ReadingHolder[]> {
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
  "the object was removed, other calls wait for its space, and this get read none of its bytes " +
  `for ${LIMITS.stalledReaderMs} ms`;
const SILENT_PUT = `other calls wait for the space of this put, and it sent no byte for ${LIMITS.silentPutMs} ms`;
