/**
 * Selects victims for one need from the policy's order.
 *
 * Idle objects come first. If they are not enough, objects that are being read are evicted too,
 * whose bytes are released when their readers are done: no more than needed beside those that were
 * removed earlier and are still read. If even that is not enough, nothing is evicted.
 */
import { LIMITS } from "../limits.ts";
import type { IndexEntry } from "./index-entry.ts";

export interface Shortage {
  readonly bytesOver: number;
  readonly objectsOver: number;
  /** Extra bytes to evict, if possible. */
  readonly spareBytes: number;
  /** Bytes of removed objects that are still being read. */
  readonly freeSoonBytes: number;
  /** Staged bytes of other puts: they become evictable objects or are released. */
  readonly stagedBytes: number;
}

interface Candidate {
  readonly entry: IndexEntry;
  readonly costBytes: number;
}

export interface Conclusion {
  /**
   * "now": the bytes are released when the victims are removed. "later": some are being read, or
   * nothing is evicted yet.
   */
  readonly outlook: "now" | "later" | "never";
  readonly victims: readonly IndexEntry[];
}

export class EvictionPlan {
  readonly #spareBytes: number;
  readonly #freeSoonBytes: number;
  readonly #stagedBytes: number;
  #bytesOver: number;
  #objectsOver: number;
  /** Bytes of objects that are in use or read. */
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

  /** @param mayDelete false while a call works on the object. */
  offer(entry: IndexEntry, costBytes: number, mayDelete: boolean): "enough" | "more" {
    if (!mayDelete || entry.readers > 0) {
      this.#busyBytes += costBytes;
      if (mayDelete) this.#read.push({ entry, costBytes });
      return "more";
    }
    this.#take(entry, costBytes, this.#idle);
    const hasSpare = this.#bytesOver <= -this.#spareBytes || this.#idle.length >= LIMITS.evictedAtOnceMax;
    return this.isEnough && hasSpare ? "enough" : "more";
  }

  /** Called after all entries were offered, or enough. */
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
