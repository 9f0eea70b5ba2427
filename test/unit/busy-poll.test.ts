/**
 * When the event loop stays awake for the next request, on a clock of the test's.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BusyPoll, LoopUse, THREAD_POLL } from "../../src/busy-poll.ts";
import { LIMITS } from "../../src/limits.ts";

let nowMs: number;
let hasSpare: boolean;
let looks: number;
let poll: BusyPoll;

beforeEach(() => {
  nowMs = 1_000;
  hasSpare = true;
  looks = 0;
  vi.useFakeTimers({ toFake: ["setImmediate"] });
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  poll = new BusyPoll(() => {
    looks += 1;
    return hasSpare;
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** The loop sleeps unless it is polled. */
const isAwake = (): boolean => vi.getTimerCount() > 0;

function pass(ms: number): void {
  nowMs += ms;
  vi.advanceTimersToNextTimer();
}

/** @returns whether the answer was polled; nothing follows it. */
function answerInVain(): boolean {
  poll.answered();
  const wasPolled = isAwake();
  pass(LIMITS.pollMs);
  expect(isAwake()).toBe(false);
  return wasPolled;
}

/** How many answers pass until one is polled. */
function answersUntilPoll(): number {
  let count = 0;
  while (!answerInVain()) count += 1;
  return count;
}

describe("after an answer the loop", () => {
  it("stays awake for LIMITS.pollMs, and then sleeps", () => {
    poll.answered();
    pass(LIMITS.pollMs - 0.01);
    expect(isAwake()).toBe(true);
    pass(0.01);
    expect(isAwake()).toBe(false);
  });

  it("does not poll on when the next request has come", () => {
    poll.answered();
    pass(0.1);
    poll.arrived();
    pass(0);
    expect(isAwake()).toBe(false);
  });

  it("stays awake once for answers that follow each other, from the last one on", () => {
    poll.answered();
    nowMs += 0.1;
    poll.answered();
    expect(vi.getTimerCount()).toBe(1);
    pass(LIMITS.pollMs - 0.01);
    expect(isAwake()).toBe(true);
  });

  it("is polled again at once while requests come in time", () => {
    for (let i = 0; i < 5; i += 1) {
      poll.answered();
      expect(isAwake()).toBe(true);
      pass(0.1);
      poll.arrived();
      pass(0);
    }
  });

  it("is polled less and less often while they do not", () => {
    const counts = Array.from({ length: 7 }, answersUntilPoll);
    expect(counts).toEqual([0, 1, 3, 7, LIMITS.pollPauseMax, LIMITS.pollPauseMax, LIMITS.pollPauseMax]);
  });

  it("is polled again at once when one came in time", () => {
    for (let i = 0; i < 4; i += 1) answersUntilPoll();
    for (let i = 0; i < LIMITS.pollPauseMax; i += 1) poll.answered();
    poll.answered();
    expect(isAwake()).toBe(true);
    poll.arrived();
    pass(0);
    poll.answered();
    expect(isAwake()).toBe(true);
  });

  it("sleeps while the machine has no spare processor, and looks once a second", () => {
    hasSpare = false;
    for (let i = 0; i < 10; i += 1) expect(answerInVain()).toBe(false);
    expect(looks).toBe(1);
    hasSpare = true;
    nowMs += LIMITS.pollLoadMs;
    expect(answerInVain()).toBe(true);
    expect(looks).toBe(2);
  });
});

it("the time of polls is counted, and that between them is not", () => {
  poll.answered();
  nowMs += 0.1;
  poll.arrived();
  nowMs += 5;
  pass(0);
  poll.answered();
  pass(LIMITS.pollMs);
  expect(poll.spentMs).toBeCloseTo(0.1 + LIMITS.pollMs);
});

it("work that runs during a poll does not count as a poll", () => {
  poll.answered();
  pass(20);
  expect(poll.spentMs).toBe(LIMITS.pollMs);
});

it("polls do not count as use of the loop", () => {
  const spent = vi.spyOn(THREAD_POLL, "spentMs", "get").mockReturnValue(3);
  const use = new LoopUse();
  vi.spyOn(performance, "eventLoopUtilization").mockReturnValue({ active: 40, idle: 60, utilization: 0.4 });
  spent.mockReturnValue(33);
  expect(use.activeMs).toBe(10);
  expect(use.part).toBe(0.1);
  use.restart();
  expect(use.activeMs).toBe(40);
});
