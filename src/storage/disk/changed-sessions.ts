/**
 * Remembers which sessions changed, and tells which of them are worth a look: quiet for a while, and not looked at too often.
 *
 * Pure: no clock, no disk. A change costs a look-up in a map or two. Between two looks at a session lies a pause that doubles while it
 * keeps changing, and is never shorter than LIMITS.recordPauseFactor times the last look. Of a session that was made by us or looked
 * at it is known how many files it holds at most: with too few for a record it is not looked at before it can have enough.
 * Bounded: beyond LIMITS.recordSessionsMax of each sort the ones noticed first are forgotten. That costs them their record, no more.
 */
import { LIMITS } from "../../limits.ts";
import type { RecordLook } from "./walk-session.ts";

/** What a look at a session found, and when the change was made that it was for. */
export interface FinishedLook extends RecordLook {
  readonly changedMs: number;
  readonly tookMs: number;
}

interface Session {
  /** Of the last change since the session was looked at; undefined when there was none. */
  changedMs: number | undefined;
  filesMax: number;
  pauseMs: number;
  restsUntilMs: number;
}

export class ChangedSessions {
  /** Sessions that have enough objects for a record, or may have. */
  readonly #large = new Map<string, Session>();
  /** Sessions that have too few. */
  readonly #small = new Map<string, Session>();

  /** True when no session may ever be due without a further change. */
  get isEmpty(): boolean {
    return this.#large.size === 0;
  }

  /** So many sessions are remembered. */
  get size(): number {
    return this.#large.size + this.#small.size;
  }

  /** The directory of a session was made: it holds nothing. @param session `application/session` */
  began(session: string): void {
    if (!this.#large.has(session)) remember(this.#small, session, neverLookedAt(0));
  }

  /** A name came into a session, or left it. */
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

  /** Sessions that changed, and did not for `quietMs`, each with the time of its last change. Those that rest are left out. */
  due(nowMs: number, quietMs: number): Map<string, number> {
    const due = new Map<string, number>();
    for (const [name, { changedMs, restsUntilMs }] of this.#large) {
      if (changedMs === undefined) {
        if (restsUntilMs <= nowMs) this.#large.delete(name);
      } else if (restsUntilMs <= nowMs && changedMs + quietMs <= nowMs) due.set(name, changedMs);
    }
    return due;
  }

  /** As `due`, also those that rest: for the last look there is. */
  dueAtLast(nowMs: number, quietMs: number): Map<string, number> {
    const due = new Map<string, number>();
    for (const [name, { changedMs }] of this.#large) {
      if (changedMs !== undefined && changedMs + quietMs <= nowMs) due.set(name, changedMs);
    }
    return due;
  }

  /** A session was looked at. What happened since it was due makes it due again. */
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

  /** Looks at a session end in failure: it gets no record before it changes again. */
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
