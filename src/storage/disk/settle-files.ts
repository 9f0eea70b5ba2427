/**
 * Makes files last through a power loss that were published without that promise: by a put with durability `restart`, by an
 * earlier process, by a client that dropped them here.
 *
 * Their bytes first, then their names: each directory once.
 */
import path from "node:path";
import { diskFailure } from "./disk-failure.ts";
import type { DiskTools } from "./disk-tools.ts";

/** @param files relative to the storage directory. @throws {CacheError} STORAGE_IO, also for a file that is gone. */
export async function settleFiles(tools: DiskTools, files: readonly string[]): Promise<void> {
  await Promise.all(files.map((file) => settleBytes(tools, file)));
  const directories = new Set(files.map((file) => path.posix.dirname(file)));
  await Promise.all([...directories].map((directory) => tools.syncs.settle(directory)));
}

async function settleBytes({ root, steps }: DiskTools, file: string): Promise<void> {
  try {
    await steps.syncPublished(`${root}/${file}`);
  } catch (error) {
    throw diskFailure(error, file);
  }
}
