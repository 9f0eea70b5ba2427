/**
 * Pins, leases and times to live, as clients set them.
 *
 * Checks that the target exists, journals the change, then updates the budget and the sweep.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { formatObjectKey, type KeyPattern, type ObjectKey } from "../object/object-key.ts";
import type { Lifetime } from "../object/object-metadata.ts";
import type { Durability } from "../storage/object-storage.ts";
import type { EventJournal } from "./events/event-journal.ts";
import type { ExpirySweep } from "./expiry-sweep.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { KeyLocks } from "./key-locks.ts";
import type { Pin } from "./retention/pins.ts";
import { type Retention, retentionName } from "./retention/retention.ts";

/** How a pin or a time to live is changed. */
export interface ChangeTerms {
  readonly durability?: Durability | undefined;
  /** The caller, for the event journal. */
  readonly actor?: string | undefined;
}

export interface RetainingHost {
  readonly retention: Retention;
  readonly locks: KeyLocks;
  readonly sweep: ExpirySweep;
  /** Undefined: nothing is recorded. */
  readonly events: EventJournal | undefined;
  nowMs(): number;
  /** The entry of a readable object. @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_CORRUPT */
  stat(key: ObjectKey): Promise<IndexEntry>;
  /** The indexed entry of a key, unless it has expired. */
  present(key: ObjectKey): IndexEntry | undefined;
}

export class Retaining {
  readonly #host: RetainingHost;

  constructor(host: RetainingHost) {
    this.#host = host;
  }

  /**
   * Protects what matches a pattern from eviction, including later objects. A longer pin stays as
   * it is.
   * @param ttlMs undefined: until it is unpinned.
   * @throws {CacheError} OBJECT_NOT_FOUND if the named object does not exist; OBJECT_TOO_LARGE if
   *   there are too many pins
   */
  async pin(pattern: KeyPattern, ttlMs?: number, { durability, actor }: ChangeTerms = {}): Promise<Pin> {
    const { retention, sweep, events } = this.#host;
    if (pattern.scope === "object") await this.#host.stat(pattern.key);
    const pin = await retention.pin(retentionName(pattern), ttlMs, durability);
    events?.record({ name: pin.name, event: "pinned", by: actor, details: { ttlMs: ttlMs ?? null } });
    await sweep.repin(pin.name);
    sweep.arm();
    return pin;
  }

  /** Removes the pin of this name; pins of other names stay. @returns false if there was none. */
  async unpin(pattern: KeyPattern, { durability, actor }: ChangeTerms = {}): Promise<boolean> {
    const name = retentionName(pattern);
    const wasPinned = await this.#host.retention.unpin(name, durability);
    if (!wasPinned) return false;
    this.#host.events?.record({ name, event: "unpinned", by: actor });
    await this.#host.sweep.repin(name);
    return true;
  }

  /**
   * Sets the time to live of what matches a pattern: of an object, from now on; of a session or
   * application, for each object from its put, and for existing objects without a time of their
   * own, from now on.
   * @param ttlMs undefined: unlimited; for a session or application: removes the rule.
   * @returns the expiry of the object or of existing objects; undefined: unlimited.
   * @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_TOO_LARGE if there are too many rules
   */
  async expire(
    pattern: KeyPattern,
    ttlMs: number | undefined,
    terms: ChangeTerms = {},
  ): Promise<Lifetime | undefined> {
    if (pattern.scope === "object") {
      return await this.#setLifetime(pattern.key, () => this.#fromNow(ttlMs ?? 0), terms);
    }
    const name = retentionName(pattern);
    await this.#host.retention.setRule(name, ttlMs, terms.durability);
    this.#recordTtl(name, ttlMs ?? null, terms.actor);
    this.#host.sweep.arm();
    return ttlMs === undefined ? undefined : this.#fromNow(ttlMs);
  }

  /**
   * Renews an object's time by its time to live, or until a requested later time; never shortens
   * it.
   * @returns undefined if its time is unlimited.
   * @throws {CacheError} OBJECT_NOT_FOUND; INVALID_REQUEST if the requested time is too far away
   */
  async renew(key: ObjectKey, wantedUntilMs = 0, terms: ChangeTerms = {}): Promise<Lifetime | undefined> {
    if (wantedUntilMs > this.#host.nowMs() + LIMITS.ttlMsMax) {
      throw new CacheError(
        "INVALID_REQUEST",
        `the longest time to live is ${LIMITS.ttlMsMax / 1000} seconds`,
      );
    }
    const longer = (now: Lifetime | undefined) => {
      if (now === undefined) return undefined;
      const untilMs = Math.max(now.untilMs, wantedUntilMs, this.#host.nowMs() + now.ttlMs);
      return { untilMs, ttlMs: now.ttlMs };
    };
    return await this.#setLifetime(key, longer, terms);
  }

  /** The expiry of an object; undefined: unlimited. */
  lifetimeOf(entry: IndexEntry): Lifetime | undefined {
    return this.#host.retention.lifetimes.of(entry);
  }

  /** True if a pin of the object, its session or its application protects it from eviction. */
  isPinned(entry: IndexEntry): boolean {
    return this.#host.retention.pins.isPinned(entry.key);
  }

  async #setLifetime(
    key: ObjectKey,
    change: (now: Lifetime | undefined) => Lifetime | undefined,
    { durability, actor }: ChangeTerms,
  ): Promise<Lifetime | undefined> {
    // Finds objects outside the index too; then again under the lock, which excludes replacements.
    await this.#host.stat(key);
    return await this.#host.locks.run(formatObjectKey(key), async () => {
      const entry = this.#host.present(key);
      if (entry === undefined) throw new CacheError("OBJECT_NOT_FOUND");
      const lifetime = change(this.lifetimeOf(entry));
      if (lifetime !== undefined) {
        await this.#host.retention.setLifetime(entry, lifetime, durability);
        this.#recordTtl(formatObjectKey(key), lifetime.ttlMs === 0 ? null : lifetime.ttlMs, actor);
      }
      this.#host.sweep.arm();
      return lifetime !== undefined && Number.isFinite(lifetime.untilMs) ? lifetime : undefined;
    });
  }

  #recordTtl(name: string, ttlMs: number | null, by: string | undefined): void {
    this.#host.events?.record({ name, event: "ttl", by, details: { ttlMs } });
  }

  #fromNow(ttlMs: number): Lifetime {
    return { untilMs: ttlMs === 0 ? Number.POSITIVE_INFINITY : this.#host.nowMs() + ttlMs, ttlMs };
  }
}
