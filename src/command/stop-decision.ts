/**
 * What a signal means: the first one asks to stop, a later one ends the process at once.
 *
 * Ctrl-C under `npm start` arrives twice, from the terminal and, passed on, from npm: a SIGINT that soon after the
 * first signal is the same request. No clock in here; cli.ts, which receives the signals, brings the time.
 */
import { LIMITS } from "../limits.ts";

export type StopSignal = "SIGTERM" | "SIGINT";

export class StopDecision {
  #firstAtMs: number | undefined;

  decide(signal: StopSignal, nowMs: number): "stop" | "ignore" | "exit" {
    if (this.#firstAtMs === undefined) {
      this.#firstAtMs = nowMs;
      return "stop";
    }
    const isRepeated = signal === "SIGINT" && nowMs - this.#firstAtMs < LIMITS.repeatedInterruptMs;
    return isRepeated ? "ignore" : "exit";
  }
}
