import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FailedAttempts } from "../../../src/access/failed-attempts.ts";
import { LIMITS } from "../../../src/limits.ts";

let attempts: FailedAttempts;

beforeEach(() => {
  vi.useFakeTimers();
  attempts = new FailedAttempts();
});
afterEach(() => vi.useRealTimers());

const fail = (address: string, times: number): void => {
  for (let i = 0; i < times; i++) attempts.record(address);
};

/** How long an answer to the address is delayed. */
async function delayOf(address: string): Promise<number> {
  const startMs = performance.now();
  const waiting = attempts.delayAnswer(address);
  await vi.runAllTimersAsync();
  await waiting;
  return performance.now() - startMs;
}

describe("failed attempts", () => {
  it("delay twice as long each time, up to a few seconds", async () => {
    const delays: number[] = [];
    for (let i = 0; i < 8; i++) {
      attempts.record("192.0.2.1");
      delays.push(await delayOf("192.0.2.1"));
    }
    expect(delays).toEqual([100, 200, 400, 800, 1600, 3000, 3000, 3000]);
  });

  it("delay no other address", async () => {
    fail("192.0.2.1", 10);
    expect(await delayOf("192.0.2.2")).toBe(0);
    expect(attempts.delayCheck("192.0.2.2")).toBeUndefined();
  });

  it("are forgotten after a time without any", async () => {
    fail("192.0.2.1", 10);
    vi.advanceTimersByTime(LIMITS.failedAttemptMemoryMs);
    expect(await delayOf("192.0.2.1")).toBe(0);
    expect(attempts.record("192.0.2.1")).toBe(1);
  });

  it.each([
    ["2001:db8::1", "2001:db8::ffff"],
    ["2001:db8:0:0:1::", "2001:db8::2"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["fe80::1%eth0", "fe80::2%eth0"],
  ])("of %s count for %s", async (one, other) => {
    attempts.record(one);
    expect(await delayOf(other)).toBe(100);
  });

  it("of one IPv6 network do not count for another", async () => {
    attempts.record("2001:db8::1");
    expect(await delayOf("2001:db8:0:1::1")).toBe(0);
  });

  it("hold a bounded number of answers, and refuse further password checks", async () => {
    fail("192.0.2.1", 3);
    const held = Array.from({ length: LIMITS.delayedPerAddressMax }, () => attempts.delayAnswer("192.0.2.1"));
    expect(attempts.delayAnswer("192.0.2.1")).toBeUndefined();
    expect(() => attempts.delayCheck("192.0.2.1")).toThrow(/\[OVERLOADED\] too many failed attempts/);
    await vi.runAllTimersAsync();
    await Promise.all(held);
    expect(await delayOf("192.0.2.1")).toBe(400);
  });

  it("hold a bounded number of answers of all addresses", () => {
    const places = LIMITS.delayedAnswersMax / LIMITS.delayedPerAddressMax;
    for (let i = 0; i < places; i++) {
      attempts.record(`192.0.2.${i}`);
      for (let j = 0; j < LIMITS.delayedPerAddressMax; j++) void attempts.delayAnswer(`192.0.2.${i}`);
    }
    attempts.record("198.51.100.1");
    expect(attempts.delayAnswer("198.51.100.1")).toBeUndefined();
    attempts.stop();
    expect(vi.getTimerCount()).toBe(0);
    expect(attempts.delayAnswer("198.51.100.1")).toBeDefined();
  });

  it("are counted for a bounded number of addresses", () => {
    attempts.record("192.0.2.1");
    for (let i = 0; i < LIMITS.failedAddressesMax; i++) attempts.record(`10.0.${i >> 8}.${i & 255}`);
    expect(attempts.record("192.0.2.1")).toBe(1);
  });
});
