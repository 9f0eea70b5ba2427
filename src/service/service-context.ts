/**
 * The context of every method of the Flight service: the cache, the endpoint of this server, its
 * promises, and whether it is stopping.
 *
 * One instance per server, without state of single calls.
 */
import type { ObjectCache } from "../cache/object-cache.ts";
import type { ValidationLevel } from "../config/cache-config.ts";
import { FooterMemory } from "../object/footer-memory.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import { encodeObjectRef } from "../object/object-ref.ts";
import type { Durability } from "../storage/object-storage.ts";
import { ServerInstance } from "./flight/get-terms.ts";

export interface ServiceFacts {
  readonly cache: ObjectCache;
  /** The address that clients dial; the same for all calls. */
  readonly endpoint: string;
  /** Aborted when the server begins to stop, so that endless calls end. */
  readonly stopping: AbortSignal;
  /** The durability of calls that request none; default `restart`. */
  readonly durability?: Durability;
  /** How thoroughly the batches of a put table are checked; default `structure`. */
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
