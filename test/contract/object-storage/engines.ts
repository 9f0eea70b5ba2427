/**
 * The engines that the contract is held against, and what its rules are tried with: cuts, dice, lists of a scan.
 *
 * A new engine is one more line in ENGINES. A bucket (storage/s3/bucket-storage.ts) is not there: it
 * publishes objects under a condition and no files, so these rules say nothing about it. The cache's
 * model (cache-model.test.ts), the bucket's (bucket-model.test.ts) and
 * test/unit/cache/shared-cache.test.ts hold it to its own.
 */
import { onTestFinished } from "vitest";
import { LruPolicy } from "../../../src/eviction/lru-policy.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { MemoryStorage } from "../../../src/storage/memory-storage.ts";
import type { ObjectStorage } from "../../../src/storage/object-storage.ts";
import { MemoryTier } from "../../../src/storage/tier/memory-tier.ts";
import { scratchDirectory } from "../../unit/storage/scratch-directory.ts";

export const KIB = 1024;
export const MIB = 1024 * KIB;

/** `started` makes a new engine and starts it; it is stopped when the test is over. */
export const ENGINES: { engine: string; started: () => Promise<ObjectStorage> }[] = [
  { engine: "DiskStorage", started: () => start(new DiskStorage({ directory: scratchDirectory() })) },
  {
    engine: "DiskStorage with a tier",
    started: () => start(diskWithTier(64 * MIB)),
  },
  {
    engine: "DiskStorage with a tier without room",
    started: () => start(diskWithTier(10 * KIB)),
  },
  { engine: "MemoryStorage", started: () => start(new MemoryStorage()) },
];

function diskWithTier(bytesMax: number): ObjectStorage {
  const tier = new MemoryTier({ policy: new LruPolicy(), bytesMax });
  return new DiskStorage({ directory: scratchDirectory(), tier });
}

async function start(storage: ObjectStorage): Promise<ObjectStorage> {
  await storage.start();
  onTestFinished(() => storage.stop());
  return storage;
}

/** A fixed stream of numbers from 0 up to a limit. */
export function dice(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** `bytes` cut into chunks of varying size, each a view. */
export function cut(bytes: Buffer, sizeBytesMax: number, seed = 7): Buffer[] {
  const roll = dice(seed);
  const chunks: Buffer[] = [];
  for (let position = 0; position < bytes.length; ) {
    const end = Math.min(bytes.length, position + roll(sizeBytesMax + 1));
    chunks.push(bytes.subarray(position, end));
    position = end;
  }
  return chunks;
}

export async function allOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}
