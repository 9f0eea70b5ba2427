/**
 * Pins, leases and times to live, as clients ask for them: what is asked must be there, what was told is written down, and
 * all whom it concerns hear of it.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { formatObjectKey, type KeyPattern, type ObjectKey } from "../object/object-key.ts";
import type { Lifetime } from "../object/object-metadata.ts";
import type { Durability } from "../storage/object-storage.ts";
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
  async pin(pattern: KeyPattern, ttlMs?: number, durability?: Durability): Promise<Pin> {
    const { retention, sweep } = this.#host;
    if (pattern.scope === "object") await this.#host.stat(pattern.key);
    const pin = await retention.pin(retentionName(pattern), ttlMs, durability);
    await sweep.repin(pin.name);
    sweep.arm();
    return pin;
  }

  /** Ends the pin of this name; pins of other names stay. @returns false when there was none. */
  async unpin(pattern: KeyPattern, durability?: Durability): Promise<boolean> {
    const name = retentionName(pattern);
    const wasPinned = await this.#host.retention.unpin(name, durability);
    if (wasPinned) await this.#host.sweep.repin(name);
    return wasPinned;
  }

  /**
   * Says how long what a pattern names may live: an object from now on; of a session or application each object from its put, and
   * what is there already, without a time of its own, from now on.
   * @param ttlMs undefined: it has no end; of a session or application: nothing is said any more.
   * @returns until when it, or what is there already, may live; undefined: it has no end.
   * @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_TOO_LARGE when there are too many
   */
  async expire(
    pattern: KeyPattern,
    ttlMs: number | undefined,
    durability?: Durability,
  ): Promise<Lifetime | undefined> {
    if (pattern.scope === "object") {
      return await this.#setLifetime(pattern.key, () => this.#fromNow(ttlMs ?? 0), durability);
    }
    await this.#host.retention.setRule(retentionName(pattern), ttlMs, durability);
    this.#host.sweep.arm();
    return ttlMs === undefined ? undefined : this.#fromNow(ttlMs);
  }

  /**
   * Gives an object its time again, as long as it was given before, or until a later time that is asked for; never less than
   * it has. @returns undefined when it has no end.
   * @throws {CacheError} OBJECT_NOT_FOUND; INVALID_REQUEST when what is asked for is too far away
   */
  async renew(key: ObjectKey, wantedUntilMs = 0, durability?: Durability): Promise<Lifetime | undefined> {
    if (wantedUntilMs > this.#host.nowMs() + LIMITS.ttlMsMax) {
      throw new CacheError("INVALID_REQUEST", `an object lives ${LIMITS.ttlMsMax / 1000} seconds at most`);
    }
    const longer = (now: Lifetime | undefined) => {
      if (now === undefined) return undefined;
      const untilMs = Math.max(now.untilMs, wantedUntilMs, this.#host.nowMs() + now.ttlMs);
      return { untilMs, ttlMs: now.ttlMs };
    };
    return await this.#setLifetime(key, longer, durability);
  }

  /** Until when an object may be served; undefined: it has no end. */
  lifetimeOf(entry: IndexEntry): Lifetime | undefined {
    return this.#host.retention.lifetimes.of(entry);
  }

  async #setLifetime(
    key: ObjectKey,
    change: (now: Lifetime | undefined) => Lifetime | undefined,
    durability: Durability | undefined,
  ): Promise<Lifetime | undefined> {
    // Also what is not in the index yet; then again under the lock, where nobody replaces it.
    await this.#host.stat(key);
    return await this.#host.locks.run(formatObjectKey(key), async () => {
      const entry = this.#host.present(key);
      if (entry === undefined) throw new CacheError("OBJECT_NOT_FOUND");
      const lifetime = change(this.lifetimeOf(entry));
      if (lifetime !== undefined) await this.#host.retention.setLifetime(entry, lifetime, durability);
      this.#host.sweep.arm();
      return lifetime !== undefined && Number.isFinite(lifetime.untilMs) ? lifetime : undefined;
    });
  }

  #fromNow(ttlMs: number): Lifetime {
    return { untilMs: ttlMs === 0 ? Number.POSITIVE_INFINITY : this.#host.nowMs() + ttlMs, ttlMs };
  }
}
