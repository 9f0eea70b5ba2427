/**
 * Compares two policies by simulating both on a sample, and reports which had more hits recently.
 *
 * Source of the idea (policies compete on a sample and the winner rules): M. Qureshi, A. Jaleel, Y.
 * Patt, S. Steely, J. Emer, "Adaptive insertion policies for high performance caching", ISCA 2007.
 * The sample consists of whole names, by their hash. Its fraction halves each time it reaches
 * SAMPLE_MAX items, so a duel costs the same for a thousand objects as for a million.
 */
import type { EvictionPolicy } from "./eviction-policy.ts";
import { MiniatureCache } from "./miniature-cache.ts";

/** Items in a miniature before the sampled fraction halves. */
const SAMPLE_MAX = 1024;
/** Sampled puts and reads after which the weight of a hit has fallen to 1/e. */
const MEMORY_EVENTS = 8192;
/**
 * Weighted lead in hits that is needed to win: a smaller one is chance, and a switch costs misses.
 */
const LEAD_MIN = 64;
/** Maximum lead, so that a long past is soon outweighed. */
const LEAD_MAX = 4 * LEAD_MIN;
/**
 * The cache size is estimated as the most it held when full; the estimate shrinks by this part at
 * each eviction.
 */
const SHRINKING_PART = 1 / 1024;
/** Bits of a hash that select the sample: not the lowest, which index tables. */
const SAMPLE_SHIFT = 8;

export class PolicyDuel {
  readonly #leader: MiniatureCache;
  readonly #challenger: MiniatureCache;
  #isChallengerAhead = false;
  /** Weighted hits of the leader minus those of the challenger. */
  #lead = 0;
  /** A name is sampled if its hash has zeros where this has ones. */
  #mask = 0;
  #bytesMax = Number.POSITIVE_INFINITY;

  /** @param leader wins until the challenger is better. */
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

  /** The real cache is full and holds this much. */
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
    this.#leader.remove(hash, "deleted");
    this.#challenger.remove(hash, "deleted");
  }

  #halve(): void {
    this.#mask = this.#mask * 2 + 1;
    for (const each of [this.#leader, this.#challenger]) each.keep((hash) => this.samples(hash));
  }
}
