/**
 * Nobody leaves: what does not fit is refused. For those who would rather see an error than lose an object.
 */
import type { EvictionPolicy } from "./eviction-policy.ts";

export class NoEviction implements EvictionPolicy {
  admitted(): void {}

  touched(): void {}

  removed(): void {}

  victims(): Iterable<string> {
    return [];
  }
}
