import { describe, expect, it } from "vitest";
import { displayWidth } from "../../../src/command/display-text.ts";
import { formatProgress, Progress, RecentRate } from "../../../src/command/progress.ts";

const MIB = 1024 ** 2;
const STATE = {
  label: "put",
  unit: "bytes",
  total: 100 * MIB,
  done: 25 * MIB,
  elapsedMs: 2000,
  rate: 12.5 * MIB,
} as const;

describe("a progress line", () => {
  it("says how much of how much, how fast and how long still", () => {
    expect(formatProgress(STATE, 80)).toBe(
      "put 25% [=======>                    ] 25.0 MiB of 100 MiB  12.5 MiB/s  6s left",
    );
  });

  it("says how long it took so far where the whole is not known", () => {
    expect(formatProgress({ ...STATE, total: undefined }, 80)).toBe("put 25.0 MiB  12.5 MiB/s  2s");
  });

  it("counts objects", () => {
    const state = {
      ...STATE,
      label: "rm: counting",
      unit: "objects",
      total: undefined,
      done: 1234,
      rate: 617,
    };
    expect(formatProgress(state as never, 80)).toBe("rm: counting 1,234 objects  617/s  2s");
  });

  it("says that nothing moves", () => {
    expect(formatProgress({ ...STATE, rate: 0 }, 80)).toContain("stalled");
  });

  it("is full, and no more, when a little more than the whole has passed", () => {
    expect(formatProgress({ ...STATE, done: 101 * MIB }, 100)).toContain(
      "100% [==============================]",
    );
  });

  it.each([200, 80, 60, 40, 20, 8, 4, 1])("never wraps on a terminal of %i columns", (columns) => {
    for (const total of [undefined, 0, STATE.total]) {
      expect(displayWidth(formatProgress({ ...STATE, total }, columns))).toBeLessThan(columns);
    }
  });
});

describe("the rate", () => {
  it("is none before time has passed, and does not take a first burst for the whole", () => {
    const rate = new RecentRate(0);
    expect(rate.update(500, 0)).toBe(0);
    expect(rate.update(1000, 100)).toBe(10_000);
    expect(rate.update(1000, 1000)).toBeGreaterThan(800);
    expect(rate.update(1000, 1000)).toBeLessThan(1200);
  });

  it("follows what happens and forgets what was", () => {
    const rate = new RecentRate(0);
    expect(rate.update(1000, 1000)).toBeCloseTo(1000);
    expect(rate.update(2000, 2000)).toBeCloseTo(1000);
    expect(rate.update(2000, 40_000)).toBeLessThan(1);
    expect(rate.update(12_000, 50_000)).toBeGreaterThan(900);
  });
});

describe("progress", () => {
  function drawn(isTTY: boolean, options: { isWanted?: boolean } = {}) {
    const drawnTexts: string[] = [];
    const text = (): string => drawnTexts.join("");
    let nowMs = 0;
    const stream = { isTTY, columns: 80, write: (more: string) => void drawnTexts.push(more) };
    const progress = new Progress(stream, STATE, { ...options, now: () => nowMs });
    return {
      progress,
      at(time: number) {
        nowMs = time;
        progress.draw();
        return text();
      },
      text,
    };
  }

  it("is not shown before a second has passed, and is wiped away in the end", () => {
    const { progress, at, text } = drawn(true);
    progress.add(10 * MIB);
    expect(at(900)).toBe("");
    expect(at(1000)).toContain("\r\u001b[Kput 10% [");
    progress.end();
    progress.end();
    expect(text().endsWith("left\r\u001b[K")).toBe(true);
  });

  it("leaves no trace of what took less than a second", () => {
    const { progress, at, text } = drawn(true);
    at(999);
    progress.end();
    expect(text()).toBe("");
  });
});
