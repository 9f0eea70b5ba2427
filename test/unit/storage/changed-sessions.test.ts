/**
 * Which sessions are looked at for their record, and when: quiet ones, not too often, and few in memory.
 */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import { ChangedSessions } from "../../../src/storage/disk/changed-sessions.ts";

const QUIET_MS = LIMITS.recordQuietMs;

function due(sessions: ChangedSessions, nowMs: number): string[] {
  return [...sessions.due(nowMs, QUIET_MS).keys()];
}

/** A look that found `found` for the last change before `nowMs`. */
function look(
  sessions: ChangedSessions,
  nowMs: number,
  { found = "written" as "written" | "few" | "unsettled", files = 0, tookMs = 1 } = {},
): void {
  const changedMs = sessions.due(nowMs, 0).get("a/s")!;
  sessions.lookedAt("a/s", { found, files, changedMs, tookMs }, nowMs);
}

describe("a session that changed", () => {
  it("is due when it was quiet for a while, until it was looked at", () => {
    const sessions = new ChangedSessions();
    sessions.changed("a/s", 0);
    sessions.changed("a/s", 5_000);
    expect(due(sessions, 5_000 + QUIET_MS - 1)).toEqual([]);
    expect(due(sessions, 5_000 + QUIET_MS)).toEqual(["a/s"]);
    look(sessions, 5_000 + QUIET_MS);
    expect(due(sessions, 1e9)).toEqual([]);
  });

  it("is due again when it changed while it was looked at, or could not be recorded yet", () => {
    const sessions = new ChangedSessions();
    sessions.changed("a/s", 0);
    sessions.changed("a/s", 10);
    sessions.lookedAt("a/s", { found: "written", files: 0, changedMs: 0, tookMs: 1 }, 20);
    expect(due(sessions, 1e9)).toEqual(["a/s"]);
    look(sessions, 1e9, { found: "unsettled" });
    expect(due(sessions, 1e9 + 1)).toEqual([]);
    expect(due(sessions, 2e9)).toEqual(["a/s"]);
  });

  it("rests longer after each look while it keeps changing, at most recordPauseMsMax after a short look", () => {
    const sessions = new ChangedSessions();
    let nowMs = 0;
    const pauses = Array.from({ length: 12 }, () => {
      sessions.changed("a/s", nowMs);
      const changedMs = nowMs;
      while (due(sessions, nowMs).length === 0) nowMs += 1_000;
      look(sessions, nowMs);
      return nowMs - changedMs;
    });
    const grown = [10, 20, 40, 80, 160, 320].map((seconds) => seconds * 1_000);
    expect(pauses).toEqual([QUIET_MS, ...grown, ...Array(5).fill(LIMITS.recordPauseMsMax)]);
  });

  it("rests recordPauseFactor times as long as a long look took, and that is forgotten when it stayed as it was", () => {
    const sessions = new ChangedSessions();
    sessions.changed("a/s", 0);
    look(sessions, QUIET_MS, { tookMs: 60_000 });
    const restsUntilMs = QUIET_MS + 60_000 * LIMITS.recordPauseFactor;
    sessions.changed("a/s", QUIET_MS + 1);
    expect(due(sessions, restsUntilMs - 1)).toEqual([]);
    expect(sessions.dueAtLast(restsUntilMs - 1, QUIET_MS).size).toBe(1);
    expect(due(sessions, restsUntilMs)).toEqual(["a/s"]);
    look(sessions, restsUntilMs);
    expect(due(sessions, 1e9)).toEqual([]);
    expect(sessions.size).toBe(0);
  });
});

describe("a session with few objects", () => {
  it("is not looked at before it can have enough, whether it was made by us or looked at", () => {
    const sessions = new ChangedSessions();
    sessions.began("a/s");
    for (let put = 1; put < LIMITS.recordedObjectsMin; put += 1) sessions.changed("a/s", put);
    expect(due(sessions, 1e9)).toEqual([]);
    sessions.changed("a/s", 100);
    expect(due(sessions, 1e9)).toEqual(["a/s"]);
    look(sessions, 1e9, { found: "few", files: LIMITS.recordedObjectsMin - 2 });
    sessions.changed("a/s", 1e9);
    expect(due(sessions, 2e9)).toEqual([]);
    sessions.changed("a/s", 1e9);
    expect(due(sessions, 2e9)).toEqual(["a/s"]);
  });
});

describe("the memory for changed sessions", () => {
  it("is bounded: beyond recordSessionsMax the ones noticed first are forgotten, and few objects push out no others", () => {
    const sessions = new ChangedSessions();
    for (let session = 0; session <= LIMITS.recordSessionsMax; session += 1)
      sessions.changed(`a/${session}`, 0);
    for (let session = 0; session < 2 * LIMITS.recordSessionsMax; session += 1)
      sessions.began(`b/${session}`);
    const waiting = due(sessions, 1e9);
    expect(waiting).toHaveLength(LIMITS.recordSessionsMax);
    expect(waiting).not.toContain("a/0");
    expect(waiting).toContain("a/1");
    expect(sessions.size).toBe(2 * LIMITS.recordSessionsMax);
  });
});
