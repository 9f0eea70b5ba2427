/**
 * A sync that callers share: each gets one that begins after its call.
 *
 * A caller that arrives during a sync shares the next one, which begins when that ends. There is no
 * timer, and a lone caller never waits for others.
 */
export class SharedSync<Result> {
  readonly #sync: () => Promise<Result>;
  #running: Promise<Result> | undefined;
  /** Has not begun: later callers share it. */
  #next: Promise<Result> | undefined;

  constructor(sync: () => Promise<Result>) {
    this.#sync = sync;
  }

  /** Resolves when a sync has ended that began after this call. Fails as it does. */
  run(): Promise<Result> {
    if (this.isIdle) return this.#begin();
    this.#next ??= this.ended().then(() => this.#begin());
    return this.#next;
  }

  /** Resolves when the running sync has ended. */
  async ended(): Promise<void> {
    await this.#running?.catch(() => {});
  }

  get isIdle(): boolean {
    return this.#running === undefined && this.#next === undefined;
  }

  #begin(): Promise<Result> {
    this.#next = undefined;
    this.#running = this.#sync().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }
}
