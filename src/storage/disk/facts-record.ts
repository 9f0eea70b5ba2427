/**
 * What a walk learned of one session's files, kept in `.facts/<app>/<session>` so that the next scan need not open them again.
 * A scan writes it, and session-recorder.ts while the engine runs.
 *
 *     head    "FLMFACTS" | inode | time of change, ns | CRC-32 of the 24 bytes before | 0
 *     chunk   objects | bytes of ids | CRC-32 of what follows | 0 | numbers (ScannedFacts) | ids, "/" between them
 *
 * The directory stays the truth: names are read from it in any case, and a record holds only while the session's directory is the
 * one it was made of and was not changed since: every file that comes, goes or is replaced changes its time, which nobody can set.
 * A directory changed a moment ago is not recorded: one more change could carry the same time. Nothing needs a record;
 * one that is missing, torn or older than its directory costs the time of opening the files. It is never synced.
 */
import fs from "node:fs";
import path from "node:path";
import { crc32 } from "node:zlib";
import { LIMITS } from "../../limits.ts";
import type { SessionPrefix } from "../../object/object-key.ts";
import { FactsList, factsAt, type MeasuredFacts, type ScannedFacts } from "../scanned-facts.ts";
import { FACTS_DIRECTORY, sessionPath } from "./file-names.ts";

const MAGIC = Buffer.from("FLMFACTS");
const HEAD_BYTES = 32;
const CHUNK_HEAD_BYTES = 16;
/** No id holds it. */
const BETWEEN_IDS = "/";
/** A link is not followed, a pipe does not block. */
const READ_FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
const WRITE_FLAGS =
  fs.constants.O_WRONLY |
  fs.constants.O_CREAT |
  fs.constants.O_TRUNC |
  fs.constants.O_NOFOLLOW |
  fs.constants.O_NONBLOCK;
/** The clock of a file system is up to 10 ms behind. */
export const SETTLED_MS = 2_000;

/** What tells that a directory is the same as before, and holds the same names. */
export interface DirectoryState {
  readonly inode: bigint;
  readonly changedNs: bigint;
}

/** Undefined when it cannot be told. */
export function directoryState(directory: string): DirectoryState | undefined {
  try {
    const status = fs.lstatSync(directory, { bigint: true, throwIfNoEntry: false });
    return status?.isDirectory() ? { inode: status.ino, changedNs: status.ctimeNs } : undefined;
  } catch {
    return undefined;
  }
}

/** True when no later change can carry the time that the directory has now. @param nowMs the wall clock. */
export function isSettled({ changedNs }: DirectoryState, nowMs: number): boolean {
  return nowMs - Number(changedNs / 1_000_000n) >= SETTLED_MS;
}

function recordPath(root: string, { applicationId, sessionId }: SessionPrefix): string {
  return `${root}/${FACTS_DIRECTORY}/${sessionPath(applicationId, sessionId)}`;
}

function encodeHead({ inode, changedNs }: DirectoryState): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  MAGIC.copy(head);
  head.writeBigUInt64LE(inode, 8);
  head.writeBigInt64LE(changedNs, 16);
  head.writeUInt32LE(crc32(head.subarray(0, 24)), 24);
  return head;
}

/** Gives what was recorded, object by object in the order of the directory. */
export class FactsRecord {
  readonly #fd: number;
  #position = HEAD_BYTES;
  #chunk: ScannedFacts | undefined;
  #next = 0;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** The record of a session whose directory is in this state; undefined when there is none. To be closed. */
  static open(root: string, session: SessionPrefix, state: DirectoryState): FactsRecord | undefined {
    let fd: number | undefined;
    try {
      fd = fs.openSync(recordPath(root, session), READ_FLAGS);
      if (readAt(fd, 0, HEAD_BYTES)?.equals(encodeHead(state))) return new FactsRecord(fd);
      fs.closeSync(fd);
    } catch {
      if (fd !== undefined) fs.closeSync(fd);
    }
    return undefined;
  }

