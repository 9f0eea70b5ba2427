/**
 * Counts calls by method and code, and measures how long they take.
 *
 * A leaf without knowledge of a protocol: a method is a name that its module registers at the start.
 * Names and codes come from tables of the program and never from a caller, so that their number is
 * bounded.
 * Cost of a call: a lookup of its code and one observation; nothing is allocated.
 */
import { CacheError, ERROR_TABLE } from "../errors.ts";
import { CALL_SECONDS, Histogram } from "./histogram.ts";

/** `INTERNAL` is a programming error. */
export const CALL_CODES = ["OK", ...Object.keys(ERROR_TABLE), "INTERNAL"] as const;

const INTERNAL = CALL_CODES.length - 1;
const CODE_INDEX: ReadonlyMap<string, number> = new Map(CALL_CODES.map((code, index) => [code, index]));

/** A call that took longer than all others of its method for some time. */
export interface SlowCall {
  readonly seconds: number;
  readonly code: string;
  /** When it ended, ms since 1970. */
  readonly atMs: number;
}

/** The calls of one method. */
export class MethodMetrics {
  readonly name: string;
  readonly seconds = new Histogram(CALL_SECONDS);
  readonly #codes = new Float64Array(CALL_CODES.length);
  #slowest: SlowCall | undefined;
  #slowestMs = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** A call has ended. @param code one of CALL_CODES */
  ended(durationMs: number, code: string): void {
    this.#codes[CODE_INDEX.get(code) ?? INTERNAL]! += 1;
    this.seconds.observe(durationMs / 1000);
    if (durationMs <= this.#slowestMs) return;
    this.#slowestMs = durationMs;
    this.#slowest = { seconds: durationMs / 1000, code, atMs: Date.now() };
  }

  /** The slowest call that ended after `sinceMs`; an older one is forgotten. */
  slowestSince(sinceMs: number): SlowCall | undefined {
    if (this.#slowest !== undefined && this.#slowest.atMs < sinceMs) {
      this.#slowest = undefined;
      this.#slowestMs = 0;
    }
    return this.#slowest;
  }

  /** Number of calls that ended with this code. */
  calls(code: string): number {
    return this.#codes[CODE_INDEX.get(code) ?? INTERNAL]!;
  }

  /** The codes that occurred, with their numbers of calls. */
  *codes(): Generator<readonly [code: string, calls: number]> {
    for (const [code, index] of CODE_INDEX) {
      const calls = this.#codes[index]!;
      if (calls > 0) yield [code, calls];
    }
  }
}

export class CallMetrics {
  readonly #methods = new Map<string, MethodMetrics>();

  /** The metrics of a method, registered on first use. @param name from a table of the program */
  method(name: string): MethodMetrics {
    const known = this.#methods.get(name);
    if (known !== undefined) return known;
    const method = new MethodMetrics(name);
    this.#methods.set(name, method);
    return method;
  }

  get methods(): readonly MethodMetrics[] {
    return [...this.#methods.values()];
  }
}

/** The metrics of one method, and of each action that it runs as `method/action`. */
export class ActionMetrics {
  readonly #calls: CallMetrics;
  readonly #method: MethodMetrics;
  readonly #actions = new Map<string, MethodMetrics>();

  constructor(calls: CallMetrics, name: string) {
    this.#calls = calls;
    this.#method = calls.method(name);
  }

  /** @param action from a table of the program; undefined: the method itself */
  of(action: string | undefined): MethodMetrics {
    if (action === undefined) return this.#method;
    const known = this.#actions.get(action);
    if (known !== undefined) return known;
    const metrics = this.#calls.method(`${this.#method.name}/${action}`);
    this.#actions.set(action, metrics);
    return metrics;
  }
}

/** The code of a failed call. */
export function codeOfFailure(failure: unknown): string {
  return failure instanceof CacheError ? failure.code : "INTERNAL";
}
