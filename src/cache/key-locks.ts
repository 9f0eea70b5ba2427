/**
 * One FIFO lock per key, held while an object is looked up on disk, published, opened or deleted;
 * never during the transfer of a payload.
 *
 * An uncontended key costs one Map entry and no wait.
 */

export class KeyLocks {
  readonly #tails = new Map<string, Promise<unknown>>();
  readonly #onFree: () => void;

  /** @param onFree called each time a key becomes free. */
  constructor(onFree: () => void = () => {}) {
    this.#onFree = onFree;
  }

  /** Runs `work` exclusively for this key. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    const mine = before === undefined ? work() : before.then(work, work);
    this.#tails.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(key) === mine) {
        this.#tails.delete(key);
        this.#onFree();
      }
    }
  }

  /** The same for several keys, none of which is locked. */
  async runAll<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const mine = work();
    for (const key of keys) this.#tails.set(key, mine);
    try {
      return await mine;
    } finally {
      for (const key of keys) if (this.#tails.get(key) === mine) this.#tails.delete(key);
      this.#onFree();
    }
  }

  /** True while the key is locked. */
  isHeld(key: string): boolean {
    return this.#tails.has(key);
  }

  /** Number of locked keys. */
  get size(): number {
    return this.#tails.size;
  }
}
