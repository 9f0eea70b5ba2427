/**
 * One lock per key, held while an object is looked up on disk, published, opened or deleted; never while bytes of a
 * payload are on their way. First come, first served. A key that nobody waits for costs one Map entry and no wait.
 */

export class KeyLocks {
  readonly #tails = new Map<string, Promise<unknown>>();
  readonly #onFree: () => void;

  /** @param onFree called whenever a key is free again. */
  constructor(onFree: () => void = () => {}) {
    this.#onFree = onFree;
  }

  /** Runs `work` alone among all that name the same key. */
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

  /** True while somebody works on this key. */
  isHeld(key: string): boolean {
    return this.#tails.has(key);
  }

  /** Keys that are locked now. */
  get size(): number {
    return this.#tails.size;
  }
}
