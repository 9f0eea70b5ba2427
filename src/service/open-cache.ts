/**
 * Builds the cache of a configuration: storage, memory tier, policy and budget. Starts nothing.
 */
import { ObjectCache } from "../cache/object-cache.ts";
import { StorageBudget } from "../cache/storage-budget.ts";
import type { CacheConfig } from "../config/cache-config.ts";
import { CacheError } from "../errors.ts";
import { openPolicy } from "../eviction/open-policy.ts";
import { LIMITS } from "../limits.ts";
import { DiskStorage } from "../storage/disk/disk-storage.ts";
import { MemoryStorage } from "../storage/memory-storage.ts";
import type { ObjectStorage } from "../storage/object-storage.ts";
import { TieredStorage } from "../storage/tier/tiered-storage.ts";

/** A budget bounds objects in memory always, and files if a capacity is set. */
export function openCache({
  storage,
  capacityBytes,
  eviction,
  durability,
  verifyReads,
}: CacheConfig): ObjectCache {
  const policy = openPolicy(eviction.policy);
  const evicting = { policy, evicts: eviction.policy !== "none" };
  if (storage.kind === "files") {
    const budget =
      capacityBytes === undefined ? undefined : new StorageBudget({ ...evicting, bytesMax: capacityBytes });
    const files = openFiles(storage.directory, eviction);
    return new ObjectCache(files, { budget, verifiesReads: verifyReads === "always" });
  }
  if (durability === "power-loss") {
    const facts = { key: "cache.durability", value: durability };
    throw new CacheError("INVALID_CONFIG", "objects of storage none cannot survive a power loss", { facts });
  }
  const memory = new MemoryStorage({ bytesMax: eviction.maxMemoryBytes });
  const bounds = { bytesMax: memory.objectBytesMax, objectsMax: eviction.maxObjects };
  const fileOverheadBytes = LIMITS.memoryFileOverheadBytes;
  const budget = new StorageBudget({ ...evicting, ...bounds, fileOverheadBytes });
  return new ObjectCache(memory, { budget });
}

/**
 * The memory tier always has a policy, even with policy `none`: its evictions lose no object.
 * Without memory there is no tier.
 */
function openFiles(directory: string, { policy, maxMemoryBytes }: CacheConfig["eviction"]): ObjectStorage {
  const disk = new DiskStorage({ directory });
  if (maxMemoryBytes === 0) return disk;
  const tierPolicy = openPolicy(policy === "none" ? "adaptive" : policy);
  return new TieredStorage({ disk, policy: tierPolicy, bytesMax: maxMemoryBytes });
}
