/**
 * What an engine that forgets may hold: bytes and objects, and who makes room for whom.
 *
 * Counted are the bytes of published files, patches included; what is being staged is bounded per object by the
 * engine. An object that is larger than the whole budget is refused, not let in at the price of all others.
 */
import { CacheError } from "../errors.ts";
import type { EvictionPolicy } from "../eviction/eviction-policy.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";

export interface MemoryBudgetOptions {
  readonly policy: EvictionPolicy;
  readonly bytesMax: number;
  /** undefined: as many as fit. */
  readonly objectsMax: number | undefined;
}

/** A base replaces what the object holds, a patch adds to it. */
export interface BudgetedFile {
  readonly sizeBytes: number;
  readonly replaces: boolean;
}

interface Held {
  readonly key: ObjectKey;
  sizeBytes: number;
}

export class MemoryBudget {
  readonly #policy: EvictionPolicy;
  readonly #bytesMax: number;
  readonly #objectsMax: number;
  readonly #held = new Map<string, Held>();
  #heldBytes = 0;

  constructor({ policy, bytesMax, objectsMax }: MemoryBudgetOptions) {
    this.#policy = policy;
    this.#bytesMax = bytesMax;
    this.#objectsMax = objectsMax ?? Number.POSITIVE_INFINITY;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Counts a file that is about to be published, and says who has to leave for it; those are no longer counted.
   * @param mayLeave false for objects that cannot be removed now.
   * @throws {CacheError} STORAGE_FULL when it cannot fit; nothing is counted then.
   */
  take(key: ObjectKey, file: BudgetedFile, mayLeave: (name: string) => boolean): ObjectKey[] {
    const victims = this.#findVictims(key, file, mayLeave);
    for (const victim of victims) this.remove(victim);
    if (file.replaces) this.remove(key);
    const name = formatObjectKey(key);
    const held = this.#held.get(name) ?? { key, sizeBytes: 0 };
    held.sizeBytes += file.sizeBytes;
    this.#heldBytes += file.sizeBytes;
    this.#held.set(name, held);
    this.#policy.admitted(name);
    return victims;
  }

  #findVictims(key: ObjectKey, file: BudgetedFile, mayLeave: (name: string) => boolean): ObjectKey[] {
    const name = formatObjectKey(key);
    const own = this.#held.get(name);
    const freed = file.replaces ? (own?.sizeBytes ?? 0) : 0;
    let bytesOver = this.#heldBytes - freed + file.sizeBytes - this.#bytesMax;
    let objectsOver = this.#held.size + (own === undefined ? 1 : 0) - this.#objectsMax;
    const victims: ObjectKey[] = [];
    if (bytesOver <= 0 && objectsOver <= 0) return victims;
    for (const candidate of this.#policy.victims()) {
      const held = this.#held.get(candidate);
      if (held === undefined || candidate === name || !mayLeave(candidate)) continue;
      victims.push(held.key);
      bytesOver -= held.sizeBytes;
      objectsOver -= 1;
      if (bytesOver <= 0 && objectsOver <= 0) return victims;
    }
    const facts = { sizeBytes: file.sizeBytes, heldBytes: this.#heldBytes, bytesMax: this.#bytesMax };
    throw new CacheError("STORAGE_FULL", undefined, { facts });
  }

  touch(key: ObjectKey): void {
    this.#policy.touched(formatObjectKey(key));
  }

  /** The object is gone. */
  remove(key: ObjectKey): void {
    const name = formatObjectKey(key);
    this.#heldBytes -= this.#held.get(name)?.sizeBytes ?? 0;
    this.#held.delete(name);
    this.#policy.removed(name);
  }
}
