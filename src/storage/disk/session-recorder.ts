/**
 * Keeps the records of sessions (facts-record.ts) up to date while the engine runs, for the next
 * start.
 *
 * The engine reports every name that is added or removed. Changed sessions that became quiet are
 * walked in a worker thread, several per pass and one pass at a time; then the recorder rests ten
 * times as long as the pass took. No pass runs during a scan. A stop lets the pass finish, and runs
 * one more for the rest, within LIMITS.recordAtStopMs in total. No call waits for this or fails
 * because of it: a session without a record only slows the next start.
 */
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { ChangedSessions } from "./changed-sessions.ts";
import { SETTLED_MS } from "./facts-record.ts";
import { recordSessions } from "./record-thread.ts";

const log = logFor("storage");

export interface SessionRecorderOptions {
  /** The wall clock, ms since 1970: it is compared with the times of directories. */
  readonly nowMs?: (() => number) | undefined;
  /** Time limit of a stop, ms. */
  readonly atStopMs?: number | undefined;
}

export class SessionRecorder {
  readonly #root: string;
  readonly #nowMs: () => number;
  readonly #atStopMs: number;
  #sessions = new ChangedSessions();
  #isStarted = false;
  #timer: NodeJS.Timeout | undefined;
  #pass: Promise<void> | undefined;
  /** Ends the pending pass. */
  #ending = new AbortController();
  #scans = 0;
  #restsUntilMs = Number.NEGATIVE_INFINITY;

  /** @param root the storage directory, absolute. */
  constructor(
    root: string,
    { nowMs = Date.now, atStopMs = LIMITS.recordAtStopMs }: SessionRecorderOptions = {},
  ) {
    this.#root = root;
    this.#nowMs = nowMs;
    this.#atStopMs = atStopMs;
  }

  /** Changes before this call are ignored. */
  start(): void {
    this.#sessions = new ChangedSessions();
    this.#isStarted = true;
  }

  /**
   * @param path the changed path in a session's directory, or that directory; relative to the
   *   storage directory.
   */
  changed(path: string): void {
    if (!this.#isStarted) return;
    this.#sessions.changed(sessionOf(path), this.#nowMs());
    this.#arm();
  }

  /**
   * Directories were created on the way to `path`. @param made the outermost of them; both relative
   * to the storage directory.
   */
  began(path: string, made: string): void {
    const session = sessionOf(path);
    if (this.#isStarted && made.length <= session.length) this.#sessions.began(session);
  }

  /** Walks the sessions that are quiet now; none during a scan. Never rejects. */
  run(): Promise<void> {
    if (this.#pass === undefined && this.#isStarted && this.#scans === 0) {
      const nowMs = this.#nowMs();
      if (nowMs >= this.#restsUntilMs) this.#begin(this.#sessions.due(nowMs, LIMITS.recordQuietMs));
    }
    this.#arm();
    return this.#pass ?? Promise.resolve();
  }

  /** Ends the pending pass and starts none until the returned function is called. */
  async holdForScan(): Promise<() => void> {
    this.#scans += 1;
    this.#ending.abort();
    await this.#pass;
    return () => {
      this.#scans -= 1;
    };
  }

  /** Records what it can in the time limit. Nothing is written after it resolves. */
  async stop(): Promise<void> {
    if (!this.#isStarted) return;
    this.#isStarted = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    let isTimeUp = this.#atStopMs === 0;
    const end = (): void => {
      isTimeUp = true;
      this.#ending.abort();
    };
    const timer = setTimeout(end, this.#atStopMs);
    if (isTimeUp) end();
    await this.#pass;
    // A session that changed a moment ago gets no record: the rule of facts-record.ts also holds at
    // a stop.
    if (!isTimeUp) this.#begin(this.#sessions.dueAtLast(this.#nowMs(), SETTLED_MS));
    await this.#pass;
    clearTimeout(timer);
  }

  #arm(): void {
    if (!this.#isStarted || this.#timer !== undefined || this.#sessions.isEmpty) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.run();
    }, LIMITS.recordQuietMs);
    this.#timer.unref();
  }

  #begin(due: ReadonlyMap<string, number>): void {
    if (due.size === 0) return;
    this.#ending = new AbortController();
    this.#pass = this.#lookAt(due).finally(() => {
      this.#pass = undefined;
    });
  }

  async #lookAt(due: ReadonlyMap<string, number>): Promise<void> {
    const { signal } = this.#ending;
    const waiting = new Map(due);
    let tookMs = 0;
    try {
      const order = { root: this.#root, sessions: [...due.keys()] };
      await recordSessions(order, {
        signal,
        nowMs: this.#nowMs,
        onLook: (session, look) => {
          tookMs += look.tookMs;
          waiting.delete(session);
          this.#sessions.lookedAt(session, { ...look, changedMs: due.get(session)! }, this.#nowMs());
        },
      });
    } catch (error) {
      log.warn("changed sessions could not be recorded: the next start reads their files", { error });
      for (const session of waiting.keys()) this.#sessions.forget(session);
    }
    this.#restsUntilMs = this.#nowMs() + tookMs * LIMITS.recordRestFactor;
    const sessions = due.size - waiting.size;
    if (log.isEnabled("debug")) log.debug("walked changed sessions", { sessions, tookMs });
  }
}

/** `application/session` of a path below it. */
function sessionOf(path: string): string {
  const end = path.indexOf("/", path.indexOf("/") + 1);
  return end === -1 ? path : path.slice(0, end);
}
