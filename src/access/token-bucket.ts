/**
 * A rate limit that allows bursts of one second. Pure; the caller supplies the time.
 *
 * The level may go below zero: a put of many bytes may begin while there is a token, and later puts
 * wait until its bytes are paid for. Without this, an object larger than the rate could never be put.
 */
export class TokenBucket {
  #perSecond: number;
  #level: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#level = Math.max(1, perSecond);
    this.#atMs = nowMs;
  }

  /** The level stays, so that a reload of the limits does not allow a burst. */
  setRate(perSecond: number): void {
    this.#perSecond = perSecond;
    this.#level = Math.min(this.#level, Math.max(1, perSecond));
  }

  /** How long until `tokens` may be taken, ms; 0: now. */
  waitMs(tokens: number, nowMs: number): number {
    this.#refill(nowMs);
    const missing = Math.min(tokens, Math.max(1, this.#perSecond)) - this.#level;
    return missing <= 0 ? 0 : Math.ceil((missing / this.#perSecond) * 1000);
  }

  take(tokens: number): void {
    this.#level -= tokens;
  }

  /** True if nothing was taken lately. */
  isFull(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#level >= Math.max(1, this.#perSecond);
  }

  #refill(nowMs: number): void {
    const earned = ((nowMs - this.#atMs) / 1000) * this.#perSecond;
    this.#level = Math.min(this.#level + earned, Math.max(1, this.#perSecond));
    this.#atMs = nowMs;
  }
}
