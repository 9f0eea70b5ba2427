/**
 * The facts of one session's files in `.facts/<app>/<session>`, so that the next scan need not open
 * the files. Written by the scan, and by record-passes.ts while the engine runs.
 *
 *     head    "FLMFACT2" | inode | change time, ns | CRC-32 of the 24 bytes before | 0
 *     chunk   objects | bytes of names | CRC-32 of what follows | 0 | numbers (ScannedFacts)
 *             | names, "/" between them: the id of each object, and who put it
 *
 * The directory stays the truth: names are always read from it, and a record is valid only if the
 * session's directory is the same and unchanged. Every file that is added, removed or replaced
 * changes its ctime, which nobody can set. A directory changed a moment ago is not recorded,
 * because another change could get the same time. A missing, torn or old record only costs the time
 * of opening the files. It is never synced.
 */
import fs from "node:fs";
import path from "node:path";
import { crc32 } from "node:zlib";
import { LIMITS } from "../../limits.ts";
import type { BaseFacts } from "../../object/index-facts.ts";
import type { SessionPrefix } from "../../object/object-key.ts";
import { FactsList, factsAt, type ScannedFacts } from "../scanned-facts.ts";
import { FACTS_DIRECTORY, sessionPath } from "./file-names.ts";

const MAGIC = Buffer.from("FLMFACT2");
const HEAD_BYTES = 32;
const CHUNK_HEAD_BYTES = 16;
/** No id contains it, and no name of an identity. */
const BETWEEN_NAMES = "/";
/** Follows no link and does not block on a pipe. */
const READ_FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
const WRITE_FLAGS =
  fs.constants.O_WRONLY |
  fs.constants.O_CREAT |
  fs.constants.O_TRUNC |
  fs.constants.O_NOFOLLOW |
  fs.constants.O_NONBLOCK;
/**
 * How long a directory must not have changed before it is recorded, where its times have parts of a
 * millisecond: the clock of such a file system is up to 10 ms behind.
 */
export const FINE_SETTLED_MS = 100;
/** The same where they have not: some file systems count in steps of two seconds. */
const COARSE_SETTLED_MS = 2_000;

/** Identifies a directory and the state of its names. */
export interface DirectoryState {
  readonly inode: bigint;
  readonly changedNs: bigint;
}

/** Undefined if it cannot be read. */
export function directoryState(directory: string): DirectoryState | undefined {
  try {
    const status = fs.lstatSync(directory, { bigint: true, throwIfNoEntry: false });
    return status?.isDirectory() ? { inode: status.ino, changedNs: status.ctimeNs } : undefined;
  } catch {
    return undefined;
  }
}

/** True if no later change can get the directory's current time. @param nowMs the wall clock. */
export function isSettled({ changedNs }: DirectoryState, nowMs: number): boolean {
  const settledMs = changedNs % 1_000_000n === 0n ? COARSE_SETTLED_MS : FINE_SETTLED_MS;
  return nowMs - Number(changedNs / 1_000_000n) >= settledMs;
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

/** Reads recorded facts, object by object in directory order. */
export class FactsRecord {
  readonly #fd: number;
  #position = HEAD_BYTES;
  #chunk: ScannedFacts | undefined;
  #next = 0;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Opens the record of a session whose directory is in this state; undefined if there is none.
   * Close it.
   */
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

  /** Facts of the object if it is the next one recorded. */
  take(objectId: string): BaseFacts | undefined {
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

  /** Undefined after the last chunk, and from a damaged one on. */
  #readChunk(): ScannedFacts | undefined {
    const head = readAt(this.#fd, this.#position, CHUNK_HEAD_BYTES);
    if (head === undefined) return undefined;
    const [objects, namesBytes, sum] = [head.readUInt32LE(0), head.readUInt32LE(4), head.readUInt32LE(8)];
    const numbersBytes = FactsList.numbersBytes(objects);
    const namesBytesMax = 2 * objects * (LIMITS.keyComponentBytesMax + 1);
    if (objects > LIMITS.scanBatchObjects || namesBytes > namesBytesMax) return undefined;
    const body = readAt(this.#fd, this.#position + CHUNK_HEAD_BYTES, numbersBytes + namesBytes);
    if (body === undefined || crc32(body) !== sum) return undefined;
    this.#position += CHUNK_HEAD_BYTES + body.length;
    const names = body.toString("utf8", numbersBytes).split(BETWEEN_NAMES);
    const numbers = new Float64Array(body.buffer.slice(body.byteOffset, body.byteOffset + numbersBytes));
    if (names.length !== 2 * objects) return undefined;
    const objectIds = names.filter((_name, index) => index % 2 === 0);
    return { objectIds, putBy: names.filter((_name, index) => index % 2 === 1), numbers };
  }
}

function readAt(fd: number, position: number, sizeBytes: number): Buffer | undefined {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  return fs.readSync(fd, bytes, 0, sizeBytes, position) === sizeBytes ? bytes : undefined;
}

/**
 * Writes a record aside; it becomes valid at `commit`. A failure ends it silently: it is not
 * needed.
 */
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

  add(objectId: string, facts: BaseFacts): void {
    if (this.#hasFailed) return;
    this.#list.add(objectId, facts);
    if (this.#list.length === LIMITS.scanBatchObjects) this.#write();
  }

  /** Keeps no record for few objects. */
  commit(): void {
    if (this.#fd === undefined && this.#list.length < LIMITS.recordedObjectsMin) return;
    if (this.#list.length > 0) this.#write();
    this.#attempt(() => fs.renameSync(this.#aside, this.#path));
    this.close();
  }

  /** After a commit this does nothing. */
  close(): void {
    if (this.#fd !== undefined) fs.closeSync(this.#fd);
    this.#fd = undefined;
    this.#hasFailed = true;
  }

  #write(): void {
    const { objectIds, putBy, numbers } = this.#list.finish();
    this.#list = new FactsList(LIMITS.scanBatchObjects);
    const names = Buffer.from(objectIds.flatMap((id, place) => [id, putBy[place]!]).join(BETWEEN_NAMES));
    const values = Buffer.from(numbers.buffer, 0, FactsList.numbersBytes(objectIds.length));
    const head = Buffer.alloc(CHUNK_HEAD_BYTES);
    head.writeUInt32LE(objectIds.length, 0);
    head.writeUInt32LE(names.length, 4);
    head.writeUInt32LE(crc32(names, crc32(values)), 8);
    this.#attempt(() => {
      this.#fd ??= this.#open();
      fs.writevSync(this.#fd, [head, values, names]);
    });
  }

  #open(): number {
    const directory = path.dirname(this.#aside);
    fs.mkdirSync(directory, { recursive: true });
    if (!isDirectory(directory)) throw new Error("a link in place of a record's directory");
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
      // A partial record takes space that an object could use.
      if (hasFile) fs.rmSync(this.#aside, { force: true });
    }
  }
}

/** For a session that has too few objects now. */
export function removeRecord(root: string, session: SessionPrefix): void {
  const record = recordPath(root, session);
  if (isDirectory(path.dirname(record))) fs.rmSync(record, { force: true });
}

/** Removes records of deleted sessions, and leftovers of interrupted scans. */
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
