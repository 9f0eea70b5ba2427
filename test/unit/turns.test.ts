/**
 * Turns of the event loop: who works for long lets the others in, one after the other.
 */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/limits.ts";
import { atOnce, inTurns, nextTurn, turnIfDue } from "../../src/turns.ts";

/** Keeps the loop for as long as one may. */
function work(): void {
  const endMs = performance.now() + LIMITS.turnMs;
  while (performance.now() < endMs);
}

/** In the order in which the loop comes to it. */
function atNextImmediate(log: string[], what: string): void {
  setImmediate(() => log.push(what));
}

/** Counts the turns that the loop takes. */
function countTurns(): { readonly count: number; stop(): void } {
  const interval = {
    count: 0,
    immediate: setImmediate(next),
    stop: () => clearImmediate(interval.immediate),
  };
  function next(): void {
    interval.count += 1;
    interval.immediate = setImmediate(next);
  }
  return interval;
}

describe("a long loop", () => {
  it("goes on while its turn is young, and lets others in when it is over", async () => {
    await nextTurn();
    const log: string[] = [];
    expect(turnIfDue()).toBeUndefined();
    work();
    atNextImmediate(log, "others");
    await turnIfDue();
    log.push("loop");
    expect(log).toEqual(["others", "loop"]);
  });

  it("shares a turn with the loops that work in it", async () => {
    await nextTurn();
    expect(turnIfDue()).toBeUndefined();
    work();
    // Another loop, which has just begun.
    const turn = turnIfDue();
    expect(turn).toBeInstanceOf(Promise);
    await turn;
  });

  it("goes on in a turn of its own when several wait, first come, first served", async () => {
    const turns = countTurns();
    const resumed: [string, number][] = [];
    const loop = async (name: string): Promise<void> => {
      await nextTurn();
      resumed.push([name, turns.count]);
    };
    await Promise.all(["a", "b", "c"].map(loop));
    turns.stop();
    expect(resumed.map(([name]) => name)).toEqual(["a", "b", "c"]);
    expect(new Set(resumed.map(([, turn]) => turn)).size).toBe(3);
  });
});

describe("a generator that stops", () => {
  function* steps(count: number): Generator<void, number> {
    for (let step = 0; step < count; step += 1) {
      work();
      yield;
    }
    return count;
  }

  it("is run to its end in several turns", async () => {
    const turns = countTurns();
    expect(await inTurns(steps(5))).toBe(5);
    turns.stop();
    expect(turns.count).toBeGreaterThanOrEqual(4);
  });

  it("is run to its end at once", () => {
    expect(atOnce(steps(2))).toBe(2);
  });

  it("passes on what it throws", async () => {
    function* failing(): Generator<void, never> {
      yield;
      throw new Error("broken");
    }
    await expect(inTurns(failing())).rejects.toThrow("broken");
    expect(() => atOnce(failing())).toThrow("broken");
  });
});
