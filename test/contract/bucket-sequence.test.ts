/**
 * Calls of two replicas, one after the other, against a plain model: outcome, version and content of
 * each call. fast-check finds the sequences and shortens those that fail.
 */
import { array, asyncProperty, assert as check } from "fast-check";
import { it } from "vitest";
import { campaign } from "../support/campaign.ts";
import { CallSequence, callStep } from "./bucket-model/call-sequence.ts";

const RUNS = campaign({ slice: 150, whole: 3_000 });

it("two replicas answer like one plain object", async () => {
  await check(
    asyncProperty(array(callStep, { maxLength: 25 }), async (steps) => {
      const sequence = new CallSequence();
      for (const step of steps) await sequence.run(step);
    }),
    { numRuns: RUNS, seed: 14 },
  );
});
