/**
 * Copies a whole store into another one: opens both ends, copies, and closes them.
 *
 * The work is done by cache/copying/. A directory must exist if it is copied from, and is created if
 * it is copied to.
 */

import { BucketSource } from "../cache/copying/bucket-source.ts";
import { BucketTarget } from "../cache/copying/bucket-target.ts";
import type { CopySource, CopyTarget } from "../cache/copying/copy-ends.ts";
import { type CopyOptions, type CopySummary, copyStore } from "../cache/copying/copy-store.ts";
import { DirectorySource } from "../cache/copying/directory-source.ts";
import { DirectoryTarget } from "../cache/copying/directory-target.ts";
import type { DurabilityName, StorageConfig } from "../config/cache-config.ts";
import { assert } from "../errors.ts";
import { DiskStorage } from "../storage/disk/disk-storage.ts";
import { openBucketEnd } from "./open-bucket.ts";

export interface StoresToCopy {
  readonly from: StorageConfig;
  readonly to: StorageConfig;
  /** Of files that are written to a directory. */
  readonly durability: DurabilityName;
}

export type { CopyCounts, CopySummary } from "../cache/copying/copy-store.ts";

export type CopyWatch = Omit<CopyOptions, "source" | "target">;

/**
 * @throws {CacheError} INVALID_CONFIG if a store cannot be used, or a server uses a directory;
 *   CANCELLED, STORAGE_FULL, STORAGE_IO, STORAGE_UNAVAILABLE
 */
export async function copyStores(stores: StoresToCopy, watch: CopyWatch): Promise<CopySummary> {
  const source = openSource(stores);
  const target = openTarget(stores);
  try {
    await source.start();
    await target.start();
    return await copyStore({ ...watch, source, target });
  } finally {
    await Promise.all([source.stop(), target.stop()]);
  }
}

function openSource({ from }: StoresToCopy): CopySource {
  assert(from.kind !== "none", "objects of storage none end with their server");
  if (from.kind === "s3") return new BucketSource(openBucketEnd(from, false));
  return new DirectorySource(new DiskStorage({ directory: from.directory }));
}

function openTarget({ to, durability }: StoresToCopy): CopyTarget {
  assert(to.kind !== "none", "objects of storage none end with their server");
  if (to.kind === "s3") return new BucketTarget(openBucketEnd(to, true));
  return new DirectoryTarget(new DiskStorage({ directory: to.directory }), durability);
}
