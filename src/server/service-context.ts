/**
 * What every method of the Flight service works with: the cache, how this server is reached, and whether it is stopping.
 */
import type { ObjectCache } from "../cache/object-cache.ts";
import type { ValidationLevel } from "../config/cache-config.ts";
import { FooterMemory } from "../object/footer-memory.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import { encodeObjectRef } from "../object/object-ref.ts";
import type { Durability } from "../storage/object-storage.ts";
import { ServerInstance } from "./get-terms.ts";

export interface ServiceFacts {
  readonly cache: ObjectCache;
  /** What clients dial; the same from call to call. */
  readonly endpoint: string;
  /** Aborted when the server begins to stop: calls that would go on for ever end then. */
  readonly stopping: AbortSignal;
  /** What an answer promises where the call does not ask for more; `restart` by default. */
  readonly durability?: Durability;
  /** How closely the batches of a table are looked at when they are put; `structure` by default. */
  readonly validation?: ValidationLevel;
}

export class ServiceContext implements ServiceFacts {
  readonly durability: Durability;
  readonly validation: ValidationLevel;
  readonly cache: ObjectCache;
  readonly endpoint: string;
  readonly stopping: AbortSignal;
  readonly footerMemory = new FooterMemory();
  readonly instance = new ServerInstance();

  constructor({ cache, endpoint, stopping, ...terms }: ServiceFacts) {
    this.durability = terms.durability ?? "restart";
    this.validation = terms.validation ?? "structure";
    this.cache = cache;
    this.endpoint = endpoint;
    this.stopping = stopping;
  }

  /** The reference to one version of an object, as BSON. */
  encodeRef(key: ObjectKey, version: number): Uint8Array {
    return encodeObjectRef({ endpoint: this.endpoint, key: formatObjectKey(key), version });
  }
}
