/**
 * Shares the turns of the event loop among the connections of a thread.
 *
 * A connection works on what arrived for LIMITS.connectionSliceMs at most; the rest waits for a later turn, and its socket is not
 * read meanwhile. Who waits gets a slice in the order of the time that was used lately, the least first, and the more a connection
 * used the sooner it has to wait. So a flood of small frames slows down its own connection, and others come in between, also a
 * large object that comes in many chunks of a socket.
 * The time of a turn counts from its first work and includes what handlers do in it.
 * Cost: two looks at the clock for each chunk of a socket, and one callback for each turn with work; nothing for most small chunks.
 */
import { LIMITS } from "../limits.ts";

/** So many small chunks in a row are not worth counting: a small call costs less than to count it. */
const UNCOUNTED_MAX = 8;

/** So many get a slice in one turn. */
const SERVED_PER_TURN = 16;

/** A connection, as far as its time is concerned. */
export interface TurnUser {
  /** Time it used beyond its share, ms. It shrinks by LIMITS.connectionTimeShare of the time that passes. */
  debtMs: number;
  /** Time it used lately, ms: half of it is forgotten in LIMITS.usedHalfLifeMs. */
  usedMs: number;
  /** When both were true, on the clock of `performance.now`. */
  usedAtMs: number;
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
  readonly #waiting = new Set<TurnUser>();

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
    if (nowMs - this.#turnStartMs >= allowedMs(user, nowMs)) return 0;
    this.#user = user;
    this.#userSinceMs = nowMs;
    return nowMs + user.sliceMs;
  }

  /** The user has more to do: it gets a later turn. */
  wait(user: TurnUser): void {
    this.#settle(performance.now());
    this.#waiting.add(user);
  }

  /** The user is gone. */
  forget(user: TurnUser): void {
    this.#waiting.delete(user);
  }

  /** The work since the last look was the last user's. */
  #settle(nowMs: number): void {
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
    this.#settle(nowMs);
    this.#turnStartMs = 0;
    if (this.#waiting.size === 0) return;
    this.#turnStartMs = nowMs;
    setImmediate(this.#endTurn);
    this.#serve(nowMs);
  };

  /** Those who used least get one slice each, as long as the turn has time; the first one always. */
  #serve(startMs: number): void {
    for (const user of this.#waiting) age(user, startMs);
    const users = [...this.#waiting].sort((a, b) => a.usedMs - b.usedMs).slice(0, SERVED_PER_TURN);
    let nowMs = startMs;
    for (const user of users) {
      if (nowMs - startMs >= LIMITS.turnWaitingMs) return;
      // An earlier one may have ended it.
      if (!this.#waiting.delete(user)) continue;
      this.#user = user;
      this.#userSinceMs = nowMs;
      user.goOn(nowMs + user.sliceMs);
      nowMs = performance.now();
      this.#settle(nowMs);
    }
  }
}

/** How long a turn may have taken when a chunk is worked on all the same, ms. */
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
