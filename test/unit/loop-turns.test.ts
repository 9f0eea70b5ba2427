/**
 * Who works in which turn of the event loop, on a clock of the test's.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../src/limits.ts";
import { LoopTurns, type TurnUser } from "../../src/loop-turns.ts";

const CHUNK_BYTES = 64 * 1024;

let nowMs = 0;
let turns: LoopTurns;
let served: string[];

class User implements TurnUser {
  debtMs = 0;
  usedMs = 0;
  usedAtMs = 0;
  sliceMs: number = LIMITS.connectionSliceMs;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  runSlice(untilMs: number): void {
    served.push(this.name);
    expect(untilMs).toBe(nowMs + this.sliceMs);
  }
}

class SlowUser extends User {
  override runSlice(): void {
    served.push(this.name);
    nowMs += 1;
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
    expect(worked.filter((each) => each)).toHaveLength(LIMITS.turnLightMs);
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

  it("has less time for a connection that used more than a little", () => {
    const [busy, light] = [new User("busy"), new User("light")];
    busy.usedMs = 2 * LIMITS.lightUseMs;
    busy.usedAtMs = nowMs;
    work(new User("first"), LIMITS.turnWorkMs);
    expect([turns.begin(busy, CHUNK_BYTES) > 0, turns.begin(light, CHUNK_BYTES) > 0]).toEqual([false, true]);
  });

  it("serves those that wait in the order of what they used lately", () => {
    const users = ["much", "little", "more"].map((name) => new User(name));
    for (const [i, usedMs] of [30, 10, 20].entries()) {
      work(users[i]!, usedMs);
      vi.advanceTimersToNextTimer();
    }
    for (const user of users) turns.wait(user);
    turns.begin(new User("new"), CHUNK_BYTES);
    vi.advanceTimersToNextTimer();
    expect(served).toEqual(["little", "more", "much"]);
  });

  it("serves no more when those that waited have had their time, and the others in the next turn", () => {
    const users = Array.from({ length: 5 }, (_, i) => new SlowUser(`${i}`));
    for (const user of users) turns.wait(user);
    turns.begin(new User("new"), CHUNK_BYTES);
    vi.advanceTimersToNextTimer();
    expect(served).toHaveLength(LIMITS.turnWaitingMs);
    vi.advanceTimersToNextTimer();
    expect(served).toEqual(["0", "1", "2", "3", "4"]);
  });

  it("forgets half of what was used in a half-life", () => {
    const user = new User("a");
    work(user, 8);
    vi.advanceTimersToNextTimer();
    nowMs += LIMITS.usedHalfLifeMs;
    turns.begin(user, CHUNK_BYTES);
    expect(user.usedMs).toBeCloseTo(4);
  });

  it("is counted from every ninth small chunk on, whose time then limits it", () => {
    const user = new User("a");
    for (let i = 0; i < 8; i++)
      expect(turns.begin(user, LIMITS.smallChunkBytes)).toBe(Number.POSITIVE_INFINITY);
    expect(turns.begin(user, LIMITS.smallChunkBytes)).toBe(nowMs + LIMITS.connectionSliceMs);
    nowMs += LIMITS.turnLightMs;
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
    turns.begin(flood, CHUNK_BYTES);
    expect(flood.debtMs).toBeCloseTo(10);
  });
});
