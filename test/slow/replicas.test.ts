/**
 * Three replicas, each a process, over one real store: whatever their requests meet and whenever
 * they are killed, one order of the calls explains what clients see.
 *
 * bench/replicas.ts runs the same with 100,000 calls.
 */
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkHistory } from "../contract/bucket-model/history.ts";
import { PROXY_FAULTS } from "../support/fault-proxy.ts";
import { missingS3Store } from "../support/s3-store.ts";
import type { Defect } from "./replicas/defective-bucket.ts";
import { KILL_STEPS } from "./replicas/replica.ts";
import { ReplicasLoad } from "./replicas/replicas-load.ts";
import { type ReplicasStore, startReplicasStore } from "./replicas/replicas-store.ts";

const missing = await missingS3Store();
const DAY_MS = 86_400_000;
/** Of a call: all attempts of a write (30 s), the last of them, and a read. */
const CALL_MS_MAX = 60_000;

describe.skipIf(missing !== undefined)("three replicas over one real store", () => {
  let started: ReplicasStore;
  beforeAll(async () => {
    started = await startReplicasStore();
  });
  afterAll(() => started.stop());

  it("are linearizable with faults of every kind, killed at every step", async () => {
    const replicas = started.replicas(1, 0.02);
    const load = new ReplicasLoad({ seed: 1, calls: 3_000, kills: 0.02, replicas });
    await load.run();
    const { violations, checks } = checkHistory(load.calls);
    expect(violations).toEqual([]);
    expect(load.broken).toEqual([]);
    expect(checks).toBeGreaterThan(3_000);
    expect(load.unknown).toBeLessThan(750);
    expect(Object.keys(load.faults).sort()).toEqual([...PROXY_FAULTS].sort());
    expect(Object.keys(load.kills).length).toBeGreaterThan(KILL_STEPS.length / 2);
  });

  const DEFECTS: [Defect, RegExp][] = [
    ["forgets operations", /was applied as version/],
    ["ignores conditions", /was acknowledged/],
    ["reads stale", /began after rank/],
  ];
  it.each(DEFECTS)("are found to break the rules if a replica %s", async (defect, violation) => {
    const replicas = started.replicas(2, 0.03, { defect });
    const load = new ReplicasLoad({ seed: 2, calls: 1_500, keys: 4, replicas });
    await load.run();
    const found = checkHistory(load.calls).violations.filter((text) => violation.test(text));
    process.stdout.write(`${defect}: ${found.length} violations in ${load.tookMs.length} calls\n`);
    expect(found.length).toBeGreaterThan(0);
  });

  it("are linearizable with clocks that are days apart and run at other rates", async () => {
    const clocks = [{ aheadMs: DAY_MS }, { aheadMs: -DAY_MS, rate: 1.05 }, { rate: 0.95 }];
    const replicas = started.replicas(3, 0.01).map((each, place) => ({ ...each, clock: clocks[place]! }));
    const load = new ReplicasLoad({ seed: 3, calls: 1_000, replicas });
    await load.run();
    expect(checkHistory(load.calls).violations).toEqual([]);
    expect(load.broken).toEqual([]);
    expect(load.unknown).toBeLessThan(100);
  });

  it("end their calls in time while the store hangs, and lose nothing that was acknowledged", async () => {
    const replicas = started.replicas(4, 0);
    const load = new ReplicasLoad({ seed: 4, calls: 1_500, replicas });
    const running = load.run();
    await pause(4_000);
    started.store.signal("SIGSTOP");
    await pause(8_000);
    started.store.signal("SIGCONT");
    await running;
    expect(checkHistory(load.calls).violations).toEqual([]);
    expect(load.broken).toEqual([]);
    expect(load.tookMs).toHaveLength(1_508);
    expect(Math.max(...load.tookMs)).toBeLessThan(CALL_MS_MAX);
  });

  it("lose nothing that was acknowledged when the store is killed and started again", async () => {
    const replicas = started.replicas(5, 0);
    const load = new ReplicasLoad({ seed: 5, calls: 1_500, replicas });
    const running = load.run();
    await pause(4_000);
    await started.store.kill();
    await pause(3_000);
    await started.store.restart();
    await running;
    expect(checkHistory(load.calls).violations).toEqual([]);
    expect(load.broken).toEqual([]);
    expect(Math.max(...load.tookMs)).toBeLessThan(CALL_MS_MAX);
  });
});
