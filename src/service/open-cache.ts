/**
 * Builds the cache of a configuration: storage, memory tier, policy, budget and event journal. Starts
 * nothing.
 */
import { EventJournal } from "../cache/events/event-journal.ts";
import { IndexedCache } from "../cache/indexed-cache.ts";
import type { ObjectCache } from "../cache/object-cache.ts";
import { SharedCache } from "../cache/shared/shared-cache.ts";
import { StorageBudget } from "../cache/storage-budget.ts";
import type { CacheConfig, EvictionConfig, LocalCacheConfig } from "../config/cache-config.ts";
import { CacheError } from "../errors.ts";
import type { EvictionPolicy } from "../eviction/eviction-policy.ts";
import { openPolicy } from "../eviction/open-policy.ts";
import { LIMITS } from "../limits.ts";
import { LocalCopies } from "../storage/copies/local-copies.ts";
import { DiskStorage } from "../storage/disk/disk-storage.ts";
import { DiskEventStore } from "../storage/disk/events/disk-event-store.ts";
import { MemoryEventStore } from "../storage/memory/memory-event-store.ts";
import { MemoryStorage } from "../storage/memory-storage.ts";
import { MemoryTier } from "../storage/tier/memory-tier.ts";
import { openBucket } from "./open-bucket.ts";

/** A budget bounds objects in memory always, and files if a capacity is set. */
export function openCache({
  storage,
  capacityBytes,
  eviction,
  durability,
  verifyReads,
  journalBytes,
}: CacheConfig): ObjectCache {
  const policy = openPolicy(eviction.policy);
  const evicting = { policy, evicts: eviction.policy !== "none" };
  if (storage.kind === "files") {
    const budget =
      capacityBytes === undefined ? undefined : new StorageBudget({ ...evicting, bytesMax: capacityBytes });
    const files = new DiskStorage({ directory: storage.directory, tier: openTier(eviction) });
    const events = openJournal(journalBytes, storage.directory);
    return new IndexedCache(files, { budget, verifiesReads: verifyReads === "always", events });
  }
  if (storage.kind === "s3") {
    const verifiesReads = verifyReads === "always";
    const caches = { tier: openTier(eviction), copies: openCopies(storage.localCache, eviction) };
    return new SharedCache(openBucket(storage, caches), {
      verifiesReads,
      events: openJournal(journalBytes, undefined),
    });
  }
  const memory = new MemoryStorage({ bytesMax: eviction.maxMemoryBytes });
  if (durability === "power-loss" && !memory.capabilities.isDurable) {
    const facts = { key: "cache.durability", value: durability };
    throw new CacheError("INVALID_CONFIG", "objects of storage none cannot survive a power loss", { facts });
  }
  const bounds = { bytesMax: memory.objectBytesMax, objectsMax: eviction.maxObjects };
  const costs = { bytesBound: "memory", fileOverheadBytes: LIMITS.memoryFileOverheadBytes } as const;
  const budget = new StorageBudget({ ...evicting, ...bounds, ...costs });
  return new IndexedCache(memory, { budget, events: openJournal(journalBytes, undefined) });
}

/** @param directory the storage directory; undefined: events are kept in memory. */
function openJournal(bytesMax: number, directory: string | undefined): EventJournal | undefined {
  if (bytesMax === 0) return undefined;
  const head = () => EventJournal.head();
  if (directory !== undefined) return new EventJournal(new DiskEventStore({ directory, bytesMax, head }));
  const memoryBytesMax = Math.min(bytesMax, LIMITS.eventMemoryBytesMax);
  return new EventJournal(new MemoryEventStore({ bytesMax: memoryBytesMax, head }));
}

/** Without memory there is no tier. */
function openTier({ policy, maxMemoryBytes: bytesMax }: EvictionConfig): MemoryTier | undefined {
  if (bytesMax === 0) return undefined;
  return new MemoryTier({ policy: openCopyPolicy(policy), bytesMax });
}

function openCopies(
  config: LocalCacheConfig | undefined,
  { policy }: EvictionConfig,
): LocalCopies | undefined {
  if (config === undefined) return undefined;
  const { directory, capacityBytes: bytesMax } = config;
  return new LocalCopies({ directory, bytesMax, policy: openCopyPolicy(policy) });
}

/** Copies always have a policy, even with policy `none`: their evictions lose no object. */
function openCopyPolicy(policy: EvictionConfig["policy"]): EvictionPolicy {
  return openPolicy(policy === "none" ? "adaptive" : policy);
}
