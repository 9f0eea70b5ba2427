/**
 * Removes expired objects and ends leases in the background.
 *
 * One timer for the next due time; a few objects at once with other calls in between, so that a
 * million objects of one time block nobody. An expired object is not served meanwhile, because each
 * lookup checks the time. Failed removals are logged, and the object stays unserved. The time is
 * journaled before anything is removed, so that an expired object does not reappear after the clock
 * was set back.
 */
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import { nextTurn } from "../turns.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { ObjectRegistry } from "./object-registry.ts";
import { LifetimeRule } from "./retention/lifetimes.ts";
import { type Retention, retentionPattern } from "./retention/retention.ts";

const log = logFor("cache");

export interface SweepHost {
  readonly registry: ObjectRegistry;
  readonly retention: Retention;
  nowMs(): number;
  /** Removes the object if it has expired and the entry is current. @returns false if it stays. */
  removeExpired(entry: IndexEntry): Promise<boolean>;
}

/** Entries that are checked before other calls run. */
const LOOKED_AT_PER_TURN = 2000;

export class ExpirySweep {
  readonly #host: SweepHost;
  #timer: NodeJS.Timeout | undefined;
  #armedForMs = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  #isStopped = false;
  /** Counted since the start. */
  expiredObjects = 0;

  constructor(host: SweepHost) {
    this.#host = host;
  }

  /** Called when something may be due earlier than before. */
  arm(): void {
    const nextMs = this.#host.retention.nextEndMs;
    if (nextMs === undefined || this.#isStopped || this.#running !== undefined || nextMs >= this.#armedForMs)
      return;
    clearTimeout(this.#timer);
    this.#armedForMs = nextMs;
    const waitMs = Math.min(Math.max(nextMs - this.#host.nowMs(), 0), LIMITS.deadlineMsMax);
    this.#timer = setTimeout(() => void this.run(), waitMs);
    this.#timer.unref();
  }

  /** Processes everything that is due now. Never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#sweep()
      .catch((error: unknown) => log.error("the sweep of expired objects failed", { error }))
      .finally(() => {
        this.#running = undefined;
        this.#armedForMs = Number.POSITIVE_INFINITY;
        this.arm();
      });
    return this.#running;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #sweep(): Promise<void> {
    const { pins, lifetimes } = this.#host.retention;
    while (!this.#isStopped) {
      const ended = pins.takeEnded(LIMITS.expirySweepObjects);
      for (const name of ended) await this.repin(name);
      const due = lifetimes.takeDue(LIMITS.expirySweepObjects);
      if (ended.length + due.length > 0) await this.#host.retention.timePassed();
      const objects = due.filter((item) => !(item instanceof LifetimeRule)) as IndexEntry[];
      await this.#remove(objects);
      for (const item of due) if (item instanceof LifetimeRule) await this.#sweepRule(item);
      if (ended.length + due.length === 0) return;
      await nextTurn();
    }
  }

  /** The pins that apply to a name have changed. */
  async repin(name: string): Promise<void> {
    const { registry, retention } = this.#host;
    const { budget } = registry;
    if (budget === undefined) return;
    let looked = 0;
    for (const [key, entry] of registry.entries(retentionPattern(name))) {
      budget.setPinned(entry, retention.pins.isPinned(key));
      looked += 1;
      if (looked % LOOKED_AT_PER_TURN === 0) await nextTurn();
    }
  }

  /** Objects older than the rule have expired; later puts have their own time. */
  async #sweepRule({ name }: LifetimeRule): Promise<void> {
    let looked = 0;
    let expired: IndexEntry[] = [];
    for (const [, entry] of this.#host.registry.entries(retentionPattern(name))) {
      if (this.#host.retention.lifetimes.isExpired(entry)) expired.push(entry);
      looked += 1;
      if (expired.length < LIMITS.expirySweepObjects && looked % LOOKED_AT_PER_TURN !== 0) continue;
      await this.#remove(expired);
      expired = [];
      await nextTurn();
      if (this.#isStopped) return;
    }
    await this.#remove(expired);
  }

  async #remove(entries: readonly IndexEntry[]): Promise<void> {
    const removals = entries.map(async (entry) => {
      try {
        if (await this.#host.removeExpired(entry)) this.expiredObjects += 1;
      } catch (error) {
        log.warn("an expired object could not be removed", { key: entry.evictionKey, error });
      }
    });
    await Promise.all(removals);
  }
}
