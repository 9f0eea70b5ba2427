/**
 * Nobody leaves: what does not fit is refused. For those who would rather see an error than lose an object.
 *
 * Source: none, it is the absence of a policy. Weakness: full is full, until somebody deletes. Cost: nothing.
 */
import type { Evictable, EvictionPolicy } from "./eviction-policy.ts";

export class NoEviction implements EvictionPolicy {
  admitted(): void {}

  touched(): void {}

  removed(): void {}

  victims(): Iterable<Evictable> {
    return [];
  }
}
