/**
 * Lets so many work at once and no more; the others wait, first come first.
 *
 * For syncs of files: each keeps one of the few threads of libuv's pool, and a read that needs one must not wait behind
 * all the puts of the moment. For files that lists read: each holds a descriptor.
 */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      // A slot is handed on, so that who comes now cannot overtake.
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
