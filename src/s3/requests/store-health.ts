/**
 * Judges whether the store can be reached: one judgement for all requests.
 *
 * Requests report what they meet. An answer of the store is good news. A broken exchange, a status
 * of 5xx, and silence while requests wait are bad news, which decides nothing: a request can get
 * lost, and a key can be slow. After bad news a trial request is sent about every second, until
 * there is good news. The store is unreachable after failed trials in a row, and reachable again
 * with the first answer to a trial.
 * Cost: a few additions for each request; no trial while the store answers.
 * Source: the pattern "circuit breaker" (Nygard, "Release It!").
 */
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";

const log = logFor("s3");

/** What a test replaces. */
export interface HealthTiming {
  monotonicMs(): number;
  /** From 0 up to 1. */
  random(): number;
  pause(ms: number): Promise<void>;
}

/** A pause does not keep the process alive. */
const SYSTEM_TIMING: HealthTiming = {
  monotonicMs: () => performance.now(),
  random: Math.random,
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms).unref()),
};

export interface StoreHealthOptions {
  /** For the log. */
  readonly host: string;
  /** One request, bounded in time, to no key in particular. Returns why it failed. Does not throw. */
  readonly trial: () => Promise<string | undefined>;
  /** Called when the store becomes unreachable: requests that wait for it can end. */
  readonly onUnreachable: () => void;
  readonly timing?: HealthTiming;
}

export class StoreHealth {
  readonly #options: StoreHealthOptions;
  readonly #timing: HealthTiming;
  readonly #listeners = new Set<() => void>();
  #unreachable: { readonly reason: string; readonly sinceMs: number } | undefined;
  #running = 0;
  /** When there was good news. */
  #heardMs = Number.NEGATIVE_INFINITY;
  /** When the first of the running requests began. */
  #busySinceMs = 0;
  #isListening = false;
  #isTrying = false;
  #isStopped = false;

  constructor(options: StoreHealthOptions) {
    this.#options = options;
    this.#timing = options.timing ?? SYSTEM_TIMING;
  }

  /** Why the store cannot be reached; undefined: it can, as far as is known. */
  get unreachable(): string | undefined {
    return this.#unreachable?.reason;
  }

  /** @returns a function that removes the listener */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A request begins. The caller reports its end. */
  began(): void {
    this.#running += 1;
    if (this.#running === 1) this.#busySinceMs = this.#timing.monotonicMs();
    if (!this.#isListening) void this.#listen();
  }

  ended(): void {
    this.#running -= 1;
  }

  goodNews(): void {
    this.#heardMs = this.#timing.monotonicMs();
  }

  badNews(): void {
    if (!this.#isTrying && !this.#isStopped) void this.#tryUntilHeard();
  }

  /** No trial is sent any more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Silence is bad news. */
  async #listen(): Promise<void> {
    this.#isListening = true;
    while (this.#running > 0 && !this.#isStopped) {
      const silentMs = this.#timing.monotonicMs() - Math.max(this.#heardMs, this.#busySinceMs);
      const leftMs = LIMITS.s3SilenceMs - silentMs;
      if (leftMs <= 0) this.badNews();
      await this.#timing.pause(leftMs > 0 ? leftMs : LIMITS.s3SilenceMs);
    }
    this.#isListening = false;
  }

  async #tryUntilHeard(): Promise<void> {
    this.#isTrying = true;
    const sinceMs = this.#timing.monotonicMs();
    for (let trials = 1; ; trials += 1) {
      await this.#timing.pause(LIMITS.s3TrialPauseMs * (0.5 + this.#timing.random() / 2));
      const isHeard = (): boolean => this.#heardMs > sinceMs && this.#unreachable === undefined;
      if (isHeard() || this.#isStopped) break;
      const failure = await this.#options.trial();
      if (failure === undefined || isHeard() || this.#isStopped) break;
      if (trials >= LIMITS.s3FailedTrials) this.#becameUnreachable(failure);
    }
    this.#isTrying = false;
    this.#becameReachable();
  }

  #becameUnreachable(reason: string): void {
    const isNews = this.#unreachable === undefined;
    const sinceMs = this.#unreachable?.sinceMs ?? this.#timing.monotonicMs();
    this.#unreachable = { reason, sinceMs };
    if (!isNews) return;
    log.error("the object store cannot be reached", { host: this.#options.host, reason });
    this.#options.onUnreachable();
    this.#notify();
  }

  #becameReachable(): void {
    if (this.#unreachable === undefined || this.#isStopped) return;
    const downMs = Math.round(this.#timing.monotonicMs() - this.#unreachable.sinceMs);
    this.#unreachable = undefined;
    log.info("the object store can be reached again", { host: this.#options.host, downMs });
    this.#notify();
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
