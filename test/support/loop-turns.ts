/**
 * Records the longest turn of the event loop of this process.
 *
 * It asks for each turn, so the loop never sleeps while it runs and the time between two of its own turns is what everybody else's work
 * took. Processor time is counted beside it: a turn that took long on a busy machine without working is no freeze.
 */
import fs from "node:fs";

export interface LongestTurn {
  readonly wallMs: number;
  /** Of the loop's thread, where the system tells, in steps of a few ms; what a turn worked is the lesser of the two. */
  readonly cpuMs: number;
}

const NONE: LongestTurn = { wallMs: 0, cpuMs: 0 };

export class LoopTurns {
  #longest = NONE;
  #isRunning = true;
  #startedMs = performance.now();
  #cpuMs = cpuMs();

  constructor() {
    this.#next();
  }

  /** The longest since the last time it was asked for. */
  take(): LongestTurn {
    const longest = this.#longest;
    this.#longest = NONE;
    return longest;
  }

  stop(): void {
    this.#isRunning = false;
  }

  #next(): void {
    if (!this.#isRunning) return;
    setImmediate(() => {
      const nowMs = performance.now();
      const nowCpuMs = cpuMs();
      const turn = { wallMs: nowMs - this.#startedMs, cpuMs: nowCpuMs - this.#cpuMs };
      if (workedMs(turn) > workedMs(this.#longest)) this.#longest = turn;
      this.#startedMs = nowMs;
      this.#cpuMs = nowCpuMs;
      this.#next();
    });
  }
}

/** How long a turn kept the loop busy. */
export function workedMs({ wallMs, cpuMs }: LongestTurn): number {
  return Math.min(wallMs, cpuMs);
}

/** Linux: nanoseconds on a processor, of this thread; elsewhere there is only the process. */
const THREAD_TIMES = "/proc/thread-self/schedstat";
const timesFile = fs.existsSync(THREAD_TIMES) ? fs.openSync(THREAD_TIMES, "r") : undefined;
const text = Buffer.alloc(64);

function cpuMs(): number {
  if (timesFile !== undefined) {
    fs.readSync(timesFile, text, 0, text.length, 0);
    return Number.parseInt(text.toString("latin1"), 10) / 1e6;
  }
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
