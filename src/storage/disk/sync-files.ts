/**
 * Makes published files durable that were written without that guarantee: by a put with durability
 * `restart`, by an earlier process, or by a client that stored them here.
 *
 * Bytes first, then names: each directory once.
 */
import path from "node:path";
import { diskFailure } from "./disk-failure.ts";
import type { DiskTools } from "./disk-tools.ts";

/**
 * @param files relative to the storage directory. @throws {CacheError} STORAGE_IO, also for a
 *   missing file.
 */
export async function syncFiles(tools: DiskTools, files: readonly string[]): Promise<void> {
  await Promise.all(files.map((file) => syncBytes(tools, file)));
  const directories = new Set(files.map((file) => path.posix.dirname(file)));
  await Promise.all([...directories].map((directory) => tools.syncs.sync(directory)));
}

async function syncBytes({ root, steps }: DiskTools, file: string): Promise<void> {
  try {
    await steps.syncPublished(`${root}/${file}`);
  } catch (error) {
    throw diskFailure(error, file);
  }
}
