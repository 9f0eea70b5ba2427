/**
 * Lets several wait until something changes, each no longer than it wants to.
 *
 * Telling costs nothing while nobody waits.
 */

export class Changes {
  #waiting: ((hasChanged: boolean) => void)[] = [];

  /** True when something changed in time. */
  next(waitMs: number): Promise<boolean> {
    if (waitMs <= 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = setTimeout(() => end(false), waitMs);
      const end = (hasChanged: boolean): void => {
        clearTimeout(timer);
        this.#waiting = this.#waiting.filter((each) => each !== end);
        resolve(hasChanged);
      };
      this.#waiting.push(end);
    });
  }

  tell(): void {
    if (this.#waiting.length === 0) return;
    for (const end of this.#waiting) end(true);
  }
}
