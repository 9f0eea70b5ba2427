/**
 * Ends calls without progress: after a long time, or after a short time if they hold memory that
 * other calls wait for.
 *
 * While calls wait for memory, it ends calls without progress, starting with the connections that
 * hold the most, until no call waits. If all calls wait for memory, it refuses the requests that
 * have been still the longest.
 * Cost: a check of each open call every second, and ten times as often while calls wait for memory.
 * Many calls are ended in slices, over several turns of the event loop.
 */
import { CacheError } from "../errors.ts";
import type { CallMemory, ConnectionMemory } from "../http2/call-memory.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import type { Http2ServerCall } from "./server-call.ts";

const log = logFor("grpc");

/** The part of the total memory that is released at once. */
const RELIEF_PART = 1 / 16;

/**
 * Shared: hundreds of calls may end for this reason at once, and a new error for each would cost a
 * stack trace.
 */
const MEMORY_TAKEN_BACK = new CacheError(
  "OVERLOADED",
  "the call made no progress while other calls waited for its memory",
);

/** True for connections whose memory a waiting call could use. */
type Helps = (connection: ConnectionMemory) => boolean;

export class StalledCalls {
  readonly #calls: ReadonlySet<Http2ServerCall>;
  readonly #memory: CallMemory;
  readonly #idleCallMs: number;
  #timer: NodeJS.Timeout;
  #isHurried = false;
  /** The next slice of calls to end. */
  #nextSlice: NodeJS.Immediate | undefined;
  #releasedMs = 0;

  constructor(
    calls: ReadonlySet<Http2ServerCall>,
    memory: CallMemory,
    idleCallMs: number = LIMITS.idleCallMs,
  ) {
    this.#calls = calls;
    this.#memory = memory;
    this.#idleCallMs = idleCallMs;
    this.#timer = setTimeout(this.#sweep, LIMITS.sweepIntervalMs).unref();
    memory.onWaiting = () => this.#hurry();
    memory.onRefused = () => this.releaseMemory();
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#nextSlice);
    this.#memory.onWaiting = undefined;
    this.#memory.onRefused = undefined;
  }

  #hurry(): void {
    if (this.#isHurried) return;
    this.#isHurried = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#sweep, LIMITS.starvedSweepIntervalMs).unref();
  }

  readonly #sweep = (): void => {
    const nowMs = performance.now();
    for (const call of [...this.#calls]) call.sweep(call.stillMs(nowMs), this.#idleCallMs);
    this.#relieve(nowMs);
    this.#isHurried = this.#memory.hasWaiting;
    const waitMs = this.#isHurried ? LIMITS.starvedSweepIntervalMs : LIMITS.sweepIntervalMs;
    this.#timer = setTimeout(this.#sweep, waitMs).unref();
  };

  /**
   * While calls wait for memory, ends stalled calls; if there are none, refuses the requests that
   * waited longest.
   */
  #relieve(nowMs: number): void {
    const helps = this.#memory.shortage(nowMs);
    if (helps === undefined) return;
    if (!this.#endStalled(helps, nowMs)) this.#refuseCollecting(helps, nowMs);
  }

  /** Called when a new call gets no memory. Ends stalled calls. */
  releaseMemory(): void {
    const nowMs = performance.now();
    if (nowMs - this.#releasedMs < LIMITS.starvedSweepIntervalMs) return;
    this.#releasedMs = nowMs;
    this.#endStalled(() => true, nowMs);
  }

  /**
   * Ends stalled calls, those of the largest connections first. @returns false if there are none
   */
  #endStalled(helps: Helps, nowMs: number): boolean {
    const stalled = this.#still((call) => !call.isWaitingForMemory, helps, nowMs);
    stalled.sort((a, b) => b.connectionMemory.usedBytes - a.connectionMemory.usedBytes);
    this.#takeBack(stalled, (call) => this.#end(call));
    return stalled.length > 0;
  }

  #refuseCollecting(helps: Helps, nowMs: number): void {
    const waiting = this.#still((call) => call.isCollecting, helps, nowMs);
    waiting.sort((a, b) => b.stillMs(nowMs) - a.stillMs(nowMs));
    this.#takeBack(waiting, (call) => call.refuseCollecting());
  }

  #still(isCandidate: (call: Http2ServerCall) => boolean, helps: Helps, nowMs: number): Http2ServerCall[] {
    return [...this.#calls].filter(
      (call) =>
        isCandidate(call) && call.stillMs(nowMs) >= LIMITS.stalledCallMs && helps(call.connectionMemory),
    );
  }

  /** Ends calls in order until the overdraft and RELIEF_PART of the total are released. */
  #takeBack(calls: readonly Http2ServerCall[], end: (call: Http2ServerCall) => void): void {
    clearImmediate(this.#nextSlice);
    let left = this.#memory.bytesMax * RELIEF_PART + this.#memory.overdrawnBytes;
    let next = 0;
    const endSlice = (): void => {
      const untilMs = performance.now() + LIMITS.turnWaitingMs;
      let nowMs = performance.now();
      while (left >= 0 && next < calls.length && nowMs < untilMs) {
        const call = calls[next++]!;
        // The call may have made progress since the last slice.
        if (call.stillMs(nowMs) >= LIMITS.stalledCallMs) {
          left -= call.heldBytes;
          end(call);
        }
        nowMs = performance.now();
      }
      if (left >= 0 && next < calls.length) this.#nextSlice = setImmediate(endSlice);
    };
    endSlice();
  }

  #end(call: Http2ServerCall): void {
    const facts = { path: call.path, peer: call.peer, heldBytes: call.heldBytes };
    log.info("call ended: it made no progress while other calls waited for its memory", facts);
    call.end(MEMORY_TAKEN_BACK);
  }
}
