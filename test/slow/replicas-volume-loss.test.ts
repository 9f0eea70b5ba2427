/**
 * Three replicas over a store that keeps each byte twice, and loses one of its three volume servers under load: one order of the
 * calls still explains what clients see, so nothing that was acknowledged is lost.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { checkHistory } from "../contract/bucket-model/history.ts";
import { type ReplicatedStore, startReplicatedStore } from "../support/replicated-store.ts";
import { missingS3Store } from "../support/s3-store.ts";
import { ReplicasLoad } from "./replicas/replicas-load.ts";
import { type ReplicasStore, replicasOver } from "./replicas/replicas-store.ts";

const missing = process.env.TEST_S3_ENDPOINT ?? (await missingS3Store());
const CALLS = 4_000;
const BEFORE = 1_500;

describe.skipIf(missing !== undefined)("three replicas over a store with replication", () => {
  let started: ReplicasStore<ReplicatedStore>;
  beforeAll(async () => {
    started = await replicasOver(await startReplicatedStore());
  });
  afterAll(() => started?.stop());

  it("lose nothing and go on when a volume server is killed", async () => {
    const load = new ReplicasLoad({ seed: 6, calls: CALLS, replicas: started.replicas(6, 0) });
    const running = load.run();
    const atLeast = (calls: number) => () => expect(load.tookMs.length).toBeGreaterThanOrEqual(calls);
    await vi.waitFor(atLeast(BEFORE), { timeout: 300_000 });
    const lostBytes = await started.store.killVolumeServer();
    const killedMs = performance.now();
    await vi.waitFor(atLeast(BEFORE + 100), { timeout: 60_000 });
    const gapMs = Math.round(performance.now() - killedMs);
    await running;
    const longestMs = Math.round(Math.max(...load.tookMs));
    process.stdout.write(
      `${lostBytes} bytes lost, 100 calls after ${gapMs} ms, longest ${longestMs} ms, ${load.unknown} unknown\n`,
    );
    const { violations, checks } = checkHistory(load.calls);
    expect(violations).toEqual([]);
    expect(lostBytes).toBeGreaterThan(100_000);
    expect(load.broken).toEqual([]);
    expect(checks).toBeGreaterThan(CALLS);
    expect(load.unknown).toBeLessThan(CALLS / 20);
  });
});
