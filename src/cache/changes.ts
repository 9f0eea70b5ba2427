/**
 * Lets several callers wait until something changes, each with its own timeout.
 *
 * A notification costs nothing while nobody waits.
 */

export class Changes {
  readonly #waiting = new Set<() => void>();

  /** Resolves at the next change, or after the timeout. */
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

  notify(): void {
    // A caller that waits again does so in a later turn: the set does not grow meanwhile.
    for (const end of this.#waiting) end();
  }
}
