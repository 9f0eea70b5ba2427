/**
 * Pins, leases and times to live, as clients set them.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { KeyPattern, ObjectKey } from "../object/object-key.ts";
import type { Lifetime } from "../object/object-metadata.ts";
import type { Durability } from "../storage/object-storage.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { Pin } from "./retention/pins.ts";

/** How a pin or a time to live is changed. */
export interface ChangeTerms {
  readonly durability?: Durability | undefined;
  /** The caller, for the event journal. */
  readonly actor?: string | undefined;
}

export interface Retaining {
  /**
   * Protects what matches a pattern from eviction, including later objects. A longer pin stays as
   * it is.
   * @param ttlMs undefined: until it is unpinned.
   * @throws {CacheError} OBJECT_NOT_FOUND if the named object does not exist; OBJECT_TOO_LARGE if
   *   there are too many pins
   */
  pin(pattern: KeyPattern, ttlMs?: number, terms?: ChangeTerms): Promise<Pin>;
  /** Removes the pin of this name; pins of other names stay. @returns false if there was none. */
  unpin(pattern: KeyPattern, terms?: ChangeTerms): Promise<boolean>;
  /**
   * Sets the time to live of what matches a pattern: of an object, from now on; of a session or
   * application, for each object from its put, and for existing objects without a time of their
   * own, from now on.
   * @param ttlMs undefined: unlimited; for a session or application: removes the rule.
   * @returns the expiry of the object or of existing objects; undefined: unlimited.
   * @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_TOO_LARGE if there are too many rules
   */
  expire(pattern: KeyPattern, ttlMs: number | undefined, terms?: ChangeTerms): Promise<Lifetime | undefined>;
  /**
   * Renews an object's time by its time to live, or until a requested later time; never shortens
   * it.
   * @returns undefined if its time is unlimited.
   * @throws {CacheError} OBJECT_NOT_FOUND; INVALID_REQUEST if the requested time is too far away
   */
  renew(key: ObjectKey, wantedUntilMs?: number, terms?: ChangeTerms): Promise<Lifetime | undefined>;
  /** The expiry of an object; undefined: unlimited. */
  lifetimeOf(entry: IndexEntry): Lifetime | undefined;
  /** True if a pin of the object, its session or its application protects it from eviction. */
  isPinned(entry: IndexEntry): boolean;
  /** Names of these pins. */
  pinsOf(key: ObjectKey): readonly string[];
}

/** @throws {CacheError} INVALID_REQUEST */
export function refuseTooLate(wantedUntilMs: number, nowMs: number): void {
  if (wantedUntilMs <= nowMs + LIMITS.ttlMsMax) return;
  throw new CacheError("INVALID_REQUEST", `the longest time to live is ${LIMITS.ttlMsMax / 1000} seconds`);
}

/** The lifetime after a renewal; undefined: it is unlimited and stays so. */
export function renewed(
  now: Lifetime | undefined,
  wantedUntilMs: number,
  nowMs: number,
): Lifetime | undefined {
  if (now === undefined || !Number.isFinite(now.untilMs)) return undefined;
  return { untilMs: Math.max(now.untilMs, wantedUntilMs, nowMs + now.ttlMs), ttlMs: now.ttlMs };
}
