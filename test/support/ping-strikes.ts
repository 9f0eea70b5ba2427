/**
 * How a server of grpc-java counts PINGs: the rules of its KeepAliveEnforcer.
 *
 * A PING that comes five minutes after the last good one is good, any other is a strike; the third strike ends the connection.
 * Data of the server's takes strikes away, and counts the five minutes from the start of the connection again.
 */
const MINIMUM_MS = 300_000;

export class JavaKeepAliveEnforcer {
  /** PINGs that were counted. */
  pings = 0;
  strikesMax = 0;
  readonly #epochMs = performance.now();
  #lastGoodMs = this.#epochMs;
  #strikes = 0;

  /** Counts those of `pings` that were not counted yet. */
  take(pings: number): void {
    for (; this.pings < pings; this.pings++) {
      const now = performance.now();
      if (now - this.#lastGoodMs >= MINIMUM_MS) this.#lastGoodMs = now;
      else this.#strikes++;
      this.strikesMax = Math.max(this.strikesMax, this.#strikes);
    }
  }

  sendsData(): void {
    this.#lastGoodMs = this.#epochMs;
    this.#strikes = 0;
  }
}
