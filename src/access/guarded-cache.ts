/**
 * The cache as one caller may use it: every operation checks the caller's rules first.
 *
 * Handlers of all protocols get only this interface, so none of them can reach an object without a
 * check, and none checks by itself. A denied operation looks nothing up, so its error does not
 * reveal whether the object exists. Puts and patches are charged to quotas. An anonymous caller who
 * may do everything uses the cache directly, unless there are quotas.
 * Cost: one call of AccessPolicy.allows per operation, and one lookup per quota and put.
 */
import type { ObjectEvent } from "../cache/events/object-event.ts";
import type { ObjectStory } from "../cache/events/object-story.ts";
import type { IndexEntry } from "../cache/index-entry.ts";
import type { ObjectCache } from "../cache/object-cache.ts";
import type { OpenedObject } from "../cache/object-reading.ts";
import type { TopReport } from "../cache/observing.ts";
import type { Draft, PutOptions } from "../cache/put-draft.ts";
import type { ChangeTerms, Retaining } from "../cache/retaining.ts";
import type { KeyRange } from "../cache/sorted-list.ts";
import { CacheError } from "../errors.ts";
import {
  formatKeyPattern,
  type KeyPattern,
  type ObjectKey,
  parseObjectKey,
  type SessionPrefix,
} from "../object/object-key.ts";
import type { ObjectKind } from "../object/object-metadata.ts";
import type { AccessVerb } from "./access-policy.ts";
import type { Identity } from "./identity.ts";
import type { Quotas } from "./quotas.ts";

/** What handlers use of the cache. */
export type CacheUse = Omit<
  ObjectCache,
  "start" | "stop" | "usage" | "counts" | "space" | "reach" | "replicas"
>;

type Observing = ObjectCache["observing"];

/** Each of them tells its holder whether an object exists. */
const OBJECT_VERBS: readonly AccessVerb[] = ["get", "put", "patch", "delete", "list"];

/** The cache for this caller. Puts of a caller with a name are marked with it. */
export function cacheFor(cache: ObjectCache, identity: Identity, quotas: Quotas): CacheUse {
  const isOpen = identity.policy.allowsEverything && identity.name === undefined;
  return isOpen && !quotas.isOn ? cache : new GuardedCache(cache, identity, quotas);
}

/** @throws {CacheError} PERMISSION_DENIED */
export function authorize(identity: Identity, verb: AccessVerb, pattern: KeyPattern): void {
  if (!identity.policy.allows(verb, pattern)) throw denied(identity, verb, pattern);
}

class GuardedCache implements CacheUse {
  readonly retaining: Retaining;
  readonly observing: Observing;
  readonly #cache: ObjectCache;
  readonly #identity: Identity;
  readonly #quotas: Quotas;

  constructor(cache: ObjectCache, identity: Identity, quotas: Quotas) {
    this.#cache = cache;
    this.#identity = identity;
    this.#quotas = quotas;
    this.retaining = new GuardedRetaining(cache.retaining, identity);
    this.observing = new GuardedObserving(cache.observing, identity);
  }

  get capabilities(): CacheUse["capabilities"] {
    return this.#cache.capabilities;
  }

  get schemas(): CacheUse["schemas"] {
    return this.#cache.schemas;
  }

