/**
 * Who works in which turn of the event loop, on a clock of the test's.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LoopTurns, type TurnUser } from "../../../src/http2/loop-turns.ts";
import { LIMITS } from "../../../src/limits.ts";

const CHUNK_BYTES = 64 * 1024;

let nowMs = 0;
let turns: LoopTurns;
let served: string[];

class User implements TurnUser {
  debtMs = 0;
  debtAtMs = 0;
  sliceMs: number = LIMITS.connectionSliceMs;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  goOn(untilMs: number): void {
    served.push(this.name);
    expect(untilMs).toBe(nowMs + this.sliceMs);
  }
}

/** A chunk arrives and takes this long, handlers included. */
function work(user: User, tookMs: number): boolean {
  const untilMs = turns.begin(user, CHUNK_BYTES);
  nowMs += tookMs;
  return untilMs > 0;
}

beforeEach(() => {
  nowMs = 1_000;
  served = [];
  turns = new LoopTurns();
  vi.useFakeTimers({ toFake: ["setImmediate"] });
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("a turn of the event loop", () => {
  it("has time for what arrives until it has taken long", () => {
    const users = Array.from({ length: 10 }, (_, i) => new User(`${i}`));
    const worked = users.map((user) => work(user, 1));
    expect(worked.filter((each) => each)).toHaveLength(LIMITS.turnWorkMs);
    vi.advanceTimersToNextTimer();
    expect(work(users[9]!, 1)).toBe(true);
  });

  it("lets a connection that used much time wait as soon as others have worked in it", () => {
    const [flood, honest] = [new User("flood"), new User("honest")];
    work(flood, 2 * LIMITS.connectionDebtMs);
    vi.advanceTimersToNextTimer();
    work(honest, LIMITS.turnHeavyMs);
    expect([turns.begin(flood, CHUNK_BYTES) > 0, turns.begin(honest, CHUNK_BYTES) > 0]).toEqual([
      false,
      true,
    ]);
  });

  it("serves those that used little time before those that used much, of these one in each turn", () => {
    const heavy = [new User("a"), new User("b")];
    for (const user of heavy) {
      work(user, 2 * LIMITS.connectionDebtMs);
      vi.advanceTimersToNextTimer();
    }
    const light = [new User("c"), new User("d")];
    for (const user of [...heavy, ...light]) turns.wait(user);
    turns.begin(new User("e"), CHUNK_BYTES);
    vi.advanceTimersToNextTimer();
    expect(served).toEqual(["c", "d", "a"]);
    vi.advanceTimersToNextTimer();
    expect(served).toEqual(["c", "d", "a", "b"]);
  });

  it("is counted from every ninth small chunk on, whose time then limits it", () => {
    const user = new User("a");
    for (let i = 0; i < 8; i++)
      expect(turns.begin(user, LIMITS.smallChunkBytes)).toBe(Number.POSITIVE_INFINITY);
    expect(turns.begin(user, LIMITS.smallChunkBytes)).toBe(nowMs + LIMITS.connectionSliceMs);
    nowMs += LIMITS.turnWorkMs;
    expect(turns.begin(user, LIMITS.smallChunkBytes)).toBe(0);
  });

  it("forgets a connection that is gone", () => {
    const user = new User("a");
    turns.begin(user, CHUNK_BYTES);
    turns.wait(user);
    turns.forget(user);
    vi.advanceTimersToNextTimer();
    expect(served).toEqual([]);
  });
});

describe("the debt of a connection", () => {
  it("counts the time until somebody else works, and is paid back by the share of time that passes", () => {
    const [flood, honest] = [new User("flood"), new User("honest")];
    work(flood, 20);
    work(honest, 0);
    expect(flood.debtMs).toBe(20);
    nowMs += 10 / LIMITS.connectionTimeShare;
    turns.wait(flood);
    expect(flood.debtMs).toBeCloseTo(10);
  });
});
