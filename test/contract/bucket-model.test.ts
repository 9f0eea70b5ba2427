/**
 * Replicas over one bucket against the rules of a single object: whatever requests meet, one order
 * of the calls explains what clients see.
 */
import { describe, expect, it } from "vitest";
import { campaign } from "../support/campaign.ts";
import type { Defects } from "../support/memory-bucket.ts";
import { checkHistory } from "./bucket-model/history.ts";
import { ReplicasRun, type ReplicasRunOptions } from "./bucket-model/replicas-run.ts";
import { hasOrder } from "./bucket-model/search-order.ts";

const CALLS = campaign({ slice: 6_000, whole: 100_000 });
const SEEDS = campaign({ slice: [1, 2, 3], whole: Array.from({ length: 40 }, (_, seed) => seed) });

/** 100,000 calls take 40 s, and longer on a busy machine. */
const WAIT_MS = campaign({ slice: 60_000, whole: 600_000 });

async function finished(options: ReplicasRunOptions): Promise<ReplicasRun> {
  const run = new ReplicasRun(options);
  await run.run();
  return run;
}

describe("three replicas over one bucket", () => {
  it(
    "are linearizable with faults of every kind and killed replicas",
    async () => {
      const run = await finished({ seed: 1, calls: CALLS, share: 0.03, kills: 0.002 });
      const { violations, checks } = checkHistory(run.calls);
      const unknown = run.calls.filter(({ outcome }) => outcome.kind === "unknown").length;
      expect(violations).toEqual([]);
      expect(checks).toBeGreaterThan(CALLS);
      expect(unknown).toBeLessThan(CALLS / 20);
      expect(Object.keys(run.faults)).toHaveLength(8);
    },
    WAIT_MS,
  );

  it.each(SEEDS)("have an order that a plain object explains, seed %i", async (seed) => {
    const run = await finished({ seed, calls: 60, share: 0.05, kills: 0.005, keys: 2, clients: 2 });
    for (const key of ["k0", "k1"]) expect(hasOrder(run.calls.filter((call) => call.key === key))).toBe(true);
    expect(checkHistory(run.calls).violations).toEqual([]);
  });

  it("have no such order without the condition of writes", async () => {
    const defects = { ignoresConditions: true };
    const run = await finished({ seed: 1, calls: 60, share: 0, keys: 2, clients: 2, defects });
    const found = ["k0", "k1"].map((key) => hasOrder(run.calls.filter((call) => call.key === key)));
    expect(found).toContain(false);
  });

  const DEFECTS: [string, Defects, RegExp][] = [
    ["the list of operations", { forgetsOperations: true }, /was applied as version/],
    ["the condition of writes", { ignoresConditions: true }, /was acknowledged/],
    ["current answers to reads", { readsStale: true }, /began after rank/],
  ];
  it.each(DEFECTS)("are found to break the rules without %s", async (_, defects, violation) => {
    const run = await finished({ seed: 1, calls: 3_000, share: 0.03, defects });
    expect(checkHistory(run.calls).violations.filter((text) => violation.test(text)).length).toBeGreaterThan(
      0,
    );
  });
});
