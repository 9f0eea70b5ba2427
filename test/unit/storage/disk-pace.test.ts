import { describe, expect, it } from "vitest";
import { DiskPace } from "../../../src/storage/disk/disk-pace.ts";

/** A pace whose steps take as long as they say. */
function pacedBy(): { pace: DiskPace; step: (tookMs: number) => void; pass: (ms: number) => void } {
  let nowMs = 1000;
  const pace = new DiskPace(() => nowMs);
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { pace, pass, step: (tookMs) => pace.block(() => pass(tookMs)) };
}

const times = (count: number, call: () => void): void => {
  for (let i = 0; i < count; i++) call();
};

describe("short steps", () => {
  it("block while the disk is quick", () => {
    const { pace, step } = pacedBy();
    times(1000, () => step(0.1));
    expect(pace.isQuick).toBe(true);
  });

  it("block after a single slow one: that may have been the processor", () => {
    const { pace, step } = pacedBy();
    times(20, () => step(0.05));
    step(80);
    expect(pace.isQuick).toBe(true);
  });

  it("go to the pool when several are slow, for twenty times as long as the last one took", () => {
    const { pace, step, pass } = pacedBy();
    times(3, () => step(50));
    expect(pace.isQuick).toBe(false);
    pass(999);
    expect(pace.isQuick).toBe(false);
    pass(2);
    expect(pace.isQuick).toBe(true);
  });

  it("go to the pool when each of them is a little slow", () => {
    const { pace, step } = pacedBy();
    times(40, () => step(1));
    expect(pace.isQuick).toBe(false);
  });

  it("block again when the disk is quick again", () => {
    const { pace, step, pass } = pacedBy();
    times(40, () => step(1));
    for (let i = 0; i < 60; i++) {
      pass(2);
      step(0.02);
    }
    pass(2);
    expect(pace.isQuick).toBe(true);
  });

  it("give their result, and their failure", () => {
    const { pace } = pacedBy();
    expect(pace.block(() => 7)).toBe(7);
    expect(() =>
      pace.block(() => {
        throw new Error("no");
      }),
    ).toThrow("no");
  });
});

describe("a turn of the loop", () => {
  it("is left at once while it has time", async () => {
    const { pace, step } = pacedBy();
    step(1);
    let isNextTurn = false;
    setImmediate(() => {
      isNextTurn = true;
    });
    await pace.turn();
    expect(isNextTurn).toBe(false);
  });

  it("that is used up makes publishes wait for another, and go on in the order they came", async () => {
    const { pace, step } = pacedBy();
    step(3);
    const events: string[] = [];
    setImmediate(() => events.push("next turn"));
    const publish = async (name: string) => {
      await pace.turn();
      events.push(name);
      step(1.5);
    };
    const all = Promise.all(["a", "b", "c", "d"].map(publish));
    setImmediate(() => events.push("turn after that"));
    await all;
    expect(events.filter((event) => event.length === 1)).toEqual(["a", "b", "c", "d"]);
    expect(events.indexOf("b")).toBeLessThan(events.indexOf("turn after that"));
    expect(events.indexOf("c")).toBeGreaterThan(events.indexOf("turn after that"));
  });

  it("lets a late comer wait behind those who wait already", async () => {
    const { pace, step } = pacedBy();
    step(3);
    const order: string[] = [];
    const early = pace.turn()?.then(() => order.push("early"));
    const late = new Promise((resolve) => setImmediate(resolve))
      .then(() => pace.turn())
      .then(() => order.push("late"));
    await Promise.all([early, late]);
    expect(order).toEqual(["early", "late"]);
  });
});
