/**
 * Which copies are on the local disk, what they take, and which to drop for another one.
 *
 * Bookkeeping only; its owner removes the files. A copy that is being written counts from its
 * beginning, so the bound holds at every moment. A copy that is being read stays. Memory: about 300
 * bytes for each copy.
 */
import { Evictable, type EvictionPolicy, type RemovalReason } from "../../eviction/eviction-policy.ts";
import { LIMITS } from "../../limits.ts";

/** The largest copy, as a part of the capacity. As in the memory tier. */
const COPY_PART_MAX = 1 / 3;
const DISK_BLOCK_BYTES = 4096;

export class KeptCopy extends Evictable {
  readonly evictionKey: string;
  readonly costBytes: number;
  readers = 0;

  constructor(name: string, costBytes: number) {
    super();
    this.evictionKey = name;
    this.costBytes = costBytes;
  }
}

/** What a file takes on the disk. */
export function costOf(fileBytes: number): number {
  return Math.ceil(fileBytes / DISK_BLOCK_BYTES) * DISK_BLOCK_BYTES;
}

export class CopyShelf {
  readonly #policy: EvictionPolicy;
  readonly #onDropped: (name: string, reason: RemovalReason) => void;
  readonly #kept = new Map<string, KeptCopy>();
  #heldBytes = 0;
  /** Undefined: not known yet, and nothing can be reserved. */
  bytesMax: number | undefined;

  constructor(policy: EvictionPolicy, onDropped: (name: string, reason: RemovalReason) => void) {
    this.#policy = policy;
    this.#onDropped = onDropped;
  }

  /** Copies. */
  get size(): number {
    return this.#kept.size;
  }

  /** Of copies, and reserved. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  get(name: string): KeptCopy | undefined {
    return this.#kept.get(name);
  }

  touched(kept: KeptCopy): void {
    this.#policy.touched(kept);
  }

  admit(name: string, fileBytes: number): KeptCopy {
    const before = this.#kept.get(name);
    if (before !== undefined) return before;
    const kept = new KeptCopy(name, costOf(fileBytes));
    this.#kept.set(name, kept);
    this.#heldBytes += kept.costBytes;
    this.#policy.admitted(kept);
    return kept;
  }

  drop(kept: KeptCopy, reason: RemovalReason): void {
    const name = kept.evictionKey;
    if (this.#kept.get(name) !== kept) return;
    this.#policy.removed(kept, reason);
    this.#kept.delete(name);
    this.#heldBytes -= kept.costBytes;
    this.#onDropped(name, reason);
  }

  /** Reserves space for one more copy. False if it does not fit. */
  reserve(costBytes: number): boolean {
    if (!this.#makeSpace(costBytes)) return false;
    this.#heldBytes += costBytes;
    return true;
  }

  release(costBytes: number): void {
    this.#heldBytes -= costBytes;
  }

  /** Drops what is above the bound. */
  shrink(): void {
    this.#makeSpace(0);
  }

  /** Drops copies until one of this cost fits. */
  #makeSpace(costBytes: number): boolean {
    const bytesMax = this.bytesMax ?? 0;
    if (costBytes > bytesMax * COPY_PART_MAX) return false;
    const isFull = (): boolean =>
      this.#heldBytes + costBytes > bytesMax || this.#kept.size >= LIMITS.localCopiesMax;
    if (!isFull()) return true;
    for (const victim of this.#policy.victims()) {
      if (!(victim instanceof KeptCopy) || victim.readers > 0) continue;
      this.drop(victim, "evicted");
      if (!isFull()) return true;
    }
    return false;
  }
}
