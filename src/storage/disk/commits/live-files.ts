/**
 * The files that depend on the commit log, and the segment that holds each one's record.
 *
 * Memory: a name and about 100 bytes per file, bounded by the content of the segments
 * (LIMITS.commitSegmentsMax): 15,000 files of a kilobyte in each.
 */
import path from "node:path";
import type { CommitSegment } from "./commit-segment.ts";

export class LiveFiles {
  readonly #segments = new Map<string, CommitSegment>();
  /** Files that were replaced by a file outside the log. */
  readonly #replaced = new Set<string>();

  get count(): number {
    return this.#segments.size;
  }

  /** The file's last put is in `segment`. */
  put(file: string, segment: CommitSegment): void {
    const before = this.#segments.get(file);
    if (before !== segment) {
      before?.files.delete(file);
      segment.files.add(file);
      this.#segments.set(file, segment);
    }
    segment.directories.add(path.posix.dirname(file));
    this.#replaced.delete(file);
  }

  /** @returns false if the log does not contain the file. */
  remove(file: string): boolean {
    const segment = this.#segments.get(file);
    if (segment === undefined) return false;
    segment.files.delete(file);
    this.#segments.delete(file);
    this.#replaced.delete(file);
    return true;
  }

  /** The stored file is newer than the logged one. */
  replaced(file: string): void {
    if (this.#segments.has(file)) this.#replaced.add(file);
  }

  isReplaced(file: string): boolean {
    return this.#replaced.has(file);
  }

  /** Replaced files under one of these directories, at any depth. */
  replacedUnder(directories: readonly string[]): string[] {
    if (this.#replaced.size === 0) return [];
    return [...this.#replaced].filter((file) =>
      directories.some((directory) => file.startsWith(`${directory}/`)),
    );
  }

  /** All files of the segment are durable without it. */
  release(segment: CommitSegment): void {
    for (const file of segment.files) {
      this.#segments.delete(file);
      this.#replaced.delete(file);
    }
    segment.files.clear();
  }
}
