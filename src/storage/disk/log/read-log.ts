/**
 * Reads the log of an earlier process: the records of each file, in order.
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
import { filePath, LOG_DIRECTORY, parseFilePath } from "../file-names.ts";
import { readFullySync } from "../read-fully.ts";
import {
  decodeNumber,
  decodePlace,
  decodeRecords,
  decodeRemoval,
  type FoundRecord,
  type Place,
} from "./log-record.ts";
import { LogSegment } from "./log-segment.ts";
import type { FoundSlots } from "./log-segments.ts";
import { openSegment } from "./segment-files.ts";
import { findSegmentHead, RECORDS_START, SEGMENT_HEAD_BYTES } from "./segment-head.ts";

const log = logFor("storage");

/** Names of segments; other files there are foreign. */
const SLOT = /^[1-9][0-9]{0,8}$/;

const WITH_PATH: ReadonlySet<FoundRecord["kind"]> = new Set(["put", "gone", "cancel", "replaced"]);

/** A valid record and its position. */
export interface KeptRecord {
  readonly kind: "put" | "gone" | "replaced";
  readonly segment: LogSegment;
  readonly position: number;
  readonly contentStart: number;
  readonly contentBytes: number;
  /** ms since 1970; 0: nobody knows. */
  readonly atMs: number;
}

export interface FoundLog extends FoundSlots {
  /** By file, oldest first; no list is empty. */
  readonly records: ReadonlyMap<string, readonly KeptRecord[]>;
  /** Segments whose files failed to sync. */
  readonly doubted: readonly LogSegment[];
  /** While the machine runs, the directory has everything before this place. */
  readonly restedTo: Place;
  readonly floor: number;
  /** What segments with records have of it: the others may have a head that was not synced. */
  readonly recordedFloor: number;
}

/**
 * @param open how segments are opened.
 * @throws the plain error of node:fs if the directory cannot be read.
 */
export async function readLog(root: string, open: (path: string) => number = openSegment): Promise<FoundLog> {
  const directory = `${root}/${LOG_DIRECTORY}`;
  const found = new SegmentsFound(open);
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
  readonly segment: LogSegment;
  readonly floor: number;
  readonly records: readonly (Omit<FoundRecord, "content"> & {
    readonly contentStart: number;
    readonly contentBytes: number;
    readonly atMs: number;
    /** The place that this record refers to, if any. */
    readonly place: Place | undefined;
  })[];
}

class SegmentsFound {
  readonly #open: (path: string) => number;
  readonly #read: ReadSegment[] = [];
  readonly #free: string[] = [];
  readonly #kept: string[] = [];
  #numberMax = 0;
  #floor = 0;

  constructor(open: (path: string) => number) {
    this.#open = open;
  }

  /** Skips a segment that cannot be read. */
  add(path: string): void {
    let fd: number | undefined;
    try {
      fd = this.#open(path);
      const bytes = Buffer.allocUnsafeSlow(segmentBytes(fd));
      const read = this.#readSegment({ path, fd, sizeBytes: bytes.length }, filled(fd, bytes));
      if (read !== undefined) {
        this.#read.push(read);
        return;
      }
      this.#free.push(path);
    } catch (error) {
      this.#kept.push(path);
      log.error("a segment of the log cannot be read", { errno: errnoOf(error), error });
    }
    if (fd !== undefined) fs.closeSync(fd);
  }

  inOrder(): FoundLog {
    this.#read.sort((a, b) => a.segment.head.number - b.segment.head.number);
    const records = new Map<string, KeptRecord[]>();
    const doubted = new Set<number | undefined>();
    let restedTo: Place = { number: 0, position: 0 };
    for (const { segment, records: read } of this.#read) {
      for (const { kind, path, position, contentStart, contentBytes, atMs, place } of read) {
        if (kind === "doubt") {
          doubted.add(place?.number);
          continue;
        }
        if (kind === "rested") restedTo = place ?? restedTo;
        if (kind === "kept" && place !== undefined)
          for (const each of this.#read) each.segment.forgetNotes(place);
        if (!WITH_PATH.has(kind)) continue;
        const known = records.get(path) ?? [];
        if (kind === "cancel") {
          const kept = known.filter((each) => !isAt(each, place));
          if (kept.length > 0) records.set(path, kept);
          else records.delete(path);
          continue;
        }
        known.push({ kind: kind as KeptRecord["kind"], segment, position, contentStart, contentBytes, atMs });
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
      restedTo,
      floor: this.#floor,
      recordedFloor: Math.max(0, ...this.#read.map(({ floor }) => floor)),
    };
  }

  /** Undefined if it holds no valid record. */
  #readSegment(
    place: { path: string; fd: number; sizeBytes: number },
    bytes: Buffer,
  ): ReadSegment | undefined {
    const found = findSegmentHead(bytes);
    if (found === undefined) return undefined;
    const { head } = found;
    this.#numberMax = Math.max(this.#numberMax, head.number);
    let { floor } = head;
    const segment = new LogSegment(place, found);
    const records: ReadSegment["records"][number][] = [];
    const start = head.isEarlier ? SEGMENT_HEAD_BYTES : RECORDS_START;
    segment.position = start;
    let damagedBytes = 0;
    let foreign = 0;
    for (const { kind, path, content, position, end } of decodeRecords(bytes, start, head)) {
      damagedBytes += position - segment.position;
      segment.position = end;
      if (kind === "time") segment.timeMs = decodeNumber(content) ?? 0;
      if (kind === "note") segment.notes.push({ text: content.toString(), position });
      if (kind === "floor") floor = Math.max(floor, decodeNumber(content) ?? 0);
      if (kind === "gone") floor = Math.max(floor, decodeRemoval(content).floor);
      if (WITH_PATH.has(kind) && !isOurs(path)) {
        foreign += 1;
        continue;
      }
      const contentStart = content.byteOffset - bytes.byteOffset;
      const place = decodePlace(content);
      const contentBytes = content.length;
      records.push({ kind, path, position, end, contentStart, contentBytes, atMs: segment.timeMs, place });
    }
    if (damagedBytes + foreign > 0)
      log.error("a part of the log cannot be used", { segment: head.number, damagedBytes, foreign });
    this.#floor = Math.max(this.#floor, floor);
    return records.length > 0 ? { segment, floor, records } : undefined;
  }
}

/** @throws {CacheError} STORAGE_IO if it cannot be a segment. */
function segmentBytes(fd: number): number {
  const status = fs.fstatSync(fd);
  if (status.isFile() && status.size <= LIMITS.logSegmentReadBytesMax) return status.size;
  throw new CacheError("STORAGE_IO", "not a segment of the log", {
    facts: { sizeBytes: status.size },
  });
}

function filled(fd: number, bytes: Buffer): Buffer {
  return bytes.subarray(0, readFullySync(fd, bytes, 0));
}

function isAt({ segment, position }: KeptRecord, place: Place | undefined): boolean {
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
