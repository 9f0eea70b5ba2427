/**
 * What an engine that forgets may hold: bytes and objects, and who makes room for whom.
 *
 * Counted are the bytes of published files, patches included; what is being staged is bounded per object by the
 * engine. An object that is larger than the whole budget is refused, not let in at the price of all others.
 */
import { CacheError } from "../errors.ts";
import { Evictable, type EvictionPolicy, type RemovalReason } from "../eviction/eviction-policy.ts";
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

class Held extends Evictable {
  readonly key: ObjectKey;
  costBytes = 0;

  constructor(key: ObjectKey) {
    super();
    this.key = key;
  }

  get evictionKey(): string {
    return formatObjectKey(this.key);
  }
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
    for (const victim of victims) this.#forget(victim.evictionKey, "evicted");
    const name = formatObjectKey(key);
    const held = this.#held.get(name) ?? new Held(key);
    this.#held.set(name, held);
    const costBytes = file.sizeBytes + (file.replaces ? 0 : held.costBytes);
    this.#heldBytes += costBytes - held.costBytes;
    held.costBytes = costBytes;
    this.#policy.admitted(held);
    return victims.map((victim) => victim.key);
  }

  #findVictims(key: ObjectKey, file: BudgetedFile, mayLeave: (name: string) => boolean): Held[] {
    const name = formatObjectKey(key);
    const own = this.#held.get(name);
    const freed = file.replaces ? (own?.costBytes ?? 0) : 0;
    let bytesOver = this.#heldBytes - freed + file.sizeBytes - this.#bytesMax;
    let objectsOver = this.#held.size + (own === undefined ? 1 : 0) - this.#objectsMax;
    const victims: Held[] = [];
    if (bytesOver <= 0 && objectsOver <= 0) return victims;
    for (const { evictionKey } of this.#policy.victims()) {
      const held = this.#held.get(evictionKey);
      if (held === undefined || held === own || !mayLeave(evictionKey)) continue;
      victims.push(held);
      bytesOver -= held.costBytes;
      objectsOver -= 1;
      if (bytesOver <= 0 && objectsOver <= 0) return victims;
    }
    const facts = { sizeBytes: file.sizeBytes, heldBytes: this.#heldBytes, bytesMax: this.#bytesMax };
    throw new CacheError("STORAGE_FULL", undefined, { facts });
  }

  touch(key: ObjectKey): void {
    const held = this.#held.get(formatObjectKey(key));
    if (held !== undefined) this.#policy.touched(held);
  }

  /** The object is gone. */
  remove(key: ObjectKey): void {
    this.#forget(formatObjectKey(key), "gone");
  }

  #forget(name: string, reason: RemovalReason): void {
    const held = this.#held.get(name);
    if (held === undefined) return;
    this.#held.delete(name);
    this.#heldBytes -= held.costBytes;
    this.#policy.removed(held, reason);
  }
}
