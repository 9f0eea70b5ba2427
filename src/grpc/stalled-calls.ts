/**
 * Ends calls that stand still: each one after a long time, and those that hold memory for which others wait after a short one.
 *
 * Where calls wait for memory, those that move nothing are ended, on connections that hold most of it first, until nobody
 * waits. When all wait, the requests that have stood still for the longest are refused.
 * Cost: a look at each open call every second; ten times as often while calls wait for memory.
 */
import { CacheError } from "../errors.ts";
import type { CallMemory, ConnectionMemory } from "../http2/call-memory.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import type { Http2ServerCall } from "./server-call.ts";

const log = logFor("grpc");

/** This much of all memory is taken back at once. */
const RELIEF_PART = 1 / 16;

/** Hundreds of calls may end in this way at once: an error of its own for each would cost a stack trace. */
const MEMORY_TAKEN_BACK = new CacheError(
  "OVERLOADED",
  "the call moved nothing while others waited for the memory it held",
);

/** True for connections on which it helps to give memory back. */
type Helps = (connection: ConnectionMemory) => boolean;

export class StalledCalls {
  readonly #calls: ReadonlySet<Http2ServerCall>;
  readonly #memory: CallMemory;
  readonly #idleCallMs: number;
  #timer: NodeJS.Timeout;
  #isHurried = false;
  #madeRoomMs = 0;

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
    memory.onRefused = () => this.makeRoom();
  }

  stop(): void {
    clearTimeout(this.#timer);
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

  /** Ends calls that stand still when memory is waited for; where all wait for more, requests that have waited longest. */
  #relieve(nowMs: number): void {
    const helps = this.#memory.shortage(nowMs);
    if (helps === undefined) return;
    if (!this.#endStalled(helps, nowMs)) this.#refuseCollecting(helps, nowMs);
  }

  /** A call begins and there is no memory for it: calls that stand still make room for many. */
  makeRoom(): void {
    const nowMs = performance.now();
    if (nowMs - this.#madeRoomMs < LIMITS.starvedSweepIntervalMs) return;
    this.#madeRoomMs = nowMs;
    this.#endStalled(() => true, nowMs);
  }

  /** Those of connections that hold most go first. @returns false when there is none */
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

  #still(isMeant: (call: Http2ServerCall) => boolean, helps: Helps, nowMs: number): Http2ServerCall[] {
    return [...this.#calls].filter(
      (call) => isMeant(call) && call.stillMs(nowMs) >= LIMITS.stalledCallMs && helps(call.connectionMemory),
    );
  }

  /** Ends calls, the first ones first, until what is overdrawn and a part of all memory is given back. */
  #takeBack(calls: readonly Http2ServerCall[], end: (call: Http2ServerCall) => void): void {
    let left = this.#memory.bytesMax * RELIEF_PART + this.#memory.overdrawnBytes;
    for (const call of calls) {
      if (left < 0) break;
      left -= call.heldBytes;
      end(call);
    }
  }

  #end(call: Http2ServerCall): void {
    const facts = { path: call.path, peer: call.peer, heldBytes: call.heldBytes };
    log.info("call ended: it moves nothing, and others wait for the memory that it holds", facts);
    call.end(MEMORY_TAKEN_BACK);
  }
}
