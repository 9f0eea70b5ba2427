/**
 * Creates a policy by its name in the configuration.
 *
 * Each call creates a new policy, which keeps the order of one owner's items. To add a policy, add
 * a line.
 */
import { AdaptivePolicy } from "./adaptive-policy.ts";
import type { EvictionPolicy } from "./eviction-policy.ts";
import { LruPolicy } from "./lru-policy.ts";
import { NoEviction } from "./no-eviction.ts";
import { S3FifoPolicy } from "./s3-fifo-policy.ts";

export const POLICIES = {
  adaptive: () => new AdaptivePolicy(),
  lru: () => new LruPolicy(),
  "s3-fifo": () => new S3FifoPolicy(),
  none: () => new NoEviction(),
} as const satisfies Record<string, () => EvictionPolicy>;

export type PolicyName = keyof typeof POLICIES;

export function openPolicy(name: PolicyName): EvictionPolicy {
  return POLICIES[name]();
}
