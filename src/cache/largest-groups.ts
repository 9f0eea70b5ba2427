/**
 * Sums up objects and bytes of sessions and applications, and keeps the largest of them.
 *
 * Counted from the index when it is asked for, in slices with other calls in between: 0.1 s for a
 * million objects. The result is used again for a time that depends on what it cost, so that a
 * view which asks each second does not count each second.
 */
import { LIMITS } from "../limits.ts";
import { turnIfDue } from "../turns.ts";
import type { IndexEntry } from "./index-entry.ts";

export interface GroupSum {
  /** `app` or `app/session`. */
  readonly name: string;
  readonly objects: number;
  /** Of values and table bodies. */
  readonly dataBytes: number;
}

export interface LargestGroups {
  /** The largest first. */
  readonly sessions: readonly GroupSum[];
  readonly applications: readonly GroupSum[];
}

const ENTRIES_PER_CHECK = 256;

export class GroupCount {
  readonly #entries: () => Iterable<IndexEntry>;
  #counting: Promise<LargestGroups> | undefined;
  #validUntilMs = 0;

  /** @param entries all objects; those of a session, and of an application, follow each other. */
  constructor(entries: () => Iterable<IndexEntry>) {
    this.#entries = entries;
  }

  /** Callers at the same time share one count. */
  largest(): Promise<LargestGroups> {
    if (this.#counting !== undefined && performance.now() < this.#validUntilMs) return this.#counting;
    const startedMs = performance.now();
    this.#validUntilMs = Number.POSITIVE_INFINITY;
    this.#counting = this.#count().finally(() => {
      const nowMs = performance.now();
      this.#validUntilMs = nowMs + LIMITS.topReuseFactor * (nowMs - startedMs);
    });
    return this.#counting;
  }

  async #count(): Promise<LargestGroups> {
    const sessions = new Largest();
    const applications = new Largest();
    let looked = 0;
    for (const entry of this.#entries()) {
      const { applicationId, sessionId } = entry.key;
      sessions.add(`${applicationId}/${sessionId}`, entry.dataBytes);
      applications.add(applicationId, entry.dataBytes);
      looked += 1;
      const turn = looked % ENTRIES_PER_CHECK === 0 ? turnIfDue() : undefined;
      if (turn !== undefined) await turn;
    }
    return { sessions: sessions.end(), applications: applications.end() };
  }
}

/** Sums of groups whose members follow each other; only the largest groups stay in memory. */
class Largest {
  #sums: GroupSum[] = [];
  #name: string | undefined;
  #objects = 0;
  #dataBytes = 0;

  add(name: string, dataBytes: number): void {
    if (name !== this.#name) {
      this.#close();
      this.#name = name;
    }
    this.#objects += 1;
    this.#dataBytes += dataBytes;
  }

  end(): GroupSum[] {
    this.#close();
    return this.#cut();
  }

  #close(): void {
    if (this.#name !== undefined)
      this.#sums.push({ name: this.#name, objects: this.#objects, dataBytes: this.#dataBytes });
    this.#objects = 0;
    this.#dataBytes = 0;
    if (this.#sums.length >= 2 * LIMITS.topRowsMax) this.#sums = this.#cut();
  }

  #cut(): GroupSum[] {
    return this.#sums.sort((a, b) => b.dataBytes - a.dataBytes).slice(0, LIMITS.topRowsMax);
  }
}
