import { describe, expect, it } from "vitest";
import { ExpiryQueue } from "../../../src/cache/retention/expiry-queue.ts";
import { Random } from "../../support/random.ts";

describe("the expiry queue", () => {
  it("gives what is due, in order of seconds, and nothing before its time", () => {
    const queue = new ExpiryQueue<string>();
    queue.add("late", 5000);
    queue.add("early", 1001);
    expect(queue.nextDueMs).toBe(2000);
    expect(queue.takeDue(1999, 10)).toEqual([]);
    expect(queue.takeDue(2000, 10)).toEqual(["early"]);
    expect(queue.takeDue(9999, 10)).toEqual(["late"]);
    expect(queue.nextDueMs).toBe(undefined);
  });

  it("is the same as a sorted list, whatever comes and goes", () => {
    const random = new Random(5);
    const queue = new ExpiryQueue<number>();
    const times = new Map<number, number>();
    let nowMs = 0;
    for (let step = 0; step < 20_000; step += 1) {
      const item = random.below(300);
      const known = times.get(item);
      if (known !== undefined) queue.delete(item, known);
      times.delete(item);
      const atMs = nowMs + random.below(100_000);
      queue.add(item, atMs);
      times.set(item, atMs);
      if (step % 7 !== 0) continue;
      nowMs += random.below(4000);
      const due = queue.takeDue(nowMs, 1000).sort((a, b) => a - b);
      const isDue = ([, ms]: [number, number]) => Math.ceil(ms / 1000) * 1000 <= nowMs;
      const expected = [...times].filter(isDue).map(([each]) => each);
      expect(due).toEqual(expected.sort((a, b) => a - b));
      for (const each of due) times.delete(each);
    }
  });

  it("holds memory in proportion to its items, however often they are renewed", () => {
    const queue = new ExpiryQueue<string>();
    let atMs = 0;
    queue.add("item", atMs);
    for (let time = 1; time < 100_000; time += 1) {
      queue.delete("item", atMs);
      atMs = time * 1000;
      queue.add("item", atMs);
    }
    expect(queue.bucketCount).toBe(1);
    expect(queue.heapSize).toBeLessThan(100);
  });

  it("looks at each of a million items of one second once, however few are taken at a time", () => {
    const queue = new ExpiryQueue<number>();
    for (let item = 0; item < 1_000_000; item += 1) queue.add(item, 1000);
    let taken = 0;
    let calls = 0;
    for (let due = queue.takeDue(1000, 32); due.length > 0; due = queue.takeDue(1000, 32)) {
      taken += due.length;
      calls += 1;
    }
    expect(taken).toBe(1_000_000);
    expect(calls).toBe(31_250);
    expect(queue.bucketCount).toBe(0);
  });

  it("gives what is added to the second that is being taken, and not what is taken out of it", () => {
    const queue = new ExpiryQueue<string>();
    for (const item of ["a", "b", "c"]) queue.add(item, 1000);
    expect(queue.takeDue(1000, 1)).toEqual(["a"]);
    queue.delete("b", 1000);
    queue.add("d", 900);
    expect(queue.takeDue(1000, 10)).toEqual(["c", "d"]);
  });
});
