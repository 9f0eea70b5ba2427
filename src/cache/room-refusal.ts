/**
 * STORAGE_FULL in words: what holds the room that a put would need.
 *
 * All sizes are bytes.
 */
import { CacheError } from "../errors.ts";

export interface RoomFacts {
  readonly neededBytes: number;
  readonly bytesMax: number;
  readonly usedBytes: number;
  readonly stagedBytes: number;
  readonly pinnedBytes: number;
  readonly leavingBytes: number;
}

/** @param evicts false when the policy evicts nobody. */
export function noRoom(facts: RoomFacts, evicts: boolean): CacheError {
  return new CacheError("STORAGE_FULL", reasonOf(facts, evicts), { facts: { ...facts } });
}

function reasonOf({ neededBytes, bytesMax, pinnedBytes }: RoomFacts, evicts: boolean): string {
  if (neededBytes > bytesMax) return `the object is larger than all the room there is, ${bytesMax} bytes`;
  if (!evicts) return "no room left for the object, and the eviction policy is none";
  if (pinnedBytes + neededBytes > bytesMax) {
    return `no room left for the object: pinned objects hold ${pinnedBytes} of ${bytesMax} bytes`;
  }
  return "no room left for the object beside what is pinned, being put or being read";
}
