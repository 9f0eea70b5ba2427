/**
 * What the cache counts about its own work since the start, and what it holds now.
 *
 * A snapshot, gathered when somebody asks. Without a budget there are no bounds, and nothing is
 * staged or evicted.
 */
import type { StorageCounts } from "../storage/storage-counts.ts";
import { type BudgetCharges, type EvictionCounts, NO_EVICTIONS } from "./budget-counts.ts";
import type { ObjectRegistry } from "./object-registry.ts";

/** Objects removed without a request, since the start. */
export interface RemovalCounts extends EvictionCounts {
  readonly expiredObjects: number;
}

export interface CacheCounts {
  /**
   * In the index; until the scan of the start is over, there may be more. Undefined: nobody counts
   * them, because other servers change them too.
   */
  readonly objects: number | undefined;
  readonly objectBytes: number | undefined;
  readonly isScanning: boolean;
  readonly removals: RemovalCounts;
  /** Undefined: the storage is unbounded. */
  readonly budget: BudgetCharges | undefined;
  readonly storage: StorageCounts;
}

export interface CountedParts {
  readonly registry: ObjectRegistry;
  readonly sweep: { readonly expiredObjects: number };
  readonly scan: { readonly isOver: boolean };
  readonly storage: { readonly counts: StorageCounts };
}

export function countCache({ registry, sweep, scan, storage }: CountedParts): CacheCounts {
  const { budget } = registry;
  return {
    objects: registry.size,
    objectBytes: registry.storedBytes,
    isScanning: !scan.isOver,
    removals: { ...(budget?.counts ?? NO_EVICTIONS), expiredObjects: sweep.expiredObjects },
    budget: budget?.charges,
    storage: storage.counts,
  };
}
