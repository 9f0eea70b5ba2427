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
import type { ChangeLifetime } from "../../storage/s3/object-changes.ts";
import { lifetimeFrom } from "../../storage/s3/object-changes.ts";
import type { IndexEntry } from "../index-entry.ts";
import { type ChangeTerms, Retaining, type RetainingHost } from "../retaining.ts";
import { lifetimeMs, type SharedContext } from "./shared-drafts.ts";
import { SharedEntry } from "./shared-entry.ts";

export class SharedRetaining extends Retaining {
  readonly #context: SharedContext;

  constructor(host: RetainingHost, context: SharedContext) {
    super(host);
    this.#context = context;
  }

  /** @throws {CacheError} OBJECT_NOT_FOUND; NOT_IMPLEMENTED for a session or an application */
  override async expire(
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

  /** @throws {CacheError} OBJECT_NOT_FOUND; INVALID_REQUEST if the requested time is too far away */
  override async renew(
    key: ObjectKey,
    wantedUntilMs = 0,
    { actor }: ChangeTerms = {},
  ): Promise<Lifetime | undefined> {
    if (wantedUntilMs > Date.now() + LIMITS.ttlMsMax) {
      throw new CacheError(
        "INVALID_REQUEST",
        `the longest time to live is ${LIMITS.ttlMsMax / 1000} seconds`,
      );
    }
    return await this.#change(key, actor, (now, nowMs) => {
      if (now === undefined || !Number.isFinite(now.untilMs)) return undefined;
      return { untilMs: Math.max(now.untilMs, wantedUntilMs, nowMs + now.ttlMs), ttlMs: now.ttlMs };
    });
  }

  override lifetimeOf(entry: IndexEntry): Lifetime | undefined {
    return entry instanceof SharedEntry ? entry.lifetime : undefined;
  }

  async #change(
    key: ObjectKey,
    by: string | undefined,
    change: ChangeLifetime,
  ): Promise<Lifetime | undefined> {
    const lifetime = await this.#context.storage.changeLifetime(key, change);
    const isLimited = lifetime !== undefined && Number.isFinite(lifetime.untilMs);
    const details = { ttlMs: isLimited ? lifetime.ttlMs : null };
    this.#context.events?.record({ name: formatObjectKey(key), event: "ttl", by, details });
    return isLimited ? lifetime : undefined;
  }
}
