/**
 * What only the log of a storage directory has, for commands that read it from outside, while a
 * server runs or after it was killed.
 *
 * It decides as a start would (replay.ts), but takes no lock and writes nothing. A running server
 * may release a segment meanwhile: then the directory has what the segment had. Reads the whole log
 * once, one segment in memory at a time.
 */
import fs from "node:fs";
import path from "node:path";
import type { ByteSource } from "../../../object/byte-sink.ts";
import type { ObjectPart } from "../../object-storage.ts";
import { diskFailure, isMissing } from "../disk-failure.ts";
import { DiskPace } from "../disk-pace.ts";
import { DiskSteps } from "../disk-steps.ts";
import { isStorageDirectory } from "../disk-survey.ts";
import { LOG_DIRECTORY, parseFilePath } from "../file-names.ts";
import { readFullySync } from "../read-fully.ts";
import { DiskLog } from "./disk-log.ts";
import type { Recent } from "./log-segment.ts";
import { LoggedFile } from "./logged-file.ts";
import { readLog } from "./read-log.ts";
import { replayFound } from "./replay.ts";
import { findSegmentHead, RECORDS_START } from "./segment-head.ts";

/** Directories between a file and the storage directory: of an object, and of a patch. */
const LEVELS_ABOVE_FILES = [3, 4];

/** An object or patch that only the log has. */
export interface LoggedObject {
  /** Of its file, relative to the storage directory. */
  readonly path: string;
  readonly part: ObjectPart;
  readonly sizeBytes: number;
  /** Its content; undefined if the directory has it by now. */
  read(): ByteSource | undefined;
}

export class LogSurvey {
  /** Segments that cannot be read, relative to the storage directory. */
  readonly unreadable: readonly string[];
  readonly #log: DiskLog;
  readonly #pending: ReadonlyMap<string, Recent>;

  constructor(log: DiskLog, unreadable: readonly string[]) {
    this.#log = log;
    this.unreadable = unreadable;
    this.#pending = new Map([...log.recents.allPending()].map((recent) => [recent.path, recent]));
  }

  /** True if the log decides what this name holds, and not the directory. */
  decides(file: string): boolean {
    return this.#pending.has(file);
  }

  /** Undefined if the log has no object of this name: the directory decides, or it is removed. */
  find(file: string): LoggedObject | undefined {
    const recent = this.#pending.get(file);
    return recent?.kind === "put" ? logged(recent) : undefined;
  }

  /** In order of their paths. */
  get objects(): readonly LoggedObject[] {
    const puts = [...this.#pending.values()].filter(({ kind }) => kind === "put");
    return puts.sort((a, b) => (a.path < b.path ? -1 : 1)).map(logged);
  }

  async close(): Promise<void> {
    await this.#log.segments.stop();
  }
}

/** Undefined if there is no such directory. @throws {CacheError} STORAGE_IO */
export async function surveyLog(root: string): Promise<LogSurvey | undefined> {
  try {
    const log = new DiskLog(root, new DiskSteps(new DiskPace()));
    const found = await readLog(root, openToRead);
    await replayFound(log, root, found);
    return new LogSurvey(
      log,
      found.kept.map((segment) => path.relative(root, segment)),
    );
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw diskFailure(error, LOG_DIRECTORY);
  }
}

/** The storage directory in which this is the path of an object's file; undefined: in none. */
export function storageDirectoryOf(file: string): string | undefined {
  const above = LEVELS_ABOVE_FILES.map((levels) => path.resolve(file, ...Array(levels).fill("..")));
  return above.find((root) => isStorageDirectory(root) && parseFilePath(path.relative(root, file)));
}

function logged(recent: Recent): LoggedObject {
  const { part } = parseFilePath(recent.path)!;
  return { path: recent.path, part, sizeBytes: recent.contentBytes, read: () => readLogged(recent) };
}

function readLogged(recent: Recent): ByteSource | undefined {
  const { segment, contentStart, contentBytes } = recent;
  const bytes = Buffer.allocUnsafe(contentBytes);
  const content = bytes.subarray(0, readFullySync(segment.fd, bytes, contentStart));
  // A segment gets another head before its records are overwritten.
  const start = Buffer.alloc(RECORDS_START);
  readFullySync(segment.fd, start, 0);
  const isSame = findSegmentHead(start)?.head.salt.equals(segment.head.salt) === true;
  return isSame ? new LoggedFile(recent, content) : undefined;
}

/** Follows no link and does not block on a pipe. */
function openToRead(segment: string): number {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  return fs.openSync(segment, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
}
