/**
 * The STORAGE_FULL error, with the reason why a put gets no space.
 *
 * All sizes are bytes.
 */
import { CacheError } from "../errors.ts";

export interface StorageFullFacts {
  readonly neededBytes: number;
  readonly bytesMax: number;
  readonly usedBytes: number;
  readonly stagedBytes: number;
  readonly pinnedBytes: number;
  readonly leavingBytes: number;
}

/** @param evicts false if the policy evicts nothing. */
export function storageFull(facts: StorageFullFacts, evicts: boolean): CacheError {
  return new CacheError("STORAGE_FULL", reasonOf(facts, evicts), { facts: { ...facts } });
}

function reasonOf({ neededBytes, bytesMax, pinnedBytes }: StorageFullFacts, evicts: boolean): string {
  if (neededBytes > bytesMax) return `the object is larger than the capacity, ${bytesMax} bytes`;
  if (!evicts) return "not enough space for the object, and the eviction policy is none";
  if (pinnedBytes + neededBytes > bytesMax) {
    return `not enough space for the object: pinned objects hold ${pinnedBytes} of ${bytesMax} bytes`;
  }
  return "not enough space for the object beside those that are pinned, being put or being read";
}
