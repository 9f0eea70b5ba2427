/**
 * When a sync of the log blocks the event loop.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { SyncPace } from "../../../src/storage/disk/sync-pace.ts";

const SYNCS = 200;

let nowMs: number;
let pace: SyncPace;

beforeEach(() => {
  nowMs = 0;
  pace = new SyncPace(() => nowMs);
});

/** One sync that takes so long. @returns whether it blocked. */
async function sync(tookMs: number): Promise<boolean> {
  let isBlocking = false;
  const blocking = (): void => {
    isBlocking = true;
    nowMs += tookMs;
  };
  const pooled = async (): Promise<void> => {
    nowMs += tookMs;
  };
  await pace.run(blocking, pooled);
  return isBlocking;
}

/** @returns how many of them went through the pool. */
async function pooledOf(count: number, tookMs: number): Promise<number> {
  let pooled = 0;
  for (let i = 0; i < count; i += 1) if (!(await sync(tookMs))) pooled += 1;
  return pooled;
}

describe("a sync of the log", () => {
  it("goes through the pool until many were quick, and blocks then", async () => {
    expect(await pooledOf(SYNCS, 0.1)).toBe(36);
    expect(await sync(0.1)).toBe(true);
  });

  it("never blocks on a disk that is not quick", async () => {
    expect(await pooledOf(SYNCS, 0.6)).toBe(SYNCS);
  });

  it("blocks behind a slow one, and not behind two", async () => {
    await pooledOf(SYNCS, 0.1);
    expect(await sync(30)).toBe(true);
    expect(await sync(30)).toBe(true);
    expect(await sync(0.1)).toBe(false);
    expect(await pooledOf(SYNCS, 0.1)).toBeGreaterThan(0);
    expect(await sync(0.1)).toBe(true);
  });

  it("does not block when syncs get slower bit by bit", async () => {
    await pooledOf(SYNCS, 0.1);
    await pooledOf(20, 1);
    expect(await sync(1)).toBe(false);
  });

  it("fails as the system says, in both ways", async () => {
    const failing = (): never => {
      throw new Error("EIO");
    };
    await expect(pace.run(failing, async () => failing())).rejects.toThrow("EIO");
    await pooledOf(SYNCS, 0.1);
    await expect(pace.run(failing, async () => {})).rejects.toThrow("EIO");
  });
});
