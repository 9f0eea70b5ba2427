/**
 * How many repetitions a store gets, and the pauses between them.
 */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import { pauseMs, RetryBudget } from "../../../src/s3/requests/retry-budget.ts";

/** Takes all that there is. */
function drain(budget: RetryBudget): number {
  let taken = 0;
  while (budget.take()) taken += 1;
  return taken;
}

describe("the budget of repetitions", () => {
  it("is bounded, and never grows beyond its size", () => {
    const budget = new RetryBudget();
    for (let i = 0; i < 1000; i += 1) budget.payBack(2);
    expect(drain(budget)).toBe(LIMITS.s3RepetitionsMax);
  });

  it("gets back one for a repetition that is answered, and a tenth for a first attempt", () => {
    const budget = new RetryBudget();
    drain(budget);
    budget.payBack(3);
    expect(drain(budget)).toBe(1);
    for (let i = 0; i < 11; i += 1) budget.payBack(1);
    expect(drain(budget)).toBe(1);
  });
});

describe("the pause before a repetition", () => {
  it("has full jitter, doubles its bound up to a limit, and adds what the store asks for", () => {
    const pauses = (attempt: number): number[] => Array.from({ length: 500 }, () => pauseMs(attempt));
    for (const [attempt, bound] of [
      [1, 50],
      [2, 100],
      [5, 800],
      [20, LIMITS.s3PauseMsMax],
    ] as const) {
      expect(Math.max(...pauses(attempt))).toBeLessThan(bound);
      expect(Math.max(...pauses(attempt))).toBeGreaterThan(bound * 0.8);
      expect(Math.min(...pauses(attempt))).toBeLessThan(bound * 0.2);
    }
    expect(pauseMs(1, 1000)).toBeGreaterThanOrEqual(1000);
  });
});
