/**
 * Pins, leases and times to live, as clients ask for them: what is asked must be there, what was told is written down, and
 * all whom it concerns hear of it.
 */
import { CacheError } from "../errors.ts";
import { formatObjectKey, type KeyPattern, type ObjectKey } from "../object/object-key.ts";
import type { Lifetime } from "../object/object-metadata.ts";
import type { ExpirySweep } from "./expiry-sweep.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { KeyLocks } from "./key-locks.ts";
import type { Pin } from "./retention/pins.ts";
import { type Retention, retentionName } from "./retention/retention.ts";

export interface RetainingHost {
  readonly retention: Retention;
  readonly locks: KeyLocks;
  readonly sweep: ExpirySweep;
  nowMs(): number;
  /** The entry of a readable object. @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_CORRUPT */
  stat(key: ObjectKey): Promise<IndexEntry>;
  /** What the index knows of a key, unless its time is over. */
  present(key: ObjectKey): IndexEntry | undefined;
}

export class Retaining {
  readonly #host: RetainingHost;

  constructor(host: RetainingHost) {
    this.#host = host;
  }

  /**
   * Keeps what a pattern names from eviction, also objects that come later. A pin that lasts longer stays as it is.
   * @param ttlMs undefined: until it is unpinned.
   * @throws {CacheError} OBJECT_NOT_FOUND when it names an object that is not there; OBJECT_TOO_LARGE when there are too many pins
   */
  async pin(pattern: KeyPattern, ttlMs?: number): Promise<Pin> {
    const { retention, sweep } = this.#host;
    if (pattern.scope === "object") await this.#host.stat(pattern.key);
    const pin = await retention.pin(retentionName(pattern), ttlMs);
    await sweep.repin(pin.name);
    sweep.arm();
    return pin;
  }

  /** Ends the pin of this name; pins of other names stay. @returns false when there was none. */
  async unpin(pattern: KeyPattern): Promise<boolean> {
    const name = retentionName(pattern);
    const wasPinned = await this.#host.retention.unpin(name);
    if (wasPinned) await this.#host.sweep.repin(name);
    return wasPinned;
  }

  /**
   * Says how long what a pattern names may live: an object from now on; of a session or application each object from its put, and
   * what is there already, without a time of its own, from now on.
   * @param ttlMs undefined: it has no end.
   * @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_TOO_LARGE when there are too many
   */
  async expire(pattern: KeyPattern, ttlMs: number | undefined): Promise<void> {
    if (pattern.scope !== "object") await this.#host.retention.setRule(retentionName(pattern), ttlMs);
    else await this.#setLifetime(pattern.key, () => this.#fromNow(ttlMs ?? 0));
    this.#host.sweep.arm();
  }

  /**
   * Gives an object its time again, as long as it was given before, or until a later time that is asked for; never less than
   * it has. @returns undefined when it has no end.
   * @throws {CacheError} OBJECT_NOT_FOUND
   */
  async renew(key: ObjectKey, wantedUntilMs?: number): Promise<Lifetime | undefined> {
    return await this.#setLifetime(key, (now) => {
      if (now === undefined) return undefined;
      const untilMs = Math.max(now.untilMs, wantedUntilMs ?? 0, this.#fromNow(now.ttlMs).untilMs);
      return { untilMs, ttlMs: now.ttlMs };
    });
  }

  /** Until when an object may be served; undefined: it has no end. */
  lifetimeOf(entry: IndexEntry): Lifetime | undefined {
    return this.#host.retention.lifetimes.of(entry);
  }

  async #setLifetime(
    key: ObjectKey,
    change: (now: Lifetime | undefined) => Lifetime | undefined,
  ): Promise<Lifetime | undefined> {
    // Also what is not in the index yet; then again under the lock, where nobody replaces it.
    await this.#host.stat(key);
    return await this.#host.locks.run(formatObjectKey(key), async () => {
      const entry = this.#host.present(key);
      if (entry === undefined) throw new CacheError("OBJECT_NOT_FOUND");
      const lifetime = change(this.lifetimeOf(entry));
      if (lifetime !== undefined) await this.#host.retention.setLifetime(entry, lifetime);
      this.#host.sweep.arm();
      return lifetime;
    });
  }

  #fromNow(ttlMs: number): Lifetime {
    return { untilMs: ttlMs === 0 ? Number.POSITIVE_INFINITY : this.#host.nowMs() + ttlMs, ttlMs };
  }
}
