/**
 * What a budget counts and charges, as seen from outside. Types, and the counts without a budget.
 *
 * The budget itself is storage-budget.ts.
 */

/** Counted since the start. */
export interface EvictionCounts {
  readonly evictedObjects: number;
  readonly evictedBytes: number;
  /** Of the evicted objects, those that left only because there were too many objects. */
  readonly evictedForCount: number;
  /** Puts that were refused because nothing could make space for them. */
  readonly refusals: number;
}

export const NO_EVICTIONS: EvictionCounts = {
  evictedObjects: 0,
  evictedBytes: 0,
  evictedForCount: 0,
  refusals: 0,
};

/** What the budget of a storage bounds. */
export interface BudgetCharges {
  readonly bytesMax: number;
  /** Infinity: unlimited. */
  readonly objectsMax: number;
  /** Everything that is charged: held, staged, and removed but still in use. */
  readonly usedBytes: number;
  /** Of running puts. */
  readonly stagedBytes: number;
  readonly pinnedBytes: number;
}
