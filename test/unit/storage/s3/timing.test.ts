import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import { backOff, Stopwatch, StoreClock, type Timing } from "../../../../src/storage/s3/timing.ts";

class HandClock implements Timing {
  monotonic = 500;
  wall = 7_000_000;
  readonly pauses: number[] = [];
  chance = 0.5;

  monotonicMs = (): number => this.monotonic;
  wallMs = (): number => this.wall;
  random = (): number => this.chance;
  pause = async (ms: number): Promise<void> => {
    this.pauses.push(ms);
  };
}

describe("the store's clock", () => {
  it("is not known before the first answer, and goes on between answers", () => {
    const timing = new HandClock();
    const clock = new StoreClock(timing);
    expect(clock.nowMs).toBeUndefined();
    clock.observe(1_000_000);
    timing.monotonic += 250;
    expect(clock.nowMs).toBe(1_000_250);
  });

  it("follows the answer that is furthest ahead, because dates are old when they arrive", () => {
    const timing = new HandClock();
    const clock = new StoreClock(timing);
    clock.observe(1_000_000);
    timing.monotonic += 900;
    clock.observe(1_000_000);
    expect(clock.nowMs).toBe(1_000_900);
    clock.observe(1_002_000);
    expect(clock.nowMs).toBe(1_002_000);
  });

  it("forgets a wrong date after a minute", () => {
    const timing = new HandClock();
    const clock = new StoreClock(timing);
    clock.observe(9_000_000_000);
    timing.monotonic += LIMITS.storeDateTrustMs;
    clock.observe(1_060_000);
    expect(clock.nowMs).toBeGreaterThan(9_000_000_000);
    timing.monotonic += 1;
    clock.observe(1_060_000);
    expect(clock.nowMs).toBe(1_060_000);
  });
});

describe("a stopwatch", () => {
  it("believes that clock which ran faster", () => {
    const timing = new HandClock();
    const stopwatch = new Stopwatch(timing);
    timing.monotonic += 70;
    timing.wall -= 5000;
    expect(stopwatch.elapsedMs).toBe(70);
    timing.wall += 9000;
    expect(stopwatch.elapsedMs).toBe(4000);
  });
});

describe("the wait before another attempt", () => {
  it("is random below a bound that doubles up to its limit", async () => {
    const timing = new HandClock();
    for (let attempt = 0; attempt < 9; attempt += 1) await backOff(timing, attempt);
    await backOff(timing, 5000);
    expect(timing.pauses).toEqual([5, 10, 20, 40, 80, 160, 320, 500, 500, 500]);
    timing.chance = 0;
    await backOff(timing, 3);
    expect(timing.pauses.at(-1)).toBe(0);
  });

  it("is no shorter than the store asks for, and no longer than is reasonable", async () => {
    const timing = new HandClock();
    await backOff(timing, 0, 700);
    await backOff(timing, 0, 1e9);
    expect(timing.pauses).toEqual([700, LIMITS.bucketBackoffAskedMsMax]);
  });
});
