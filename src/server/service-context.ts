/**
 * What every method of the Flight service works with: the cache, and how this server is reached.
 */
import type { ObjectCache } from "../cache/object-cache.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import { encodeObjectRef } from "../object/object-ref.ts";

export class ServiceContext {
  readonly cache: ObjectCache;
  /** What clients dial; the same from call to call. */
  readonly endpoint: string;

  constructor(cache: ObjectCache, endpoint: string) {
    this.cache = cache;
    this.endpoint = endpoint;
  }

  /** The reference to one version of an object, as BSON. */
  encodeRef(key: ObjectKey, version: number): Uint8Array {
    return encodeObjectRef({ endpoint: this.endpoint, key: formatObjectKey(key), version });
  }
}
