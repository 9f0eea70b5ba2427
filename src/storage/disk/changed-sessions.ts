/**
 * Remembers which sessions changed, and selects those to walk: quiet for a while, and not too
 * often.
 *
 * Pure: no clock, no disk. A change costs one or two map lookups. Between two walks of a session
 * lies a pause that doubles while the session keeps changing, and is never shorter than
 * LIMITS.recordPauseFactor times the last walk. For a session that this process created or walked,
 * the maximum number of files is known: with too few for a record it is not walked. Bounded: beyond
 * LIMITS.recordSessionsMax of each kind the oldest are forgotten, which costs only their record.
 */
import { LIMITS } from "../../limits.ts";
import type { RecordLook } from "./walk-session.ts";

/** The result of a walk, and the time of the change that caused it. */
export interface FinishedLook extends RecordLook {
  readonly changedMs: number;
  readonly tookMs: number;
}

interface Session {
  /** Time of the last change since the session was walked; undefined if there was none. */
  changedMs: number | undefined;
  filesMax: number;
  pauseMs: number;
  restsUntilMs: number;
}

export class ChangedSessions {
  /** Sessions that may have enough objects for a record. */
  readonly #large = new Map<string, Session>();
  /** Sessions with too few. */
  readonly #small = new Map<string, Session>();

  /** True if no session can become due without a further change. */
  get isEmpty(): boolean {
    return this.#large.size === 0;
  }

  /** Number of remembered sessions. */
  get size(): number {
    return this.#large.size + this.#small.size;
  }

  /**
   * The directory of a session was created, so it is empty. @param session `application/session`
   */
  began(session: string): void {
    if (!this.#large.has(session)) remember(this.#small, session, neverLookedAt(0));
  }

  /** A name was added to a session or removed from it. */
  changed(session: string, nowMs: number): void {
    const large = this.#large.get(session);
    if (large !== undefined) {
      large.changedMs = nowMs;
      return;
    }
    const known = this.#small.get(session) ?? neverLookedAt(Number.POSITIVE_INFINITY);
    known.changedMs = nowMs;
    known.filesMax += 1;
    if (known.filesMax < LIMITS.recordedObjectsMin) return;
    this.#small.delete(session);
    remember(this.#large, session, known);
  }

  /**
   * Sessions without a change for `quietMs`, each with the time of its last change. Resting
   * sessions are left out.
   */
  due(nowMs: number, quietMs: number): Map<string, number> {
    const due = new Map<string, number>();
    for (const [name, { changedMs, restsUntilMs }] of this.#large) {
      if (changedMs === undefined) {
        if (restsUntilMs <= nowMs) this.#large.delete(name);
      } else if (restsUntilMs <= nowMs && changedMs + quietMs <= nowMs) due.set(name, changedMs);
    }
    return due;
  }

  /** Like `due`, but includes resting sessions: for the last walk at stop. */
  dueAtLast(nowMs: number, quietMs: number): Map<string, number> {
    const due = new Map<string, number>();
    for (const [name, { changedMs }] of this.#large) {
      if (changedMs !== undefined && changedMs + quietMs <= nowMs) due.set(name, changedMs);
    }
    return due;
  }

  /** A session was walked. A change since it became due makes it due again. */
  lookedAt(name: string, { found, files, changedMs, tookMs }: FinishedLook, nowMs: number): void {
    const session = this.#large.get(name);
    if (session === undefined) return;
    const doubledMs = Math.min(Math.max(2 * session.pauseMs, LIMITS.recordQuietMs), LIMITS.recordPauseMsMax);
    session.pauseMs = Math.max(doubledMs, tookMs * LIMITS.recordPauseFactor);
    session.restsUntilMs = nowMs + session.pauseMs;
    if (session.changedMs !== changedMs) return;
    session.changedMs = found === "unsettled" ? nowMs : undefined;
    if (found !== "few") return;
    session.filesMax = files;
    this.#large.delete(name);
    remember(this.#small, name, session);
  }

  /** Walks of this session fail: it gets no record until it changes again. */
  forget(name: string): void {
    this.#large.delete(name);
  }
}

function neverLookedAt(filesMax: number): Session {
  return { changedMs: undefined, filesMax, pauseMs: 0, restsUntilMs: Number.NEGATIVE_INFINITY };
}

function remember(sessions: Map<string, Session>, name: string, session: Session): void {
  sessions.set(name, session);
  if (sessions.size <= LIMITS.recordSessionsMax) return;
  const [first] = sessions.keys();
  sessions.delete(first!);
}
