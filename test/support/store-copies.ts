/**
 * Copies of whole stores in a test: ends of a copy, and what a directory holds.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BucketSource } from "../../src/cache/copying/bucket-source.ts";
import { BucketTarget } from "../../src/cache/copying/bucket-target.ts";
import type { BucketEnd, CopySource, CopyTarget } from "../../src/cache/copying/copy-ends.ts";
import { type CopyProblem, type CopySummary, copyStore } from "../../src/cache/copying/copy-store.ts";
import { DirectorySource } from "../../src/cache/copying/directory-source.ts";
import { DirectoryTarget } from "../../src/cache/copying/directory-target.ts";
import { DiskStorage } from "../../src/storage/disk/disk-storage.ts";
import { BucketObjects } from "../../src/storage/s3/bucket-objects.ts";
import { type BucketContents, MemoryBucket } from "./memory-bucket.ts";
import { Random } from "./random.ts";

export interface CopyResult {
  readonly summary: CopySummary;
  readonly problems: readonly CopyProblem[];
}

/** Copies, and stops both ends also after a failure. */
export async function copied(
  source: CopySource,
  target: CopyTarget,
  signal = new AbortController().signal,
): Promise<CopyResult> {
  const problems: CopyProblem[] = [];
  const onProblem = (problem: CopyProblem): void => void problems.push(problem);
  try {
    await source.start();
    await target.start();
    const summary = await copyStore({ source, target, signal, onProblem, onProgress: () => {} });
    return { summary, problems };
  } finally {
    await Promise.all([source.stop(), target.stop()]);
  }
}

export function fromDirectory(directory: string): DirectorySource {
  return new DirectorySource(new DiskStorage({ directory }));
}

export function toDirectory(directory: string): DirectoryTarget {
  return new DirectoryTarget(new DiskStorage({ directory }), "restart");
}

export function fromBucket(contents: BucketContents): BucketSource {
  return new BucketSource(bucketEnd(contents));
}

export function toBucket(contents: BucketContents, bucket?: MemoryBucket): BucketTarget {
  return new BucketTarget(bucketEnd(contents, bucket));
}

function bucketEnd(contents: BucketContents, bucket = new MemoryBucket({ contents })): BucketEnd {
  const objects = new BucketObjects(bucket, { timing: contents.time.timing(new Random(7)) });
  return { objects, check: async () => {}, close: () => {} };
}

/** The files of all objects below a storage directory: path and a hash of the bytes. */
export function objectFiles(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.slice(directory.length + 1).startsWith("."));
  const hash = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");
  return Object.fromEntries(files.sort().map((path) => [path.slice(directory.length + 1), hash(path)]));
}
