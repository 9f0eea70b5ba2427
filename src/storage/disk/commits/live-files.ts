/**
 * Which files a power loss may take that the commit log would put back, and in which segment the record of each lies.
 *
 * Memory: a name and about 100 bytes a file; bounded by what the segments can hold (LIMITS.commitSegmentsMax), 15,000 files of a kilobyte each.
 */
import path from "node:path";
import type { CommitSegment } from "./commit-segment.ts";

export class LiveFiles {
  readonly #segments = new Map<string, CommitSegment>();
  /** Those that were replaced by a file which is in no segment. */
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

  /** False when the log knows nothing of it. */
  remove(file: string): boolean {
    const segment = this.#segments.get(file);
    if (segment === undefined) return false;
    segment.files.delete(file);
    this.#segments.delete(file);
    this.#replaced.delete(file);
    return true;
  }

  /** What lies there now is not what the log holds, and newer. */
  replaced(file: string): void {
    if (this.#segments.has(file)) this.#replaced.add(file);
  }

  isReplaced(file: string): boolean {
    return this.#replaced.has(file);
  }

  /** Files replaced under one of these directories, at any depth. */
  replacedUnder(directories: readonly string[]): string[] {
    if (this.#replaced.size === 0) return [];
    return [...this.#replaced].filter((file) =>
      directories.some((directory) => file.startsWith(`${directory}/`)),
    );
  }

  /** Everything in the segment lasts by itself. */
  release(segment: CommitSegment): void {
    for (const file of segment.files) {
      this.#segments.delete(file);
      this.#replaced.delete(file);
    }
    segment.files.clear();
  }
}
