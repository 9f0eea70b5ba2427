/**
 * The entries of one session by object id, in the order in which they came.
 *
 * Takes the place of a Map for two reasons: it costs 12 to 23 bytes an entry where a Map costs 28 to 56, because the entry knows
 * its id; and who reads it can go on where it stopped, also after everything was read, while entries come and go.
 * Open addressing with linear probing over places in one list; few entries are looked through without any hashing. The hash is
 * seeded by chance, so that nobody can choose ids that meet. Cost: a look-up hashes the id, 50 ns for 36 letters; when the
 * table doubles, all are hashed again, 0.1 s for a million.
 */
import { randomBytes } from "node:crypto";
import type { IndexEntry } from "./index-entry.ts";

const SEED = randomBytes(4).readInt32LE();
/** Odd, so that no bit gets lost. */
const MULTIPLIER = randomBytes(4).readInt32LE() | 1;

/** Up to so many places are looked through one after the other. */
const SCANNED_PLACES_MAX = 8;
/** Holes that are left alone. */
const HOLES_MIN = 32;

const EMPTY = 0;
const REMOVED = -1;

/** How far somebody has read. */
export interface TableCursor {
  /** Of the next entry. */
  place: number;
}

export class EntryTable {
  /** By place; undefined where an entry was removed. */
  #entries: (IndexEntry | undefined)[] = [];
  #size = 0;
  /** A power of two slots: place + 1 of an entry, EMPTY or REMOVED. Absent while there are few. */
  #slots: Int32Array | undefined;
  /** Slots that are not EMPTY. */
  #usedSlots = 0;
  /** Who is reading: places move when holes are closed. */
  readonly #cursors = new Set<TableCursor>();

  get size(): number {
    return this.#size;
  }

  get(objectId: string): IndexEntry | undefined {
    const place = this.#find(objectId);
    return place < 0 ? undefined : this.#entries[place];
  }

  /** @returns the entry of the same id, whose place it takes; without one it comes last. */
  set(entry: IndexEntry): IndexEntry | undefined {
    const { objectId } = entry;
    const found = this.#find(objectId);
    if (found >= 0) {
      const old = this.#entries[found];
      this.#entries[found] = entry;
      return old;
    }
    this.#entries.push(entry);
    this.#size += 1;
    if (this.#slots === undefined && this.#entries.length <= SCANNED_PLACES_MAX) return undefined;
    if (this.#slots === undefined || (this.#usedSlots + 1) * 4 > this.#slots.length * 3) this.#rebuild();
    else this.#place(this.#slots, objectId, this.#entries.length - 1);
    return undefined;
  }

  /** False when there was none. */
  delete(objectId: string): boolean {
    const place = this.#find(objectId);
    if (place < 0) return false;
    if (this.#slots !== undefined) this.#slots[this.#slotOf(this.#slots, objectId)] = REMOVED;
    this.#entries[place] = undefined;
    this.#size -= 1;
    const holes = this.#entries.length - this.#size;
    if (holes > HOLES_MIN && holes > this.#size) this.#rebuild();
    return true;
  }

  /** Begins to read; `close` when done. */
  open(): TableCursor {
    const cursor = { place: 0 };
    this.#cursors.add(cursor);
    return cursor;
  }

  close(cursor: TableCursor): void {
    this.#cursors.delete(cursor);
  }

  /** The next entry, or undefined when all that are there now were read: later there may be more. */
  next(cursor: TableCursor): IndexEntry | undefined {
    while (cursor.place < this.#entries.length) {
      const entry = this.#entries[cursor.place];
      cursor.place += 1;
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** Closes holes, and makes slots for twice as many entries as there are. */
  #rebuild(): void {
    for (const cursor of this.#cursors) cursor.place = this.#countBefore(cursor.place);
    this.#entries = this.#entries.filter((entry) => entry !== undefined);
    this.#slots = undefined;
    this.#usedSlots = 0;
    if (this.#size <= SCANNED_PLACES_MAX) return;
    // Between 3/8 and 3/4 full.
    const slots = new Int32Array(2 ** Math.ceil(Math.log2((this.#size * 4) / 3 + 1)));
    for (const [place, entry] of this.#entries.entries()) this.#place(slots, entry!.objectId, place);
    this.#slots = slots;
  }

  #countBefore(place: number): number {
    let count = 0;
    for (let index = 0; index < place; index += 1) if (this.#entries[index] !== undefined) count += 1;
    return count;
  }

  /** Its place, or -1. */
  #find(objectId: string): number {
    if (this.#slots === undefined) return this.#entries.findIndex((entry) => entry?.objectId === objectId);
    const slot = this.#slotOf(this.#slots, objectId);
    return slot < 0 ? -1 : this.#slots[slot]! - 1;
  }

  #slotOf(slots: Int32Array, objectId: string): number {
    const mask = slots.length - 1;
    for (let slot = hashOf(objectId) & mask; ; slot = (slot + 1) & mask) {
      const found = slots[slot]!;
      if (found === EMPTY) return -1;
      if (found !== REMOVED && this.#entries[found - 1]!.objectId === objectId) return slot;
    }
  }

  /** Of an id that is not there. */
  #place(slots: Int32Array, objectId: string, place: number): void {
    const mask = slots.length - 1;
    let slot = hashOf(objectId) & mask;
    while (slots[slot]! > EMPTY) slot = (slot + 1) & mask;
    if (slots[slot] === EMPTY) this.#usedSlots += 1;
    slots[slot] = place + 1;
  }
}

function hashOf(text: string): number {
  let hash = SEED;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), MULTIPLIER);
    hash ^= hash >>> 15;
  }
  return hash;
}
