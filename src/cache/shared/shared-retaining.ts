/**
 * Pins and times to live of objects in a shared store.
 *
 * An object's time to live is in the store, and ends by the store's clock. A pin protects from
 * eviction, and nothing is evicted from the store: it is accepted, and known to this replica only.
 * Times to live of sessions and applications would be one more shared state, which there is not.
 */
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { formatObjectKey, type KeyPattern, type ObjectKey } from "../../object/object-key.ts";
import type { Lifetime } from "../../object/object-metadata.ts";
import { type ChangeLifetime, lifetimeFrom } from "../../storage/s3/object-changes.ts";
import type { EventName } from "../events/object-event.ts";
import type { IndexEntry } from "../index-entry.ts";
import { type ChangeTerms, type Retaining, refuseTooLate, renewed } from "../retaining.ts";
import { type Pin, Pins } from "../retention/pins.ts";
import { retentionName } from "../retention/retention.ts";
import { lifetimeMs, type SharedContext } from "./shared-drafts.ts";
import { SharedEntry } from "./shared-entry.ts";

export class SharedRetaining implements Retaining {
  readonly #context: SharedContext;
  readonly #pins = new Pins(Date.now);

  constructor(context: SharedContext) {
    this.#context = context;
  }

  async pin(pattern: KeyPattern, ttlMs?: number, { actor }: ChangeTerms = {}): Promise<Pin> {
    if (pattern.scope === "object" && (await this.#context.find(pattern.key)) === undefined)
      throw new CacheError("OBJECT_NOT_FOUND");
    const untilMs = ttlMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + ttlMs;
    const pin = { name: retentionName(pattern), untilMs };
    this.#pins.takeEnded(LIMITS.retentionRulesMax);
    const old = this.#pins.get(pin.name);
    if (old !== undefined && old.untilMs >= untilMs) return old;
    if (this.#pins.count >= LIMITS.retentionRulesMax)
      throw new CacheError("OBJECT_TOO_LARGE", `there are ${LIMITS.retentionRulesMax} pins already`);
    this.#pins.set(pin);
    this.#record(pin.name, "pinned", actor, { ttlMs: ttlMs ?? null });
    return pin;
  }

  async unpin(pattern: KeyPattern, { actor }: ChangeTerms = {}): Promise<boolean> {
    const name = retentionName(pattern);
    if (!this.#pins.delete(name)) return false;
    this.#record(name, "unpinned", actor);
    return true;
  }

  /** @throws {CacheError} OBJECT_NOT_FOUND; NOT_IMPLEMENTED for a session or an application */
  async expire(
    pattern: KeyPattern,
    ttlMs: number | undefined,
    { actor }: ChangeTerms = {},
  ): Promise<Lifetime | undefined> {
    if (pattern.scope !== "object") {
      throw new CacheError(
        "NOT_IMPLEMENTED",
        "with storage s3, sessions and applications have no time to live: set it for each object, or at its put",
      );
    }
    return await this.#change(pattern.key, actor, (_, nowMs) => lifetimeFrom(nowMs, lifetimeMs(ttlMs ?? 0)));
  }

  async renew(key: ObjectKey, wantedUntilMs = 0, { actor }: ChangeTerms = {}): Promise<Lifetime | undefined> {
    refuseTooLate(wantedUntilMs, Date.now());
    return await this.#change(key, actor, (now, nowMs) => renewed(now, wantedUntilMs, nowMs));
  }

  lifetimeOf(entry: IndexEntry): Lifetime | undefined {
    return entry instanceof SharedEntry ? entry.lifetime : undefined;
  }

  isPinned({ key }: IndexEntry): boolean {
    return this.#pins.isPinned(key);
  }

  pinsOf(key: ObjectKey): readonly string[] {
    return this.#pins.namesFor(key);
  }

  async #change(
    key: ObjectKey,
    by: string | undefined,
    change: ChangeLifetime,
  ): Promise<Lifetime | undefined> {
    const lifetime = await this.#context.storage.changeLifetime(key, change);
    const isLimited = lifetime !== undefined && Number.isFinite(lifetime.untilMs);
    this.#record(formatObjectKey(key), "ttl", by, { ttlMs: isLimited ? lifetime.ttlMs : null });
    return isLimited ? lifetime : undefined;
  }

  #record(name: string, event: EventName, by: string | undefined, details?: { ttlMs: number | null }): void {
    this.#context.events?.record({ name, event, by, ...(details && { details }) });
  }
}
