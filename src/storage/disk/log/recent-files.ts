/**
 * The files that the log knows, by directory: the last record of each, and whether it has come to
 * rest.
 *
 * A pending record decides what its name holds; for a rested one the directory does. A rested put
 * stays known until its segment is released, because a removal must then be recorded too. Memory:
 * about 300 bytes a file, bounded by the content of the segments (LIMITS.logSegmentsMax).
 */
import { directoryOf } from "../real-directories.ts";
import type { Place } from "./log-record.ts";
import { isBefore } from "./log-record.ts";
import { type LogSegment, placeOf, type Recent } from "./log-segment.ts";

export class RecentFiles {
  readonly #directories = new Map<string, Map<string, Recent>>();
  /** Directories of each session: its own, and those of patches. */
  readonly #sessions = new Map<string, Set<string>>();
  /** Removals at rest: the log does not say so yet, and a start would unlink a later file. */
  readonly #unlinked = new Set<Recent>();
  /** Pending removals. */
  readonly gone = new Set<Recent>();
  /** Pending puts, and the bytes that they need on the disk. */
  #pendingPuts = 0;
  #pendingBytes = 0;
  #scans = 0;
  /** Removals that stay known until the scans end. */
  readonly #heldGone = new Set<Recent>();

  /** Files that have not come to rest. */
  get pendingPuts(): number {
    return this.#pendingPuts;
  }

  /** What they need when they come to rest, in blocks of the disk. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** The pending record of this file; undefined: the directory decides. */
  pending(path: string): Recent | undefined {
    const recent = this.get(path);
    return recent?.isRested === false ? recent : undefined;
  }

  get(path: string): Recent | undefined {
    return this.#directories.get(directoryOf(path))?.get(path);
  }

  /** Pending records, in no order. */
  *allPending(): Generator<Recent> {
    for (const files of this.#directories.values())
      for (const recent of files.values()) if (!recent.isRested) yield recent;
  }

  /** The files of one directory that the log knows. */
  in(directory: string): Iterable<Recent> {
    return this.#directories.get(directory)?.values() ?? [];
  }

  /** Directories of a session with files that the log knows. */
  directoriesOf(session: string): Iterable<string> {
    return this.#sessions.get(session) ?? [];
  }

  /** Sessions with files that the log knows. */
  get sessions(): Iterable<string> {
    return this.#sessions.keys();
  }

  /** The last record of its file now. */
  add(recent: Recent): void {
    const directory = directoryOf(recent.path);
    const known = this.#directories.get(directory);
    const before = known?.get(recent.path);
    if (before !== undefined) {
      this.#forget(before);
      // What was promised of the earlier record depends on this one.
      if (before.segment.isPromised) recent.segment.isPromised = true;
    }
    if (known === undefined) this.#addDirectory(directory).set(recent.path, recent);
    else known.set(recent.path, recent);
    recent.segment.directories.add(directory);
    if (recent.isRested) {
      recent.segment.rested.add(recent);
      return;
    }
    recent.segment.pending.add(recent);
    if (recent.kind === "gone") this.gone.add(recent);
    else {
      this.#pendingPuts += 1;
      this.#pendingBytes += onDisk(recent);
    }
  }

  /** The directory has what the record says. */
  rested(recent: Recent): void {
    if (recent.isRested || this.get(recent.path) !== recent) return;
    this.#forget(recent);
    recent.isRested = true;
    recent.segment.rested.add(recent);
    if (recent.kind === "gone") this.#unlinked.add(recent);
  }

  /** @returns a function that is called when the log says that all before `place` is at rest. */
  beginNote(place: Place): () => void {
    const unlinked = [...this.#unlinked].filter((each) => isBefore(placeOf(each), place));
    return () => {
      for (const each of unlinked) {
        if (!this.#unlinked.delete(each) || this.get(each.path) !== each) continue;
        // A scan may have read the name before it was removed.
        if (this.#scans === 0) this.remove(each.path);
        else this.#heldGone.add(each);
      }
    };
  }

  /** The directory decides about this file, whatever the log has. */
  remove(path: string): void {
    const recent = this.get(path);
    if (recent === undefined) return;
    this.#forget(recent);
    this.#drop(path);
  }

  /** Everything of the segment is in the directory. */
  release(segment: LogSegment): void {
    for (const { path } of [...segment.rested]) this.remove(path);
  }

  /** Removals stay known until the scan ends. @returns a function that ends it. */
  beginScan(): () => void {
    this.#scans += 1;
    return () => {
      this.#scans -= 1;
      if (this.#scans > 0) return;
      for (const recent of this.#heldGone) if (this.get(recent.path) === recent) this.remove(recent.path);
      this.#heldGone.clear();
    };
  }

  #forget(recent: Recent): void {
    recent.segment.rested.delete(recent);
    this.#unlinked.delete(recent);
    if (!recent.segment.pending.delete(recent)) return;
    if (this.gone.delete(recent)) return;
    this.#pendingPuts -= 1;
    this.#pendingBytes -= onDisk(recent);
  }

  #addDirectory(directory: string): Map<string, Recent> {
    const files = new Map<string, Recent>();
    this.#directories.set(directory, files);
    const session = sessionOf(directory);
    const known = this.#sessions.get(session);
    if (known === undefined) this.#sessions.set(session, new Set([directory]));
    else known.add(directory);
    return files;
  }

  #drop(path: string): void {
    const directory = directoryOf(path);
    const files = this.#directories.get(directory);
    files?.delete(path);
    if (files?.size !== 0) return;
    this.#directories.delete(directory);
    const session = sessionOf(directory);
    const known = this.#sessions.get(session);
    known?.delete(directory);
    if (known?.size === 0) this.#sessions.delete(session);
  }
}

/** `application/session` of a directory of objects or patches. */
function sessionOf(directory: string): string {
  const end = directory.indexOf("/", directory.indexOf("/") + 1);
  return end < 0 ? directory : directory.slice(0, end);
}

/** A file takes whole blocks, and an inode. */
function onDisk({ contentBytes }: Recent): number {
  return (Math.ceil(contentBytes / BLOCK_BYTES) + 1) * BLOCK_BYTES;
}

const BLOCK_BYTES = 4096;
