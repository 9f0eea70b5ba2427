/**
 * The times until which objects may be served.
 *
 * An object's own time has priority: set at its put, or later for the same base. Otherwise the rule
 * of its session applies, then that of its application: a time to live from the put, and for
 * objects older than the rule, from the time the rule was set. A rule that applies to a put becomes
 * the object's own time. Only objects with their own time use memory here. Times are wall-clock ms
 * since 1970 and are checked at each lookup; the background sweep removes expired objects.
 */
import { formatObjectKey, type ObjectKey } from "../../object/object-key.ts";
import type { Lifetime } from "../../object/object-metadata.ts";
import { ExpiryQueue } from "./expiry-queue.ts";

/** An index entry with its lifetime. */
export interface Mortal {
  readonly key: ObjectKey;
  readonly baseVersion: number;
}

/** The time to live of objects that are put under a name. */
export class LifetimeRule {
  /** `app` or `app/session`. */
  readonly name: string;
  readonly ttlMs: number;
  readonly setAtMs: number;

  constructor(name: string, ttlMs: number, setAtMs: number) {
    this.name = name;
    this.ttlMs = ttlMs;
    this.setAtMs = setAtMs;
  }

  /** When objects older than the rule expire. */
  get endMs(): number {
    return this.setAtMs + this.ttlMs;
  }
}

/** A lifetime set after an object's put; valid only for this base. */
export interface JournaledLifetime {
  readonly baseVersion: number;
  readonly lifetime: Lifetime;
}

export class Lifetimes {
  readonly #nowMs: () => number;
  readonly #rules = new Map<string, LifetimeRule>();
  /** By key. */
  readonly #journaled = new Map<string, JournaledLifetime>();
  readonly #own = new Map<Mortal, Lifetime>();
  readonly #due = new ExpiryQueue<Mortal | LifetimeRule>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get ruleCount(): number {
    return this.#rules.size;
  }

  get journaledCount(): number {
    return this.#journaled.size;
  }

  rules(): Iterable<LifetimeRule> {
    return this.#rules.values();
  }

  rule(name: string): LifetimeRule | undefined {
    return this.#rules.get(name);
  }

  /** By key. */
  journaled(): Iterable<[string, JournaledLifetime]> {
    return this.#journaled;
  }

  journaledOf(name: string): JournaledLifetime | undefined {
    return this.#journaled.get(name);
  }

  /** The next due time, ms. */
  get nextDueMs(): number | undefined {
    return this.#due.nextDueMs;
  }

  /**
   * The lifetime of an object that is put now. @param ttlMs of the put; 0: unlimited, even under a
   * rule.
   */
  forPut(key: ObjectKey, ttlMs: number | undefined): Lifetime | undefined {
    const wanted = ttlMs ?? this.#ruleFor(key)?.ttlMs;
    if (wanted === undefined) return undefined;
    if (wanted === 0) return { untilMs: Number.POSITIVE_INFINITY, ttlMs: 0 };
    return { untilMs: this.#nowMs() + wanted, ttlMs: wanted };
  }

  /** An object was added. @param stored the lifetime in its file; one set later overrides it. */
  entered(object: Mortal, stored: Lifetime | undefined): void {
    const journaled =
      this.#journaled.size === 0 ? undefined : this.#journaled.get(formatObjectKey(object.key));
    const lifetime = journaled?.baseVersion === object.baseVersion ? journaled.lifetime : stored;
    if (lifetime !== undefined) this.#setOwn(object, lifetime);
  }

  /** An object was removed or replaced. */
  left(object: Mortal): void {
    this.#dropOwn(object);
    if (this.#journaled.size === 0) return;
    const name = formatObjectKey(object.key);
    if (this.#journaled.get(name)?.baseVersion === object.baseVersion) this.#journaled.delete(name);
  }

  /** The lifetime, its own or by a rule; undefined: unlimited. */
  of(object: Mortal): Lifetime | undefined {
    const own = this.#own.get(object);
    if (own !== undefined) return Number.isFinite(own.untilMs) ? own : undefined;
    const rule = this.#ruleFor(object.key);
    return rule && { untilMs: rule.endMs, ttlMs: rule.ttlMs };
  }

  /**
   * The name of the rule that set the lifetime of an object. A rule that applied to the put is
   * recognised by its time to live.
   */
  ruleNameOf(object: Mortal): string | undefined {
    const rule = this.#ruleFor(object.key);
    const own = this.#own.get(object);
    return own === undefined || own.ttlMs === rule?.ttlMs ? rule?.name : undefined;
  }

  /** Like `of`, but returns an explicit unlimited lifetime: the one that a copy gets. */
  forCopy(object: Mortal): Lifetime | undefined {
    return this.#own.get(object) ?? this.of(object);
  }

  isExpired(object: Mortal): boolean {
    if (this.#own.size === 0 && this.#rules.size === 0) return false;
    const lifetime = this.of(object);
    return lifetime !== undefined && lifetime.untilMs <= this.#nowMs();
  }

  /** Sets the lifetime of an object that exists or may be found later. */
  record(name: string, journaled: JournaledLifetime, object: Mortal | undefined): void {
    this.#journaled.set(name, journaled);
    if (object !== undefined) this.#setOwn(object, journaled.lifetime);
  }

  /** Forgets the lifetime that was set for a deleted object. */
  dropJournaled(name: string): void {
    this.#journaled.delete(name);
  }

  setRule(rule: LifetimeRule): void {
    this.dropRule(rule.name);
    this.#rules.set(rule.name, rule);
    this.#due.add(rule, rule.endMs);
  }

  dropRule(name: string): void {
    const rule = this.#rules.get(name);
    if (rule === undefined) return;
    this.#rules.delete(name);
    this.#due.delete(rule, rule.endMs);
  }

  /** Returns expired objects, and rules whose older objects have expired. */
  takeDue(countMax: number): (Mortal | LifetimeRule)[] {
    return this.#due.takeDue(this.#nowMs(), countMax);
  }

  #setOwn(object: Mortal, lifetime: Lifetime): void {
    this.#dropOwn(object);
    this.#own.set(object, lifetime);
    if (Number.isFinite(lifetime.untilMs)) this.#due.add(object, lifetime.untilMs);
  }

  #dropOwn(object: Mortal): void {
    const own = this.#own.get(object);
    if (own === undefined) return;
    this.#own.delete(object);
    if (Number.isFinite(own.untilMs)) this.#due.delete(object, own.untilMs);
  }

  #ruleFor({ applicationId, sessionId }: ObjectKey): LifetimeRule | undefined {
    if (this.#rules.size === 0) return undefined;
    return this.#rules.get(`${applicationId}/${sessionId}`) ?? this.#rules.get(applicationId);
  }
}
