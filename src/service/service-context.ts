/**
 * The context of every handler: the cache as the caller may use it, the endpoint of this server, its
 * promises, and whether it is stopping.
 *
 * One instance for each identity, without state of single calls.
 */
import { type CacheUse, cacheFor } from "../access/guarded-cache.ts";
import { EVERYONE, type Identity } from "../access/identity.ts";
import { Quotas } from "../access/quotas.ts";
import type { ObjectCache } from "../cache/object-cache.ts";
import type { ValidationLevel } from "../config/cache-config.ts";
import type { EffectiveSetting } from "../config/format-cache-config.ts";
import { assert } from "../errors.ts";
import { CallMetrics } from "../metrics/call-metrics.ts";
import { FooterMemory } from "../object/footer-memory.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import { ObjectRefWriter } from "../object/object-ref.ts";
import type { Durability, StorageReach } from "../storage/object-storage.ts";
import type { ServerStats } from "./admin/server-stats.ts";
import { ServerInstance } from "./flight/get-terms.ts";
import { ReplicaLocations } from "./flight/replica-locations.ts";
import { HttpTransfers } from "./http/transfers.ts";
import type { Tracing } from "./tracing.ts";

export interface ServiceFacts {
  readonly cache: ObjectCache;
  /** The address that clients dial; the same for all calls. */
  readonly endpoint: string;
  /** Endpoints of the servers over the same objects; absent: this is the only one. */
  readonly replicas?: (() => readonly string[]) | undefined;
  /** Aborted when the server begins to stop, so that endless calls end. */
  readonly stopping: AbortSignal;
  /** The durability of calls that request none; default `restart`. */
  readonly durability?: Durability;
  /** Default: none. */
  readonly quotas?: Quotas;
  /** How thoroughly the batches of a put table are checked; default `structure`. */
  readonly validation?: ValidationLevel;
  /** What the server counts. Absent: calls are counted, and nobody reads the counts. */
  readonly stats?: ServerStats;
  /** A request over HTTP without progress for this long is ended. */
  readonly idleCallMs?: number;
  /** Absent: calls have no spans. */
  readonly tracing?: Tracing | undefined;
  /** The configuration, for its readers; default: none. */
  readonly settings?: readonly EffectiveSetting[];
}

/** What the contexts of all identities share. */
interface Shared {
  readonly facts: ServiceFacts;
  readonly quotas: Quotas;
  readonly footerMemory: FooterMemory;
  readonly instance: ServerInstance;
  readonly locations: ReplicaLocations;
  readonly refs: ObjectRefWriter;
  readonly calls: CallMetrics;
  readonly transfers: HttpTransfers;
  readonly contexts: WeakMap<Identity, ServiceContext>;
}

export class ServiceContext {
  readonly identity: Identity;
  readonly cache: CacheUse;
  readonly quotas: Quotas;
  readonly durability: Durability;
  readonly validation: ValidationLevel;
  readonly endpoint: string;
  readonly stopping: AbortSignal;
  readonly footerMemory: FooterMemory;
  readonly instance: ServerInstance;
  /** Where clients get objects. */
  readonly locations: ReplicaLocations;
  /** Writes the references to objects of this server. */
  readonly refs: ObjectRefWriter;
  /** The running requests of the HTTP API. */
  readonly transfers: HttpTransfers;
  readonly #shared: Shared;

  private constructor(shared: Shared, identity: Identity) {
    const { cache, endpoint, stopping, durability, validation } = shared.facts;
    this.identity = identity;
    this.quotas = shared.quotas;
    this.cache = cacheFor(cache, identity, shared.quotas);
    this.durability = durability ?? "restart";
    this.validation = validation ?? "structure";
    this.endpoint = endpoint;
    this.stopping = stopping;
    this.footerMemory = shared.footerMemory;
    this.instance = shared.instance;
    this.locations = shared.locations;
    this.refs = shared.refs;
    this.transfers = shared.transfers;
    this.#shared = shared;
  }

  /** The context of callers who may do everything. */
  static open(facts: ServiceFacts): ServiceContext {
    const calls = facts.stats?.calls ?? new CallMetrics();
    const transfers = new HttpTransfers({ idleCallMs: facts.idleCallMs });
    const { cache, endpoint, quotas = new Quotas(cache.usage) } = facts;
    const locations = new ReplicaLocations(endpoint, facts.replicas);
    const refs = new ObjectRefWriter(endpoint);
    const shared = { footerMemory: new FooterMemory(), instance: new ServerInstance(), calls, transfers };
    return new ServiceContext(
      { facts, quotas, locations, refs, ...shared, contexts: new WeakMap() },
      EVERYONE,
    );
  }

  /** The context of another caller of the same server. */
  of(identity: Identity): ServiceContext {
    const { contexts } = this.#shared;
    const known = contexts.get(identity);
    if (known !== undefined) return known;
    const context = new ServiceContext(this.#shared, identity);
    contexts.set(identity, context);
    return context;
  }

  /** Counts of calls by method. */
  get calls(): CallMetrics {
    return this.#shared.calls;
  }

  /** Absent: the storage needs no store that can be out of reach. */
  get reach(): StorageReach | undefined {
    return this.#shared.facts.cache.reach;
  }

  /** Undefined: calls have no spans. */
  get tracing(): Tracing | undefined {
    return this.#shared.facts.tracing;
  }

  /** What the server counts and holds. */
  get stats(): ServerStats {
    const { stats } = this.#shared.facts;
    assert(stats !== undefined, "a server with HTTP routes counts");
    return stats;
  }

  /** The settings of the server. */
  get settings(): readonly EffectiveSetting[] {
    return this.#shared.facts.settings ?? [];
  }

  /** The reference to one version of an object, as BSON. */
  encodeRef(key: ObjectKey, version: number): Uint8Array {
    return this.refs.write(Buffer.from(formatObjectKey(key)), version);
  }
}
