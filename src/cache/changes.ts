/**
 * Lets several wait until something changes, each no longer than it wants to.
 *
 * Telling costs nothing while nobody waits.
 */

export class Changes {
  readonly #waiting = new Set<() => void>();

  /** Resolves when something changed, or the time is over. */
  next(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, waitMs);
      this.#waiting.add(end);
    });
  }

  tell(): void {
    // Who waits again does so in a later turn: the set does not grow meanwhile.
    for (const end of this.#waiting) end();
  }
}
