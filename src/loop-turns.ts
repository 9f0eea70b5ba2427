/**
 * Shares the turns of the event loop among the connections of a thread.
 *
 * A connection processes received data for at most LIMITS.connectionSliceMs; the rest waits for a
 * later turn, and the socket is not read meanwhile. Waiting connections get slices in the order of
 * recently used time, the least first; a connection that used more has to wait sooner. So a flood
 * of small frames slows down its own connection, and others run in between, even a large object
 * that arrives in many chunks. The time of a turn counts from its first work and includes the
 * handlers.
 * Cost: two clock reads per chunk of a socket, and one callback per turn with work; nothing for
 * most small chunks.
 */
import { THREAD_POLL } from "./busy-poll.ts";
import { LIMITS } from "./limits.ts";

/** Small chunks in a row that are not timed: timing one costs more than a small call. */
const UNCOUNTED_MAX = 8;

/** Connections that get a slice in one turn. */
const SERVED_PER_TURN = 16;

/** The time accounting of a connection. */
export interface TurnUser {
  /** Time used beyond its share, ms. It shrinks by LIMITS.connectionTimeShare of elapsed time. */
  debtMs: number;
  /** Recently used time, ms: it halves every LIMITS.usedHalfLifeMs. */
  usedMs: number;
  /** When debtMs and usedMs were updated, on the clock of `performance.now`. */
  usedAtMs: number;
  /** Length of its slice, ms: shorter if its handlers overrun. At most LIMITS.connectionSliceMs. */
  sliceMs: number;
  /** Processes waiting data until `untilMs` on the clock of `performance.now`. Never throws. */
  runSlice(untilMs: number): void;
}

export class LoopTurns {
  #turnStartMs = 0;
  /** Small chunks since the last counted one. */
  #uncounted = 0;
  /** The connection that runs now; `#userSinceMs` is its start. */
  #user: TurnUser | undefined;
  #userSinceMs = 0;
  readonly #waiting = new Set<TurnUser>();

  /**
   * Called when bytes arrive. @returns until when they may be processed; 0 if they have to wait.
   */
  begin(user: TurnUser, sizeBytes: number): number {
    THREAD_POLL.arrived();
    if (sizeBytes <= LIMITS.smallChunkBytes && this.#turnStartMs === 0 && this.#uncounted < UNCOUNTED_MAX) {
      this.#uncounted += 1;
      return Number.POSITIVE_INFINITY;
    }
    this.#uncounted = 0;
    const nowMs = performance.now();
    this.#charge(nowMs);
    this.#open(nowMs);
    if (nowMs - this.#turnStartMs >= allowedMs(user, nowMs)) return 0;
    this.#user = user;
    this.#userSinceMs = nowMs;
    return nowMs + user.sliceMs;
  }

  /** Queues a user that has more to do for a later turn. */
  wait(user: TurnUser): void {
    const nowMs = performance.now();
    this.#charge(nowMs);
    this.#open(nowMs);
    this.#waiting.add(user);
  }

  /** Removes a closed connection. */
  forget(user: TurnUser): void {
    this.#waiting.delete(user);
  }

  #open(nowMs: number): void {
    if (this.#turnStartMs > 0) return;
    this.#turnStartMs = nowMs;
    setImmediate(this.#endTurn);
  }

  /** Charges the time since the last call to the current user. */
  #charge(nowMs: number): void {
    const user = this.#user;
    if (user === undefined) return;
    this.#user = undefined;
    age(user, nowMs);
    const tookMs = nowMs - this.#userSinceMs;
    user.debtMs += tookMs;
    user.usedMs += tookMs;
    const factor = tookMs > 2 * LIMITS.connectionSliceMs ? 1 / 2 : 2;
    const sliceMs = Math.min(LIMITS.connectionSliceMs, user.sliceMs * factor);
    user.sliceMs = Math.max(LIMITS.connectionSliceMsMin, sliceMs);
  }

  readonly #endTurn = (): void => {
    const nowMs = performance.now();
    this.#charge(nowMs);
    this.#turnStartMs = 0;
    if (this.#waiting.size === 0) return;
    this.#open(nowMs);
    this.#serve(nowMs);
  };

  /**
   * Gives one slice each to the users with the least recent time, while the turn lasts; at least
   * one.
   */
  #serve(startMs: number): void {
    for (const user of this.#waiting) age(user, startMs);
    const users = [...this.#waiting].sort((a, b) => a.usedMs - b.usedMs).slice(0, SERVED_PER_TURN);
    let nowMs = startMs;
    for (const user of users) {
      if (nowMs - startMs >= LIMITS.turnWaitingMs) return;
      // An earlier user may have closed this one.
      if (!this.#waiting.delete(user)) continue;
      this.#user = user;
      this.#userSinceMs = nowMs;
      user.runSlice(nowMs + user.sliceMs);
      nowMs = performance.now();
      this.#charge(nowMs);
    }
  }
}

/** Length of a turn up to which this user's chunk is still processed, ms. */
function allowedMs(user: TurnUser, nowMs: number): number {
  age(user, nowMs);
  if (user.debtMs >= LIMITS.connectionDebtMs) return LIMITS.turnHeavyMs;
  return user.usedMs <= LIMITS.lightUseMs ? LIMITS.turnLightMs : LIMITS.turnWorkMs;
}

function age(user: TurnUser, nowMs: number): void {
  const passedMs = nowMs - user.usedAtMs;
  user.debtMs = Math.max(0, user.debtMs - passedMs * LIMITS.connectionTimeShare);
  user.usedMs *= 2 ** (-passedMs / LIMITS.usedHalfLifeMs);
  user.usedAtMs = nowMs;
}

/** Of this thread: Flight and HTTP connections share its turns. */
export const THREAD_TURNS = new LoopTurns();
