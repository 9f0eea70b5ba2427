/**
 * Decides what a signal means: the first one stops the server, a later one ends the process at
 * once.
 *
 * Under `npm start`, Ctrl-C arrives twice: from the terminal and forwarded by npm. A SIGINT shortly
 * after the first signal is therefore the same request. This file has no clock; cli.ts receives the
 * signals and passes the time.
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
