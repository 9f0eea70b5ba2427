/**
 * Ends calls that stand still: each one after a long time, and those that hold memory for which others wait after a short one.
 *
 * Where calls wait for memory, those that move nothing are ended, on connections that hold most of it first, until nobody waits. When all wait, the request that has stood still for the longest is refused.
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

  /** Ends one call that stands still when its memory is waited for. */
  #relieve(nowMs: number): void {
    const helps = this.#memory.shortage(nowMs);
    if (helps === undefined) return;
    if (!this.#endStalled(helps, nowMs)) this.#refuseOldest(helps, nowMs);
  }

  /** All who hold memory wait for more: the request that has stood still for the longest gives way. */
  #refuseOldest(helps: (connection: ConnectionMemory) => boolean, nowMs: number): void {
    let oldest: Http2ServerCall | undefined;
    for (const call of this.#calls) {
      if (!call.isCollecting || !helps(call.connectionMemory)) continue;
      if (call.stillMs(nowMs) > (oldest?.stillMs(nowMs) ?? LIMITS.stalledCallMs)) oldest = call;
    }
    oldest?.refuseCollecting();
  }

  /** A call begins and there is no memory for it: calls that stand still make room for many. */
  makeRoom(): void {
    const nowMs = performance.now();
    if (nowMs - this.#madeRoomMs < LIMITS.starvedSweepIntervalMs) return;
    this.#madeRoomMs = nowMs;
    this.#endStalled(() => true, nowMs);
  }

  /**
   * Ends calls that stand still, those of connections that hold most first, up to a part of all memory.
   * @returns false when there is none.
   */
  #endStalled(helps: (connection: ConnectionMemory) => boolean, nowMs: number): boolean {
    const stalled: Http2ServerCall[] = [];
    for (const call of this.#calls) {
      const { connectionMemory: connection } = call;
      const stands = !call.isWaitingForMemory && call.stillMs(nowMs) >= LIMITS.stalledCallMs;
      if (stands && helps(connection)) stalled.push(call);
    }
    stalled.sort((a, b) => b.connectionMemory.usedBytes - a.connectionMemory.usedBytes);
    let freedBytes = 0;
    for (const call of stalled) {
      if (freedBytes > this.#memory.bytesMax * RELIEF_PART) break;
      freedBytes += call.heldBytes;
      this.#end(call);
    }
    return stalled.length > 0;
  }

  #end(call: Http2ServerCall): void {
    const facts = { path: call.path, peer: call.peer, heldBytes: call.heldBytes };
    log.info("call ended: it moves nothing, and others wait for the memory that it holds", facts);
    call.end(MEMORY_TAKEN_BACK);
  }
}
