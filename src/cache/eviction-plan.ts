/**
 * Whom to evict for one need, out of those whom the policy names in its order.
 *
 * Idle objects first. When they are not enough, those that are being read leave as well, whose bytes are free when their readers
 * are done: no more of them than are needed beside what has left before and is still being read. When even that is not
 * enough nobody has to leave.
 */
import { LIMITS } from "../limits.ts";
import type { IndexEntry } from "./index-entry.ts";

export interface Shortage {
  readonly bytesOver: number;
  readonly objectsOver: number;
  /** What is evicted beyond that, if it is to be had. */
  readonly spareBytes: number;
  /** Bytes of objects that have left already and are still being read. */
  readonly freeSoonBytes: number;
  /** What other puts have staged: it becomes objects, which may leave, or is given back. */
  readonly stagedBytes: number;
}

interface Candidate {
  readonly entry: IndexEntry;
  readonly costBytes: number;
}

export interface Conclusion {
  /** "now": their bytes are free when they are removed. "later": some of them are being read, or nobody leaves yet. */
  readonly outlook: "now" | "later" | "never";
  readonly victims: readonly IndexEntry[];
}

export class EvictionPlan {
  readonly #spareBytes: number;
  readonly #freeSoonBytes: number;
  readonly #stagedBytes: number;
  #bytesOver: number;
  #objectsOver: number;
  /** Of objects that are worked on or read. */
  #busyBytes = 0;
  readonly #idle: IndexEntry[] = [];
  readonly #read: Candidate[] = [];

  constructor({ bytesOver, objectsOver, spareBytes, freeSoonBytes, stagedBytes }: Shortage) {
    this.#bytesOver = bytesOver;
    this.#objectsOver = objectsOver;
    this.#spareBytes = spareBytes;
    this.#freeSoonBytes = freeSoonBytes;
    this.#stagedBytes = stagedBytes;
  }

  get isEnough(): boolean {
    return this.#bytesOver <= 0 && this.#objectsOver <= 0;
  }

  /** @param mayLeave false while somebody works on the object. */
  offer(entry: IndexEntry, costBytes: number, mayLeave: boolean): "enough" | "more" {
    if (!mayLeave || entry.readers > 0) {
      this.#busyBytes += costBytes;
      if (mayLeave) this.#read.push({ entry, costBytes });
      return "more";
    }
    this.#take(entry, costBytes, this.#idle);
    const hasSpare = this.#bytesOver <= -this.#spareBytes || this.#idle.length >= LIMITS.evictedAtOnceMax;
    return this.isEnough && hasSpare ? "enough" : "more";
  }

  /** When all were offered, or enough. */
  conclude(): Conclusion {
    if (this.isEnough) return { outlook: "now", victims: this.#idle };
    const lackingBytes = this.#bytesOver - this.#freeSoonBytes - this.#busyBytes;
    if (lackingBytes > 0) {
      return { outlook: lackingBytes > this.#stagedBytes ? "never" : "later", victims: [] };
    }
    this.#bytesOver -= this.#freeSoonBytes;
    const victims = [...this.#idle];
    for (const { entry, costBytes } of this.#read) {
      if (this.isEnough) break;
      this.#take(entry, costBytes, victims);
    }
    return { outlook: "later", victims };
  }

  #take(entry: IndexEntry, costBytes: number, victims: IndexEntry[]): void {
    victims.push(entry);
    this.#bytesOver -= costBytes;
    this.#objectsOver -= 1;
  }
}
