/**
 * Reads the commit log of an earlier process: the records of each file, in order.
 *
 * Hostile or damaged data is skipped: paths that no object's file can have, and records with a
 * wrong checksum. One segment is in memory at a time; for each record only its position is kept,
 * and its content is read again on demand.
 */
import fs from "node:fs";
import { CacheError } from "../../../errors.ts";
import { LIMITS } from "../../../limits.ts";
import { logFor } from "../../../log.ts";
import { errnoOf } from "../disk-failure.ts";
import { COMMITS_DIRECTORY, filePath, parseFilePath } from "../file-names.ts";
import { readFullySync } from "../read-fully.ts";
import { decodePlace, decodeRecords, type FoundRecord, type RecordKind } from "./commit-record.ts";
import { CommitSegment } from "./commit-segment.ts";
import { type FoundSlots, openSegment } from "./commit-segments.ts";
import { decodeSegmentHead, SEGMENT_HEAD_BYTES } from "./segment-head.ts";

const log = logFor("storage");

/** Names of segments; other files there are foreign. */
const SLOT = /^[1-9][0-9]{0,8}$/;

/** A valid record and its position. */
export interface KeptRecord {
  readonly kind: Exclude<RecordKind, "cancel" | "doubt">;
  readonly segment: CommitSegment;
  readonly position: number;
  readonly contentStart: number;
  readonly contentBytes: number;
}

export interface FoundCommits extends FoundSlots {
  /** By file, oldest first; no list is empty. */
  readonly records: ReadonlyMap<string, readonly KeptRecord[]>;
  /** Segments whose files failed to sync. */
  readonly doubted: readonly CommitSegment[];
}

/** @throws the plain error of node:fs if the directory cannot be read. */
export async function readCommits(root: string): Promise<FoundCommits> {
  const directory = `${root}/${COMMITS_DIRECTORY}`;
  const found = new SegmentsFound();
  for (const name of slotsIn(directory)) {
    found.add(`${directory}/${name}`);
    // A full log takes a while: let others use this thread between two segments.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return found.inOrder();
}

/** Reads the content of a record. @throws the plain error of node:fs */
export function readContent({ segment, contentStart, contentBytes }: KeptRecord): Buffer {
  const bytes = Buffer.allocUnsafeSlow(contentBytes);
  return bytes.subarray(0, readFullySync(segment.fd, bytes, contentStart));
}

interface ReadSegment {
  readonly segment: CommitSegment;
  readonly records: readonly (Omit<FoundRecord, "content"> & {
    readonly contentStart: number;
    readonly contentBytes: number;
    /** The put that this record refers to, if any. */
    readonly place: { number: number; position: number } | undefined;
  })[];
}

class SegmentsFound {
  readonly #read: ReadSegment[] = [];
  readonly #free: string[] = [];
  readonly #kept: string[] = [];
  #numberMax = 0;

  /** Skips a segment that cannot be read. */
  add(path: string): void {
    let fd: number | undefined;
    try {
      fd = openSegment(path);
      const bytes = Buffer.allocUnsafeSlow(segmentBytes(fd));
      const read = this.#readSegment({ path, fd, sizeBytes: bytes.length }, filled(fd, bytes));
      if (read !== undefined) {
        this.#read.push(read);
        return;
      }
      this.#free.push(path);
    } catch (error) {
      this.#kept.push(path);
      log.error("a segment of the commit log cannot be read", { errno: errnoOf(error), error });
    }
    if (fd !== undefined) fs.closeSync(fd);
  }

  inOrder(): FoundCommits {
    this.#read.sort((a, b) => a.segment.head.number - b.segment.head.number);
    const records = new Map<string, KeptRecord[]>();
    const doubted = new Set<number | undefined>();
    for (const { segment, records: read } of this.#read) {
      for (const { kind, path, position, contentStart, contentBytes, place } of read) {
        if (kind === "doubt") {
          doubted.add(place?.number);
          continue;
        }
        const known = records.get(path) ?? [];
        if (kind === "cancel") {
          const kept = known.filter((each) => !isAt(each, place));
          if (kept.length > 0) records.set(path, kept);
          else records.delete(path);
          continue;
        }
        known.push({ kind, segment, position, contentStart, contentBytes });
        records.set(path, known);
      }
    }
    const segments = this.#read.map(({ segment }) => segment);
    return {
      segments,
      free: this.#free,
      kept: this.#kept,
      numberMax: this.#numberMax,
      records,
      doubted: segments.filter(({ head }) => doubted.has(head.number)),
    };
  }

  /** Undefined if it holds no valid record. */
  #readSegment(
    place: { path: string; fd: number; sizeBytes: number },
    bytes: Buffer,
  ): ReadSegment | undefined {
    const head = decodeSegmentHead(bytes);
    if (head === undefined) return undefined;
    this.#numberMax = Math.max(this.#numberMax, head.number);
    const segment = new CommitSegment(place, head);
    const records: ReadSegment["records"][number][] = [];
    let damagedBytes = 0;
    let foreign = 0;
    for (const { kind, path, content, position, end } of decodeRecords(bytes, SEGMENT_HEAD_BYTES, head)) {
      damagedBytes += position - segment.position;
      segment.position = end;
      if (kind !== "doubt" && !isOurs(path)) {
        foreign += 1;
        continue;
      }
      const contentStart = content.byteOffset - bytes.byteOffset;
      const about = decodePlace(content);
      records.push({ kind, path, position, end, contentStart, contentBytes: content.length, place: about });
    }
    if (damagedBytes + foreign > 0)
      log.error("a part of the commit log cannot be used", { segment: head.number, damagedBytes, foreign });
    return records.length > 0 ? { segment, records } : undefined;
  }
}

/** @throws {CacheError} STORAGE_IO if it cannot be a segment. */
function segmentBytes(fd: number): number {
  const status = fs.fstatSync(fd);
  if (status.isFile() && status.size <= LIMITS.commitSegmentReadBytesMax) return status.size;
  throw new CacheError("STORAGE_IO", "not a segment of the commit log", {
    facts: { sizeBytes: status.size },
  });
}

function filled(fd: number, bytes: Buffer): Buffer {
  return bytes.subarray(0, readFullySync(fd, bytes, 0));
}

function isAt({ segment, position }: KeptRecord, place: ReturnType<typeof decodePlace>): boolean {
  return place !== undefined && segment.head.number === place.number && position === place.position;
}

/** True only for the path of an object's file. */
function isOurs(path: string): boolean {
  const name = parseFilePath(path);
  return name !== undefined && filePath(name) === path;
}

function slotsIn(directory: string): string[] {
  try {
    return fs.readdirSync(directory).filter((name) => SLOT.test(name));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}
