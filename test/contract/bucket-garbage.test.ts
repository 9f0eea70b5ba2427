/**
 * Collectors of garbage beside replicas that put, patch, delete and read slowly: no blob
 * with a reference is removed, and in the end no other blob is left.
 */
import { describe, expect, it } from "vitest";
import type { PassCounts } from "../../src/storage/s3/garbage-collector.ts";
import { campaign } from "../support/campaign.ts";
import { removeUnreferenced } from "../support/hasty-collector.ts";
import { collectAll, collectBeside, mismatches } from "./bucket-model/collecting.ts";
import { checkHistory } from "./bucket-model/history.ts";
import { type Replica, ReplicasRun } from "./bucket-model/replicas-run.ts";

const SEEDS = campaign({ slice: [1, 2], whole: Array.from({ length: 30 }, (_, seed) => seed) });
const CALLS = campaign({ slice: 3_000, whole: 20_000 });
const WAIT_MS = campaign({ slice: 60_000, whole: 300_000 });
const MINUTE_MS = 60_000;

describe("collectors of garbage", () => {
  it.each(SEEDS)(
    "race puts, readers and each other without harm, and leave nothing, seed %i",
    async (seed) => {
      const removed: PassCounts = { reads: 0, removedBlobs: 0, removedTombstones: 0, expiredObjects: 0 };
      const beside = collectBeside(removed, seed);
      const run = new ReplicasRun({
        seed,
        calls: CALLS,
        share: 0.02,
        kills: 0.003,
        keys: 60,
        restMs: 90 * MINUTE_MS,
        beside,
      });
      await run.run();
      expect(checkHistory(run.calls).violations).toEqual([]);
      expect(removed.removedBlobs).toBeGreaterThan(50);
      expect(removed.removedTombstones).toBeGreaterThan(5);
      await collectAll(run.contents);
      expect(await mismatches(run.contents)).toEqual([]);
    },
    WAIT_MS,
  );

  it("would lose objects if one of them did not wait between finding and removing", async () => {
    const beside = async ({ bucket }: Replica, isOver: () => boolean): Promise<void> => {
      while (!isOver()) {
        await bucket.contents.time.pause(100);
        await removeUnreferenced(bucket);
      }
    };
    const run = new ReplicasRun({ seed: 1, calls: 2_000, share: 0, beside });
    await expect(run.run()).rejects.toThrow("missing in the bucket");
  });
});
