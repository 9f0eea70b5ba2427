/**
 * One write of a key at a time in this replica, in order of arrival: losers of a race inside the
 * process would cost a request each.
 *
 * Correctness does not depend on it: other replicas write the same keys.
 */
export class WriteTurns {
  readonly #tails = new Map<string, Promise<unknown>>();

  async run<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#tails.get(name);
    const mine = before === undefined ? work() : before.then(work, work);
    this.#tails.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(name) === mine) this.#tails.delete(name);
    }
  }
}
