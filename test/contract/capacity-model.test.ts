/**
 * The cache over a disk that is too small, against what was answered: pins, leases, times to live, bursts and restarts.
 * A failure names its seed and step; MODEL_SEED=7 runs that seed alone.
 */
import { expect, it, onTestFinished } from "vitest";
import { campaign } from "../support/campaign.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { CapacityRun } from "./capacity-model/capacity-run.ts";

const SEEDS = (process.env.MODEL_SEED ?? campaign({ slice: "1", whole: "1,2,3,4" })).split(",").map(Number);
const STEPS = 500;

it.each(SEEDS)(
  "with seed %i nothing is over the capacity, gone uncounted, served too late or given a version twice",
  async (seed) => {
    const directory = temporaryDirectory("capacity");
    onTestFinished(() => directory.remove());
    const run = new CapacityRun(seed, directory.path);
    await run.start();
    for (let serial = 0; serial < STEPS; serial += 1) await run.step(serial);
    await run.end();
    // The run has met what it is there for.
    expect(run.mostBytes).toBeGreaterThan(90_000);
    expect(run.seen.evicted).toBeGreaterThan(50);
    expect(run.seen.expired).toBeGreaterThan(3);
    expect(run.seen.refused).toBeGreaterThan(0);
    expect(run.seen.restarts).toBeGreaterThan(1);
  },
);