  /** Facts of the object, when it is the next one that was recorded. */
  take(objectId: string): MeasuredFacts | undefined {
    if (this.#chunk !== undefined && this.#next === this.#chunk.objectIds.length) this.#chunk = undefined;
    if (this.#chunk === undefined) {
      this.#chunk = this.#readChunk();
      this.#next = 0;
    }
    if (this.#chunk?.objectIds[this.#next] !== objectId) return undefined;
    this.#next += 1;
    return factsAt(this.#chunk, this.#next - 1);
  }

  close(): void {
    fs.closeSync(this.#fd);
  }

  /** Undefined behind the last one, and from one that is damaged on. */
  #readChunk(): ScannedFacts | undefined {
    const head = readAt(this.#fd, this.#position, CHUNK_HEAD_BYTES);
    if (head === undefined) return undefined;
    const [objects, idsBytes, sum] = [head.readUInt32LE(0), head.readUInt32LE(4), head.readUInt32LE(8)];
    const numbersBytes = FactsList.numbersBytes(objects);
    if (objects > LIMITS.scanBatchObjects || idsBytes > objects * (LIMITS.keyComponentBytesMax + 1))
      return undefined;
    const body = readAt(this.#fd, this.#position + CHUNK_HEAD_BYTES, numbersBytes + idsBytes);
    if (body === undefined || crc32(body) !== sum) return undefined;
    this.#position += CHUNK_HEAD_BYTES + body.length;
    const objectIds = body.toString("utf8", numbersBytes).split(BETWEEN_IDS);
    const numbers = new Float64Array(body.buffer.slice(body.byteOffset, body.byteOffset + numbersBytes));
    return objectIds.length === objects ? { objectIds, numbers } : undefined;
  }
}

function readAt(fd: number, position: number, sizeBytes: number): Buffer | undefined {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  return fs.readSync(fd, bytes, 0, sizeBytes, position) === sizeBytes ? bytes : undefined;
}

/** Writes a record aside; it counts from `commit` on. What fails ends it, and nobody is told: it is not needed. */
export class FactsRecordWriter {
  readonly #path: string;
  readonly #aside: string;
  readonly #state: DirectoryState;
  #list = new FactsList(LIMITS.scanBatchObjects);
  #fd: number | undefined;
  #hasFailed = false;

  constructor(root: string, session: SessionPrefix, state: DirectoryState) {
    this.#path = recordPath(root, session);
    this.#aside = `${path.dirname(this.#path)}/.${session.sessionId}`;
    this.#state = state;
  }

  add(objectId: string, facts: MeasuredFacts): void {
    if (this.#hasFailed) return;
    this.#list.add(objectId, facts);
    if (this.#list.length === LIMITS.scanBatchObjects) this.#write();
  }

  /** Of few objects none is kept. */
  commit(): void {
    if (this.#fd === undefined && this.#list.length < LIMITS.recordedObjectsMin) return;
    if (this.#list.length > 0) this.#write();
    this.#attempt(() => fs.renameSync(this.#aside, this.#path));
    this.close();
  }

  /** After a commit this does nothing more. */
  close(): void {
    if (this.#fd !== undefined) fs.closeSync(this.#fd);
    this.#fd = undefined;
    this.#hasFailed = true;
  }

  #write(): void {
    const { objectIds, numbers } = this.#list.finish();
    this.#list = new FactsList(LIMITS.scanBatchObjects);
    const ids = Buffer.from(objectIds.join(BETWEEN_IDS));
    const values = Buffer.from(numbers.buffer, 0, FactsList.numbersBytes(objectIds.length));
    const head = Buffer.alloc(CHUNK_HEAD_BYTES);
    head.writeUInt32LE(objectIds.length, 0);
    head.writeUInt32LE(ids.length, 4);
    head.writeUInt32LE(crc32(ids, crc32(values)), 8);
    this.#attempt(() => {
      this.#fd ??= this.#open();
      fs.writevSync(this.#fd, [head, values, ids]);
    });
  }

  #open(): number {
    const directory = path.dirname(this.#aside);
    fs.mkdirSync(directory, { recursive: true });
    if (!isDirectory(directory)) throw new Error("what lies behind a link is not ours");
    const fd = fs.openSync(this.#aside, WRITE_FLAGS);
    fs.writeSync(fd, encodeHead(this.#state));
    return fd;
  }

  #attempt(step: () => void): void {
    if (this.#hasFailed) return;
    try {
      step();
    } catch {
      const hasFile = this.#fd !== undefined;
      this.close();
      // Half a record takes room that an object could have.
      if (hasFile) fs.rmSync(this.#aside, { force: true });
    }
  }
}

/** Of a session that is no more, or has too few objects now. */
export function removeRecord(root: string, session: SessionPrefix): void {
  const record = recordPath(root, session);
  if (!isDirectory(path.dirname(record))) return;
  try {
    fs.rmSync(record, { force: true });
    fs.rmdirSync(path.dirname(record));
  } catch {
    // There was none, or other sessions have theirs beside it.
  }
}

/** Removes records of sessions that are no more, and what a scan left behind that was ended midway. */
export function sweepRecords(root: string): void {
  const top = `${root}/${FACTS_DIRECTORY}`;
  for (const applicationId of namesIn(top)) {
    for (const sessionId of namesIn(`${top}/${applicationId}`)) {
      if (!sessionId.startsWith(".") && fs.existsSync(`${root}/${sessionPath(applicationId, sessionId)}`))
        continue;
      fs.rmSync(`${top}/${applicationId}/${sessionId}`, { force: true, recursive: true });
    }
    if (namesIn(`${top}/${applicationId}`).length === 0)
      fs.rmSync(`${top}/${applicationId}`, { force: true, recursive: true });
  }
}

/** False for a link, wherever it leads. */
function isDirectory(path: string): boolean {
  return fs.lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function namesIn(directory: string): string[] {
  try {
    return isDirectory(directory) ? fs.readdirSync(directory) : [];
  } catch {
    return [];
  }
}
