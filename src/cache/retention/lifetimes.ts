/**
 * Until when objects may be served.
 *
 * An object's own time goes first: told at its put, or later for this base of it. Else the rule of its session holds, else
 * that of its application: so many ms from the put, and for what was there before the rule, from when the rule was set.
 * What a rule gives to a put becomes the object's own time. Only objects with a time of their own cost memory here.
 * The time is that of the wall clock, ms since 1970, and is looked at whenever an object is asked for; removing it is
 * the background's affair.
 */
import { formatObjectKey, type ObjectKey } from "../../object/object-key.ts";
import type { Lifetime } from "../../object/object-metadata.ts";
import { ExpiryQueue } from "./expiry-queue.ts";

/** An index entry, as far as its time is concerned. */
export interface Mortal {
  readonly key: ObjectKey;
  readonly baseVersion: number;
}

/** How long objects live that are put under a name. */
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

  /** When what was there before the rule is over. */
  get endMs(): number {
    return this.setAtMs + this.ttlMs;
  }
}

/** What was told of an object after its put; holds for this base only. */
export interface ToldLifetime {
  readonly baseVersion: number;
  readonly lifetime: Lifetime;
}

export class Lifetimes {
  readonly #nowMs: () => number;
  readonly #rules = new Map<string, LifetimeRule>();
  /** By key. */
  readonly #told = new Map<string, ToldLifetime>();
  readonly #own = new Map<Mortal, Lifetime>();
  readonly #due = new ExpiryQueue<Mortal | LifetimeRule>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get ruleCount(): number {
    return this.#rules.size;
  }

  get toldCount(): number {
    return this.#told.size;
  }

  rules(): Iterable<LifetimeRule> {
    return this.#rules.values();
  }

  rule(name: string): LifetimeRule | undefined {
    return this.#rules.get(name);
  }

  /** By key. */
  told(): Iterable<[string, ToldLifetime]> {
    return this.#told;
  }

  toldOf(name: string): ToldLifetime | undefined {
    return this.#told.get(name);
  }

  /** When something is due next, ms. */
  get nextDueMs(): number | undefined {
    return this.#due.nextDueMs;
  }

  /** The time an object gets that is put now. @param ttlMs what the put says; 0: without end, also where a rule holds. */
  forPut(key: ObjectKey, ttlMs: number | undefined): Lifetime | undefined {
    const wanted = ttlMs ?? this.#ruleFor(key)?.ttlMs;
    if (wanted === undefined) return undefined;
    if (wanted === 0) return { untilMs: Number.POSITIVE_INFINITY, ttlMs: 0 };
    return { untilMs: this.#nowMs() + wanted, ttlMs: wanted };
  }

  /** An object has come. @param stored what its file says; what was told later goes before it. */
  entered(object: Mortal, stored: Lifetime | undefined): void {
    const told = this.#told.size === 0 ? undefined : this.#told.get(formatObjectKey(object.key));
    const lifetime = told?.baseVersion === object.baseVersion ? told.lifetime : stored;
    if (lifetime !== undefined) this.#setOwn(object, lifetime);
  }

  /** An object has left, or was replaced. */
  left(object: Mortal): void {
    this.#dropOwn(object);
    if (this.#told.size === 0) return;
    const name = formatObjectKey(object.key);
    if (this.#told.get(name)?.baseVersion === object.baseVersion) this.#told.delete(name);
  }

  /** The time it has, its own or by a rule; undefined: no end. */
  of(object: Mortal): Lifetime | undefined {
    const own = this.#own.get(object);
    if (own !== undefined) return Number.isFinite(own.untilMs) ? own : undefined;
    const rule = this.#ruleFor(object.key);
    return rule && { untilMs: rule.endMs, ttlMs: rule.ttlMs };
  }

  /** As `of`, but says of an object that it has no end where it was told so: what a copy of it gets. */
  forCopy(object: Mortal): Lifetime | undefined {
    return this.#own.get(object) ?? this.of(object);
  }

  isExpired(object: Mortal): boolean {
    if (this.#own.size === 0 && this.#rules.size === 0) return false;
    const lifetime = this.of(object);
    return lifetime !== undefined && lifetime.untilMs <= this.#nowMs();
  }

  /** Of an object that is there, or perhaps will be found. */
  tell(name: string, told: ToldLifetime, object: Mortal | undefined): void {
    this.#told.set(name, told);
    if (object !== undefined) this.#setOwn(object, told.lifetime);
  }

  /** Forgets what was told of an object that is no more. */
  dropTold(name: string): void {
    this.#told.delete(name);
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

  /** Objects whose time is over, and rules by which those are over that were there before them. */
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
