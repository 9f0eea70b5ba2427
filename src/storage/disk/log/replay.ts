/**
 * Takes over the log of an earlier process at start: finds out what has not come to rest.
 *
 * While the machine runs, the log says so itself. After a reboot, and for a log of an earlier
 * release, each record is compared with the directory: a file counts unless it is stored as logged,
 * or an intact newer version is. No file is written here: files come to rest later, as in the life
 * of the process that put them. After a reboot two things are recorded: a version floor above what
 * may be lost, and which files are newer than the log. Failures are logged; they never prevent a
 * start.
 */
import fs from "node:fs";
import { logFor } from "../../../log.ts";
import { errnoOf } from "../disk-failure.ts";
import {
  EARLIER_FLOOR_FILE,
  EARLIER_LOG_DIRECTORY,
  EARLIER_NOTES_FILE,
  LOG_DIRECTORY,
  NOTES_FILE,
  otherFormPath,
  parseFilePath,
} from "../file-names.ts";
import { directoryOf } from "../real-directories.ts";
import { isSameBoot } from "./boot-id.ts";
import { isStored, type Stored, storedAt, versionIn } from "./compare-stored.ts";
import type { DiskLog } from "./disk-log.ts";
import { readEarlierFloor } from "./earlier-floor.ts";
import { decodeRemoval, decodeReplacement, isBefore } from "./log-record.ts";
import { placeOf, type Recent } from "./log-segment.ts";
import { type FoundLog, type KeptRecord, readContent, readLog } from "./read-log.ts";

const log = logFor("storage");

/**
 * Opens the log of the storage directory, or that of an earlier release, and its version floor.
 * @throws {CacheError} INVALID_CONFIG if the floor is damaged
 */
export async function openLog(diskLog: DiskLog, root: string): Promise<void> {
  const { writer, segments } = diskLog;
  takeEarlierLog(root);
  const earlierFloor = readEarlierFloor(root);
  const lost = await replayLog(diskLog, root);
  void segments.prepared();
  if (earlierFloor === undefined && lost <= writer.floor) return;
  try {
    await writer.raiseFloor(Math.max(earlierFloor ?? 0, lost), 0);
    await writer.sync();
    fs.rmSync(`${root}/${EARLIER_FLOOR_FILE}`, { force: true });
  } catch (error) {
    // It holds for this process, and the next start finds the same.
    log.error("the version floor could not be written", { errno: errnoOf(error), error });
  }
}

/** A log and notes of an earlier release have records and lines of the same form. */
function takeEarlierLog(root: string): void {
  const [earlier, now] = [`${root}/${EARLIER_LOG_DIRECTORY}`, `${root}/${LOG_DIRECTORY}`];
  if (fs.existsSync(earlier) && !fs.existsSync(now)) fs.renameSync(earlier, now);
  const [earlierNotes, notes] = [`${root}/${EARLIER_NOTES_FILE}`, `${root}/${NOTES_FILE}`];
  if (!fs.existsSync(earlierNotes) || fs.existsSync(notes)) return;
  fs.mkdirSync(now, { recursive: true });
  fs.renameSync(earlierNotes, notes);
}

/**
 * @returns the highest version that could not be restored, or may not have been; new versions must
 *   be above it.
 */
async function replayLog(diskLog: DiskLog, root: string): Promise<number> {
  const found = await readLog(root).catch((error: unknown) => {
    log.error("the log cannot be read: what had not come to rest is missing", { error });
  });
  if (found) {
    const { lostVersion, replaced } = await replayFound(diskLog, root, found);
    for (const file of replaced) void diskLog.replaced(file, "void").catch(() => {});
    return lostVersion;
  }
  diskLog.segments.disable();
  return 0;
}

/** Fills the log with what was found in it. Writes nothing: commands that only look use it, too. */
export async function replayFound(diskLog: DiskLog, root: string, found: FoundLog): Promise<Replayed> {
  const { segments, writer, settings } = diskLog;
  writer.adoptFloor(found.floor, found.recordedFloor);
  for (const segment of found.segments) segment.isPromised = true;
  const isOtherBoot = found.segments.some(({ head }) => !isSameBoot(head.bootId, settings.bootId));
  if (!isOtherBoot) for (const each of found.doubted) each.isHeld = true;
  writer.adopt(found.segments);
  const replay = new Replay(diskLog, root, found);
  const isCompared = isOtherBoot || found.segments.some(({ head }) => head.isEarlier);
  for (const [file, records] of found.records) {
    if (isCompared) await replay.compare(file, records);
    else replay.take(file, records);
  }
  replay.finish();
  // Only now: a segment may be released as soon as it is adopted.
  segments.adopt(found);
  replay.tell(isOtherBoot);
  return replay;
}

interface Replayed {
  /** The highest version that could not be restored, or may not have been. */
  readonly lostVersion: number;
  /** Files that are newer than the log: what it has must not come back when they are torn. */
  readonly replaced: readonly string[];
}

class Replay implements Replayed {
  readonly #log: DiskLog;
  readonly #root: string;
  readonly #found: FoundLog;
  readonly #recents: Recent[] = [];
  #pending = 0;
  #failed = 0;
  lostVersion = 0;
  readonly replaced: string[] = [];

  constructor(diskLog: DiskLog, root: string, found: FoundLog) {
    this.#log = diskLog;
    this.#root = root;
    this.#found = found;
  }

