/**
 * Says which of two policies would have hit more often lately, by playing both on a sample of what happens.
 *
 * Source of the idea that policies compete on a sample and the winner rules: M. Qureshi, A. Jaleel, Y. Patt, S. Steely, J. Emer, "Adaptive
 * insertion policies for high performance caching", ISCA 2007. Sampled are whole names, by their hash; the part halves
 * each time the sample has grown to SAMPLE_MAX items, so a duel costs the same for a thousand objects as for a million.
 */
import type { EvictionPolicy } from "./eviction-policy.ts";
import { MiniatureCache } from "./miniature-cache.ts";

/** Items a miniature may hold before half of the names are left out. */
const SAMPLE_MAX = 1024;
/** Sampled puts and reads after which a hit counts 1/e of what it did. */
const MEMORY_EVENTS = 8192;
/** Hits one must be ahead to win, weighed so: below that it is chance, and a change of order costs misses. */
const LEAD_MIN = 64;
/** A lead grows no larger, so that a long past is soon made up for. */
const LEAD_MAX = 4 * LEAD_MIN;
/** The size of the cache is the most it held when it was full; a smaller one is believed by this part at each eviction. */
const SHRINKING_PART = 1 / 1024;
/** Bits of a hash that say whether a name is sampled: not the lowest, by which tables are indexed. */
const SAMPLE_SHIFT = 8;

export class PolicyDuel {
  readonly #leader: MiniatureCache;
  readonly #challenger: MiniatureCache;
  #isChallengerAhead = false;
  /** Hits of the leader more than of the challenger, older ones weighing less. */
  #lead = 0;
  /** Names are sampled whose hash has zeros where this has ones. */
  #mask = 0;
  #bytesMax = Number.POSITIVE_INFINITY;

  /** @param leader wins until the challenger was better. */
  constructor(leader: EvictionPolicy, challenger: EvictionPolicy) {
    this.#leader = new MiniatureCache(leader);
    this.#challenger = new MiniatureCache(challenger);
  }

  get isChallengerAhead(): boolean {
    return this.#isChallengerAhead;
  }

  samples(hash: number): boolean {
    return ((hash >>> SAMPLE_SHIFT) & this.#mask) === 0;
  }

  /** The real cache is full and holds so much. */
  full(heldBytes: number): void {
    const shrunk = Number.isFinite(this.#bytesMax) ? this.#bytesMax * (1 - SHRINKING_PART) : 0;
    this.#bytesMax = Math.max(heldBytes, shrunk);
  }

  /** A sampled item was put or read. */
  access(hash: number, costBytes: number): void {
    const bytesMax = this.#bytesMax / (this.#mask + 1);
    const [ours, theirs] = [this.#leader, this.#challenger].map((each) =>
      each.access(hash, costBytes, bytesMax),
    );
    const lead = this.#lead * (1 - 1 / MEMORY_EVENTS) + Number(ours) - Number(theirs);
    this.#lead = Math.max(-LEAD_MAX, Math.min(LEAD_MAX, lead));
    if (this.#lead < -LEAD_MIN) this.#isChallengerAhead = true;
    else if (this.#lead > LEAD_MIN) this.#isChallengerAhead = false;
    if (Math.max(this.#leader.size, this.#challenger.size) > SAMPLE_MAX) this.#halve();
  }

  /** A sampled item was deleted. */
  forget(hash: number): void {
    this.#leader.remove(hash, "gone");
    this.#challenger.remove(hash, "gone");
  }

  #halve(): void {
    this.#mask = this.#mask * 2 + 1;
    for (const each of [this.#leader, this.#challenger]) each.keep((hash) => this.samples(hash));
  }
}
