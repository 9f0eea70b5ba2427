/**
 * Time that passes only when everything waits: a test of many replicas runs through hours in
 * seconds, and the same seed gives the same run.
 */
import type { Timing } from "../../src/storage/s3/timing.ts";
import type { Random } from "./random.ts";

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** How the clocks of one replica differ. */
export interface ClockFault {
  readonly monotonicAheadMs?: number;
  readonly wallAheadMs?: number;
}

export class VirtualTime {
  nowMs = 0;
  #order = 0;
  /** A binary heap by time and order. */
  readonly #events: Event[] = [];

  at(delayMs: number, run: () => void): void {
    this.#order += 1;
    const event = { atMs: this.nowMs + delayMs, order: this.#order, run };
    let index = this.#events.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, this.#events[parent]!)) break;
      this.#events[index] = this.#events[parent]!;
      index = parent;
    }
    this.#events[index] = event;
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.at(ms, resolve));
  }

  /** Runs events until `work` has settled. @throws if it waits for something that never happens. */
  async run<Result>(work: Promise<Result>): Promise<Result> {
    let isDone = false;
    const end = (): void => {
      isDone = true;
    };
    work.then(end, end);
    for (;;) {
      await new Promise(setImmediate);
      if (isDone) return work;
      const event = this.#next();
      if (event === undefined) throw new Error("everything waits for something that never happens");
      this.nowMs = event.atMs;
      event.run();
    }
  }

  timing(random: Random, fault: ClockFault = {}): Timing {
    return {
      monotonicMs: () => this.nowMs + (fault.monotonicAheadMs ?? 0),
      wallMs: () => this.nowMs + (fault.wallAheadMs ?? 0),
      random: () => random.below(2 ** 30) / 2 ** 30,
      pause: (ms) => this.pause(ms),
    };
  }

  #next(): Event | undefined {
    const first = this.#events[0];
    const last = this.#events.pop();
    if (first === undefined || last === undefined || first === last) return first;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      const [one, other] = [this.#events[left], this.#events[right]];
      if (one === undefined) break;
      const child = other !== undefined && isBefore(other, one) ? right : left;
      if (!isBefore(this.#events[child]!, last)) break;
      this.#events[index] = this.#events[child]!;
      index = child;
    }
    this.#events[index] = last;
    return first;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs === other.atMs ? one.order < other.order : one.atMs < other.atMs;
}
