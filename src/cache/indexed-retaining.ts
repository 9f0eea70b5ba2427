/**
 * Pins, leases and times to live of indexed objects.
 *
 * Checks that the target exists, journals the change, then updates the budget and the sweep.
 */
import { CacheError } from "../errors.ts";
import { formatObjectKey, type KeyPattern, type ObjectKey } from "../object/object-key.ts";
import type { Lifetime } from "../object/object-metadata.ts";
import type { EventJournal } from "./events/event-journal.ts";
import type { ExpirySweep } from "./expiry-sweep.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { KeyLocks } from "./key-locks.ts";
import { type ChangeTerms, type Retaining, refuseTooLate, renewed } from "./retaining.ts";
import type { Pin } from "./retention/pins.ts";
import { type Retention, retentionName } from "./retention/retention.ts";

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

export class IndexedRetaining implements Retaining {
  readonly #host: RetainingHost;

  constructor(host: RetainingHost) {
    this.#host = host;
  }

  async pin(pattern: KeyPattern, ttlMs?: number, { durability, actor }: ChangeTerms = {}): Promise<Pin> {
    const { retention, sweep, events } = this.#host;
    if (pattern.scope === "object") await this.#host.stat(pattern.key);
    const pin = await retention.pin(retentionName(pattern), ttlMs, durability);
    events?.record({ name: pin.name, event: "pinned", by: actor, details: { ttlMs: ttlMs ?? null } });
    await sweep.repin(pin.name);
    sweep.arm();
    return pin;
  }

  async unpin(pattern: KeyPattern, { durability, actor }: ChangeTerms = {}): Promise<boolean> {
    const name = retentionName(pattern);
    const wasPinned = await this.#host.retention.unpin(name, durability);
    if (!wasPinned) return false;
    this.#host.events?.record({ name, event: "unpinned", by: actor });
    await this.#host.sweep.repin(name);
    return true;
  }

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

  async renew(key: ObjectKey, wantedUntilMs = 0, terms: ChangeTerms = {}): Promise<Lifetime | undefined> {
    const { nowMs } = this.#host;
    refuseTooLate(wantedUntilMs, nowMs());
    return await this.#setLifetime(key, (now) => renewed(now, wantedUntilMs, nowMs()), terms);
  }

  lifetimeOf(entry: IndexEntry): Lifetime | undefined {
    return this.#host.retention.lifetimes.of(entry);
  }

  isPinned({ key }: IndexEntry): boolean {
    return this.#host.retention.pins.isPinned(key);
  }

  pinsOf(key: ObjectKey): readonly string[] {
    return this.#host.retention.pins.namesFor(key);
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
