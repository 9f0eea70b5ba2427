/**
 * The names of recently evicted items, as hashes, to recognise items that come back soon.
 *
 * A ghost is 8 bytes: the hash of its name, and the time of its eviction, as the total evicted
 * until then (KiB, modulo 2^32). Old ghosts are not removed: they are no longer found, and their
 * places are reused. Places come in groups of eight; a full group forgets its oldest. There are 1
 * to 2 places for each held item, so 8 to 16 bytes, up to LIMITS.evictionGhostsMax. Two names with
 * the same hash (one pair in 2^32) are confused: a new item is then treated as one that came back,
 * and nothing else happens.
 */
import { LIMITS } from "../limits.ts";

const GROUP = 8;
const PLACES_MIN = 64 * GROUP;
const EMPTY = 0;

export class GhostTable {
  #hashes = new Int32Array(PLACES_MIN);
  #moments = new Uint32Array(PLACES_MIN);
  #evictedKib = 0;

  /** Number of places. */
  get places(): number {
    return this.#hashes.length;
  }

  /**
   * Remembers an evicted item. @param items number of held items, so that about as many can be
   * remembered.
   */
  remember(hash: number, costKib: number, items: number): void {
    while (this.places < Math.min(items, LIMITS.evictionGhostsMax)) this.#grow();
    const at = this.#placeFor(hash);
    this.#hashes[at] = hash;
    this.#evictedKib = (this.#evictedKib + costKib) >>> 0;
    this.#moments[at] = this.#evictedKib;
  }

  /** Removes a ghost. @returns whether at most `windowKib` was evicted since its eviction. */
  take(hash: number, windowKib: number): boolean {
    const first = this.#groupOf(hash);
    for (let at = first; at < first + GROUP; at += 1) {
      if (this.#hashes[at] !== hash || hash === EMPTY) continue;
      this.#hashes[at] = EMPTY;
      return this.#ageKib(at) <= windowKib;
    }
    return false;
  }

  #groupOf(hash: number): number {
    return (hash & (this.places / GROUP - 1)) * GROUP;
  }

  #ageKib(at: number): number {
    return (this.#evictedKib - this.#moments[at]!) >>> 0;
  }

  /** The place of the same hash, or an empty one, or that of the group's oldest. */
  #placeFor(hash: number): number {
    const first = this.#groupOf(hash);
    let oldest = first;
    for (let at = first; at < first + GROUP; at += 1) {
      if (this.#hashes[at] === EMPTY || this.#hashes[at] === hash) return at;
      if (this.#ageKib(at) > this.#ageKib(oldest)) oldest = at;
    }
    return oldest;
  }

  /**
   * Doubles the places: a ghost stays in its group or moves to the new one whose number has one bit
   * more.
   */
  #grow(): void {
    const [hashes, moments] = [this.#hashes, this.#moments];
    this.#hashes = new Int32Array(hashes.length * 2);
    this.#moments = new Uint32Array(hashes.length * 2);
    for (let at = 0; at < hashes.length; at += 1) {
      const to = this.#groupOf(hashes[at]!) + (at % GROUP);
      this.#hashes[to] = hashes[at]!;
      this.#moments[to] = moments[at]!;
    }
  }
}
