/**
 * The space of the file system that holds a directory.
 *
 * Bytes that only a privileged user may write to are not free.
 */
import { statfsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import type { DiskSpace } from "../storage-counts.ts";
import { diskFailure } from "./disk-failure.ts";

/** What is free now. */
export interface FreeSpace {
  readonly bytes: number;
  /** Infinity if the file system makes inodes as they are needed. */
  readonly files: number;
}

/** Blocks for some microseconds; zeros if nobody knows. */
export function freeSpaceNow(directory: string): FreeSpace {
  try {
    const { bsize, bavail, files, ffree } = statfsSync(directory);
    return { bytes: bsize * bavail, files: files === 0 ? Number.POSITIVE_INFINITY : ffree };
  } catch {
    return { bytes: 0, files: 0 };
  }
}

/** @throws {CacheError} STORAGE_IO */
export async function measureSpace(directory: string): Promise<DiskSpace> {
  try {
    const { bsize, bavail, blocks } = await statfs(directory);
    return { freeBytes: bsize * bavail, totalBytes: bsize * blocks };
  } catch (error) {
    throw diskFailure(error, directory);
  }
}
