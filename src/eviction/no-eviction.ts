/**
 * Evicts nothing: what does not fit is refused. For users who prefer an error to a lost object.
 *
 * Source: none, it is the absence of a policy.
 * Weakness: a full cache stays full until objects are deleted.
 * Cost: nothing.
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
