import { describe, expect, it } from "vitest";
import { StopDecision, type StopSignal } from "../../../src/command/stop-decision.ts";
import { LIMITS } from "../../../src/limits.ts";

const SOON = LIMITS.repeatedInterruptMs - 1;
const LATE = LIMITS.repeatedInterruptMs;

describe("a second signal", () => {
  it.each<[StopSignal, StopSignal, number, string]>([
    ["SIGINT", "SIGINT", SOON, "ignore"],
    ["SIGTERM", "SIGINT", SOON, "ignore"],
    ["SIGINT", "SIGINT", LATE, "exit"],
    ["SIGTERM", "SIGTERM", 0, "exit"],
    ["SIGINT", "SIGTERM", SOON, "exit"],
  ])("after %s, %s %d ms later means: %s", (first, second, afterMs, meaning) => {
    const decision = new StopDecision();
    expect(decision.decide(first, 1000)).toBe("stop");
    expect(decision.decide(second, 1000 + afterMs)).toBe(meaning);
  });

  it("that was ignored does not put off the next one", () => {
    const decision = new StopDecision();
    decision.decide("SIGINT", 0);
    decision.decide("SIGINT", SOON);
    expect(decision.decide("SIGINT", LATE)).toBe("exit");
  });
});