  /** Files come to rest in the order of the log. */
  finish(): void {
    this.#recents.sort((a, b) => a.segment.head.number - b.segment.head.number || a.position - b.position);
    for (const each of this.#recents) this.#log.recents.add(each);
  }

  /** The log says whether the file has come to rest. */
  take(file: string, records: readonly KeptRecord[]): void {
    noteDirectory(file, records);
    const last = records.at(-1)!;
    this.#add(file, last, isBefore(placeOf(last), this.#found.restedTo) || last.kind === "replaced");
  }

  /** The directory says so. */
  async compare(file: string, records: readonly KeptRecord[]): Promise<void> {
    noteDirectory(file, records);
    // Its base may be lost: a later one must not have the same version, and get this patch.
    const { part } = parseFilePath(file)!;
    if (part.kind === "patch") this.#lose(part.version);
    try {
      await this.#compare(file, records);
    } catch (error) {
      // Its records and their segments stay.
      for (const { segment } of records) segment.isHeld = true;
      this.#failed += 1;
      this.#lose(await lastVersion(records));
      const facts = { path: file, errno: errnoOf(error), error };
      log.error("a file of the log could not be restored", facts);
    }
  }

  tell(isOtherBoot: boolean): void {
    const segments = this.#found.segments.length;
    if (segments === 0) return;
    const facts = { segments, pending: this.#pending, failed: this.#failed };
    if (isOtherBoot) log.warn("the machine was restarted: the log was compared with the directory", facts);
    else if (this.#pending + this.#failed > 0)
      log.info("the log has files that have not come to rest", facts);
  }

  async #compare(file: string, all: readonly KeptRecord[]): Promise<void> {
    // What replaced the file is stored, perhaps torn, or lost: then the record before it counts.
    const records = all.filter(({ kind }) => kind !== "replaced");
    const [last, latest] = [records.at(-1), all.at(-1)!];
    if (last === undefined) return this.#add(file, latest, true);
    const replacement = latest.kind === "replaced" ? decodeReplacement(readContent(latest)) : undefined;
    const mayBeTorn = replacement === "unsynced";
    const isLeft = replacement === "void" || (mayBeTorn && (await this.#isTorn(file)));
    const version = await lastVersion(records);
    // The object may be lost: a later one must be newer than what the log has.
    if (isLeft || last.kind === "gone") this.#lose(version);
    if (isLeft) return this.#add(file, latest, true);
    const otherForm = otherFormPath(parseFilePath(file)!);
    if (last.kind === "gone") {
      this.#add(file, last, !(await this.#hasOlder(file, version, last)));
      return await this.#removeOlder(otherForm, version, last);
    }
    const content = readContent(last);
    const isAsLogged = isStored(this.#root, file, content);
    const isReplaced = !isAsLogged && isNewer(await storedAt(this.#root, file), await versionIn(content));
    if (isReplaced) this.replaced.push(file);
    this.#add(file, last, isAsLogged || isReplaced, mayBeTorn);
    await this.#removeOlder(otherForm, version, last);
  }

  #lose(version: number): void {
    this.lostVersion = Math.max(this.lostVersion, version);
  }

  /**
   * Removes the other form of the file if it reappeared, whole or torn: its removal was as durable
   * as the later record. A torn newer file was never acknowledged.
   */
  async #removeOlder(otherForm: string | undefined, version: number, last: KeptRecord): Promise<void> {
    if (otherForm === undefined || this.#found.records.has(otherForm)) return;
    if (await this.#hasOlder(otherForm, version, last))
      this.#add(otherForm, { ...last, kind: "gone" }, false);
  }

  async #isTorn(file: string): Promise<boolean> {
    const stored = await storedAt(this.#root, file);
    return stored !== undefined && stored.version === undefined;
  }

  /** True for a file that is older than the removal, or torn. */
  async #hasOlder(file: string, version: number, { kind }: KeptRecord): Promise<boolean> {
    const stored = await storedAt(this.#root, file);
    return stored !== undefined && !isNewer(stored, kind === "gone" ? version + 1 : version);
  }

  #add(path: string, record: KeptRecord, isRested: boolean, isSyncedFirst = false): void {
    const { segment, position, contentStart, contentBytes, atMs } = record;
    const kind = record.kind === "gone" ? "gone" : "put";
    if (!isRested) this.#pending += 1;
    if (isRested && kind === "gone") return;
    const place = { segment, position, contentStart, contentBytes };
    this.#recents.push({ path, kind, ...place, atMs, isRested, isSyncedFirst });
  }
}

/** What the directory has of the file is durable once the directory is synced. */
function noteDirectory(file: string, records: readonly KeptRecord[]): void {
  for (const { segment } of records) segment.directories.add(directoryOf(file));
}

/**
 * True for a file that `version` must not replace: intact and at least as new, or written by
 * another program.
 */
function isNewer(stored: Stored | undefined, version: number | undefined): boolean {
  if (stored?.version === undefined) return false;
  return stored.isForeign || version === undefined || stored.version >= version;
}

/** The highest logged version of the file; 0 if unknown. */
async function lastVersion(records: readonly KeptRecord[]): Promise<number> {
  let highest = 0;
  for (const record of records) {
    if (record.kind === "replaced") continue;
    const version = await Promise.resolve(record)
      .then(readContent)
      .then((content) => (record.kind === "gone" ? decodeRemoval(content).version : versionIn(content)))
      .catch(() => undefined);
    highest = Math.max(highest, version ?? 0);
  }
  return highest;
}
