/**
 * The numbers a peer passed over are told from those it used, as far back as they are remembered.
 */
import { describe, expect, it } from "vitest";
import { OpenedStreams } from "../../../src/http2/opened-streams.ts";
import { LIMITS } from "../../../src/limits.ts";

function opened(...streams: readonly number[]): OpenedStreams {
  const known = new OpenedStreams();
  for (const stream of streams) known.open(stream);
  return known;
}

describe("the streams of a connection", () => {
  it("that are counted up pass nothing over", () => {
    const known = opened(1, 3, 5, 7);
    expect([1, 3, 5, 7].map((stream) => known.isPassedOver(stream))).toEqual([false, false, false, false]);
    expect(known.last).toBe(7);
  });

  it("pass over what lies between two of them, and what lies before the first", () => {
    const known = opened(5, 7, 13);
    const passedOver = [1, 3, 5, 7, 9, 11, 13].filter((stream) => known.isPassedOver(stream));
    expect(passedOver).toEqual([1, 3, 9, 11]);
  });

  it("are bounded in what is remembered of them, and the oldest gaps go first", () => {
    const known = new OpenedStreams();
    for (let gap = 0; gap <= LIMITS.streamGapsMax; gap++) known.open(3 + 4 * gap);
    expect(known.isPassedOver(1)).toBe(false);
    expect(known.isPassedOver(5)).toBe(true);
    expect(known.isPassedOver(4 * LIMITS.streamGapsMax + 1)).toBe(true);
  });
});
