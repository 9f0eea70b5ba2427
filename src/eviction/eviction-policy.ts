/**
 * The contract of an eviction policy: who leaves when there is no room.
 *
 * A policy knows names and the order of events, nothing else: no sizes it does not need, no clock, no I/O.
 * Its owner tells it of every object that comes, is read, and goes, each exactly once; the policy names those who should
 * go first. It removes nothing itself: the owner may pass over a name (its object is being written), and says
 * `removed` for the one it took.
 */

export interface EvictionPolicy {
  /** An object has come or was replaced. */
  admitted(name: string): void;
  /** An object was read. */
  touched(name: string): void;
  /** An object is gone: evicted or deleted. Unknown names are no mistake. */
  removed(name: string): void;
  /** Who should leave, first one first; empty when nobody may. Names may be removed while this is being read. */
  victims(): Iterable<string>;
}