  draftPut(key: ObjectKey, kind: ObjectKind, options?: PutOptions): Draft {
    this.#authorize("put", key);
    const charged = this.#quotas.begin(key, this.#identity.name, false);
    return charged.draft(this.#cache.draftPut(key, kind, this.#marked(options)));
  }

  /** The rules apply to the complete key, whose object id the cache makes. */
  draftCreate(prefix: SessionPrefix, kind: ObjectKind, options?: PutOptions): Draft {
    const draft = this.#cache.draftCreate(prefix, kind, this.#marked(options));
    try {
      if (!this.#allows("put", draft.key))
        throw denied(this.#identity, "put", { scope: "session", ...prefix });
      return this.#quotas.begin(draft.key, this.#identity.name, false).draft(draft);
    } catch (error) {
      void draft.discard();
      throw error;
    }
  }

  async draftPatch(...[key, ...more]: Parameters<ObjectCache["draftPatch"]>): Promise<Draft> {
    this.#authorize("patch", key);
    const charged = this.#quotas.begin(key, this.#identity.name, true);
    try {
      return charged.draft(await this.#cache.draftPatch(key, ...more));
    } catch (error) {
      charged.end();
      throw error;
    }
  }

  /**
   * A ticket may name one of two keys. To a caller who may do nothing with an object, the object
   * does not exist.
   */
  async find(key: ObjectKey): Promise<IndexEntry | undefined> {
    return this.#mayKnow(key) ? await this.#cache.find(key) : undefined;
  }

  isIndexed(key: ObjectKey): boolean | undefined {
    return this.#mayKnow(key) ? this.#cache.isIndexed(key) : false;
  }

  async stat(key: ObjectKey): Promise<IndexEntry> {
    this.#authorize("get", key);
    return await this.#cache.stat(key);
  }

  async open(...[key, ...more]: Parameters<ObjectCache["open"]>): Promise<OpenedObject> {
    this.#authorize("get", key);
    return await this.#cache.open(key, ...more);
  }

  async locate(key: ObjectKey): ReturnType<ObjectCache["locate"]> {
    this.#authorize("get", key);
    return await this.#cache.locate(key);
  }

  async *list(pattern: KeyPattern): AsyncGenerator<readonly IndexEntry[], void, void> {
    const { policy } = this.#identity;
    const scope = policy.listScope(pattern);
    if (scope === "none") throw denied(this.#identity, "list", pattern);
    if (scope === "all") return yield* this.#cache.list(pattern);
    for await (const page of this.#cache.list(pattern)) {
      yield page.filter(({ key }) => policy.allows("list", { scope: "object", key }));
    }
  }

  async *listSorted(range: KeyRange): AsyncGenerator<readonly IndexEntry[], void, void> {
    const { policy } = this.#identity;
    const scope = policy.listScope(range.pattern);
    if (scope === "none") throw denied(this.#identity, "list", range.pattern);
    if (scope === "all") return yield* this.#cache.listSorted(range);
    yield* this.#cache.listSorted(range, (key) => this.#allows("list", key));
  }

  async delete(...[pattern, durability, more]: Parameters<ObjectCache["delete"]>): Promise<number> {
    authorize(this.#identity, "delete", pattern);
    return await this.#cache.delete(pattern, durability, { actor: this.#identity.name, ...more });
  }

  reportDamage(...report: Parameters<ObjectCache["reportDamage"]>): void {
    this.#cache.reportDamage(...report);
  }

  #allows(verb: AccessVerb, key: ObjectKey): boolean {
    return this.#identity.policy.allows(verb, { scope: "object", key });
  }

  #marked(options: PutOptions | undefined): PutOptions {
    return { ttlMs: options?.ttlMs, putBy: this.#identity.name };
  }

  #mayKnow(key: ObjectKey): boolean {
    return OBJECT_VERBS.some((verb) => this.#allows(verb, key));
  }

  #authorize(verb: AccessVerb, key: ObjectKey): void {
    authorize(this.#identity, verb, { scope: "object", key });
  }
}

/** Lifetimes and pins are a part of putting: a caller with `put` may replace the object anyway. */
class GuardedRetaining implements Retaining {
  readonly #retaining: Retaining;
  readonly #identity: Identity;

  constructor(retaining: Retaining, identity: Identity) {
    this.#retaining = retaining;
    this.#identity = identity;
  }

  async pin(...[pattern, ttlMs, terms]: Parameters<Retaining["pin"]>): ReturnType<Retaining["pin"]> {
    authorize(this.#identity, "put", pattern);
    return await this.#retaining.pin(pattern, ttlMs, this.#by(terms));
  }

  async unpin(...[pattern, terms]: Parameters<Retaining["unpin"]>): Promise<boolean> {
    authorize(this.#identity, "put", pattern);
    return await this.#retaining.unpin(pattern, this.#by(terms));
  }

  async expire(...[pattern, ttlMs, terms]: Parameters<Retaining["expire"]>): ReturnType<Retaining["expire"]> {
    authorize(this.#identity, "put", pattern);
    return await this.#retaining.expire(pattern, ttlMs, this.#by(terms));
  }

  async renew(...[key, untilMs, terms]: Parameters<Retaining["renew"]>): ReturnType<Retaining["renew"]> {
    authorize(this.#identity, "put", { scope: "object", key });
    return await this.#retaining.renew(key, untilMs, this.#by(terms));
  }

  lifetimeOf(entry: IndexEntry): ReturnType<Retaining["lifetimeOf"]> {
    return this.#retaining.lifetimeOf(entry);
  }

  isPinned(entry: IndexEntry): boolean {
    return this.#retaining.isPinned(entry);
  }

  pinsOf(key: ObjectKey): readonly string[] {
    return this.#retaining.pinsOf(key);
  }

  #by(terms: ChangeTerms | undefined): ChangeTerms {
    return { actor: this.#identity.name, ...terms };
  }
}

class GuardedObserving implements Observing {
  readonly #observing: Observing;
  readonly #identity: Identity;

  constructor(observing: Observing, identity: Identity) {
    this.#observing = observing;
    this.#identity = identity;
  }

  /** Without the names of other objects that the caller may not list. */
  async why(key: ObjectKey): Promise<ObjectStory> {
    authorize(this.#identity, "list", { scope: "object", key });
    const story = await this.#observing.why(key);
    return { ...story, events: story.events.map((event) => this.#visible(event)) };
  }

  async top(): Promise<TopReport> {
    authorize(this.#identity, "admin", { scope: "all" });
    return await this.#observing.top();
  }

  /** An eviction names the object that was put, and its caller. */
  #visible(event: ObjectEvent): ObjectEvent {
    const { put, ...details } = event.details ?? {};
    return put === undefined || this.#mayList(put) ? event : { ...event, by: undefined, details };
  }

  /** A line of the journal that somebody damaged may hold any text. */
  #mayList(name: string): boolean {
    try {
      return this.#identity.policy.allows("list", { scope: "object", key: parseObjectKey(name) });
    } catch {
      return false;
    }
  }
}

/** The key is a fact for the log, and not in the text. */
function denied({ name }: Identity, verb: AccessVerb, pattern: KeyPattern): CacheError {
  const caller = name === undefined ? "an anonymous caller" : JSON.stringify(name);
  return new CacheError("PERMISSION_DENIED", `${caller} may not ${verb} here`, {
    facts: { identity: name, verb, key: formatKeyPattern(pattern) },
  });
}
