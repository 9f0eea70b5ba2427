/**
 * FIFO counting semaphore.
 *
 * For syncs of files: each occupies one of the few threads of libuv's pool, and a read must not
 * wait behind all current puts. For files that lists read: each holds a descriptor.
 */
export class Semaphore {
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
      // Hands its place to the next waiter, so that a new caller cannot overtake.
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
