/**
 * Shares the turns of the event loop among the connections of a thread.
 *
 * A connection works on what arrived for LIMITS.connectionSliceMs at most; the rest waits for a later turn, and its socket is not
 * read meanwhile. A connection that used much time lately waits as soon as a turn has done some work, and is behind those that
 * used little. So a flood of small frames slows down its own connection, and others come in between.
 * The time of a turn counts from its first work and includes what handlers do in it.
 * Cost: two looks at the clock for each chunk of a socket, and one callback for each turn with work; nothing for most small chunks.
 */
import { LIMITS } from "../limits.ts";

/** So many small chunks in a row are not worth counting: a small call costs less than to count it. */
const UNCOUNTED_MAX = 8;

/** Of those that used little time, so many get a slice in one turn. */
const LIGHT_PER_TURN = 16;

/** A connection, as far as its time is concerned. */
export interface TurnUser {
  /** Time it used lately, ms. It shrinks by LIMITS.connectionTimeShare of the time that passes. */
  debtMs: number;
  debtAtMs: number;
  /** How long it may work at once, ms: less where its handlers make a slice longer. At most LIMITS.connectionSliceMs. */
  sliceMs: number;
  /** Works on what waits, until the clock of `performance.now` says `untilMs` at most. Never throws. */
  goOn(untilMs: number): void;
}

export class LoopTurns {
  #turnStartMs = 0;
  /** Small chunks since the last turn that was counted. */
  #uncounted = 0;
  /** Who works now, and since when. */
  #user: TurnUser | undefined;
  #userSinceMs = 0;
  readonly #light = new Set<TurnUser>();
  readonly #heavy = new Set<TurnUser>();

  /** Bytes have arrived. @returns until when they may be worked on; 0: they have to wait. */
  begin(user: TurnUser, sizeBytes: number): number {
    if (sizeBytes <= LIMITS.smallChunkBytes && this.#turnStartMs === 0 && this.#uncounted < UNCOUNTED_MAX) {
      this.#uncounted += 1;
      return Number.POSITIVE_INFINITY;
    }
    this.#uncounted = 0;
    const nowMs = performance.now();
    this.#settle(nowMs);
    if (this.#turnStartMs === 0) {
      this.#turnStartMs = nowMs;
      setImmediate(this.#endTurn);
    }
    const allowedMs = isHeavy(user, nowMs) ? LIMITS.turnHeavyMs : LIMITS.turnWorkMs;
    if (nowMs - this.#turnStartMs >= allowedMs) return 0;
    this.#user = user;
    this.#userSinceMs = nowMs;
    return nowMs + user.sliceMs;
  }

  /** The user has more to do: it gets a later turn. */
  wait(user: TurnUser): void {
    const nowMs = performance.now();
    this.#settle(nowMs);
    (isHeavy(user, nowMs) ? this.#heavy : this.#light).add(user);
  }

  /** The user is gone. */
  forget(user: TurnUser): void {
    this.#light.delete(user);
    this.#heavy.delete(user);
  }

  /** The work since the last look was the last user's. */
  #settle(nowMs: number): void {
    if (this.#user === undefined) return;
    payBack(this.#user, nowMs);
    const tookMs = nowMs - this.#userSinceMs;
    this.#user.debtMs += tookMs;
    const factor = tookMs > 2 * LIMITS.connectionSliceMs ? 1 / 2 : 2;
    const sliceMs = Math.min(LIMITS.connectionSliceMs, this.#user.sliceMs * factor);
    this.#user.sliceMs = Math.max(LIMITS.connectionSliceMsMin, sliceMs);
    this.#user = undefined;
  }

  readonly #endTurn = (): void => {
    const nowMs = performance.now();
    this.#settle(nowMs);
    this.#turnStartMs = 0;
    if (this.#light.size + this.#heavy.size === 0) return;
    this.#turnStartMs = nowMs;
    setImmediate(this.#endTurn);
    this.#serve(this.#light, LIGHT_PER_TURN);
    // What the handlers of a slice do comes behind this callback: it belongs to the turn as well.
    this.#serve(this.#heavy, 1);
  };

  /** The first in line get one slice each, as long as the turn has time. */
  #serve(users: Set<TurnUser>, count: number): void {
    let left = Math.min(users.size, count);
    for (const user of users) {
      const nowMs = performance.now();
      if (left-- === 0 || nowMs - this.#turnStartMs >= LIMITS.turnWaitingMs) return;
      users.delete(user);
      this.#user = user;
      this.#userSinceMs = nowMs;
      user.goOn(nowMs + user.sliceMs);
      this.#settle(performance.now());
    }
  }
}

function isHeavy(user: TurnUser, nowMs: number): boolean {
  if (user.debtMs < LIMITS.connectionDebtMs) return false;
  payBack(user, nowMs);
  return user.debtMs >= LIMITS.connectionDebtMs;
}

function payBack(user: TurnUser, nowMs: number): void {
  const paidMs = (nowMs - user.debtAtMs) * LIMITS.connectionTimeShare;
  user.debtMs = Math.max(0, user.debtMs - paidMs);
  user.debtAtMs = nowMs;
}
