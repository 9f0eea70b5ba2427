/**
 * The space of the file system that holds a directory, from statfs in the thread pool.
 *
 * Bytes that only a privileged user may write to are not free.
 */
import { statfs } from "node:fs/promises";
import type { DiskSpace } from "../storage-counts.ts";
import { diskFailure } from "./disk-failure.ts";

/** @throws {CacheError} STORAGE_IO */
export async function measureSpace(directory: string): Promise<DiskSpace> {
  try {
    const { bsize, bavail, blocks } = await statfs(directory);
    return { freeBytes: bsize * bavail, totalBytes: bsize * blocks };
  } catch (error) {
    throw diskFailure(error, directory);
  }
}
