/**
 * `.retention`: facts about objects that change while their files do not, one line each (summed-line.ts), appended and never
 * rewritten in place; zeros behind the last one.
 *
 * The zeros are a reserve: what takes an earlier record back (a delete that ends a pin) is appended on a full disk as well. Such a
 * record is no longer than the one that it ends, so as many bytes are kept free as the lines take; other records do not use them.
 * Appends that come while one write is under way share the next. What stands behind the last line feed was being written when
 * the process died: nobody was told of it, and zeros take its place. A line whose sum is wrong is logged and passed over.
 * Rewriting is write aside, sync, then rename, so a crash leaves the old records or the new ones. An append is synced when one
 * of those who share it asks for `power-loss`.
 */
import fs from "node:fs";
import { assert, isCacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { Durability, RecordJournal, RecordPurpose } from "../object-storage.ts";
import { diskFailure } from "./disk-failure.ts";
import type { DiskTools } from "./disk-tools.ts";
import { RETENTION_FILE, STAGING_DIRECTORY } from "./file-names.ts";
import { wholeLines } from "./read-lines.ts";
import { formatSummedLine, parseSummedLine } from "./summed-line.ts";

const log = logFor("storage");

/** Lines of a rewrite that go out in one write. */
const LINES_PER_WRITE = 1024;
const STEP_BYTES = LIMITS.journalStepBytes;
/** Bytes of the file for each byte of its lines. */
const RESERVED_TO = 2 + 1 / 8;
const ZEROS: Buffer = Buffer.alloc(STEP_BYTES);

interface WaitingAppend {
  readonly line: string;
  readonly durability: Durability;
  readonly purpose: RecordPurpose;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

export class DiskJournal implements RecordJournal {
  readonly #tools: DiskTools;
  readonly #path: string;
  #fd: number | undefined;
  /** True when the file's name is known to last. */
  #isInDirectory = false;
  /** Where the next line goes: behind the last whole one. */
  #sizeBytes = 0;
  /** Lines and zeros. */
  #allocatedBytes = 0;
  #waiting: WaitingAppend[] = [];
  /** Writes and rewrites, one after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(tools: DiskTools) {
    this.#tools = tools;
    this.#path = `${tools.root}/${RETENTION_FILE}`;
  }

  /** Reads in pieces, so that a long journal does not block other work. */
  async *read(): AsyncGenerator<string> {
    this.#sizeBytes = 0;
    let damaged = 0;
    for await (const { text, endBytes } of wholeLines(this.#path, LIMITS.journalLineBytesMax)) {
      this.#sizeBytes = endBytes;
      const record = parseSummedLine(text);
      if (record !== undefined) yield record;
      else damaged += 1;
    }
    if (damaged > 0) log.error("damaged lines passed over", { path: RETENTION_FILE, lines: damaged });
    if (this.#sizeBytes > 0) await this.#keepReserve();
  }

  append(record: string, durability: Durability, purpose: RecordPurpose = "begin"): Promise<void> {
    assert(!record.includes("\n"), "a record is one line");
    const line = formatSummedLine(record);
    return new Promise((done, failed) => {
      this.#waiting.push({ line, durability, purpose, done, failed });
      if (this.#waiting.length === 1) this.#work = this.#work.then(() => this.#writeWaiting());
    });
  }

  rewrite(records: Iterable<string>): Promise<void> {
    const rewritten = this.#work.then(() => this.#rewrite(records));
    this.#work = rewritten.catch(() => {});
    return rewritten;
  }

  /** Waits for what is under way and closes the file. */
  async close(): Promise<void> {
    await this.#work;
    this.#closeFile();
  }

  /** A journal that an earlier release wrote has none. */
  async #keepReserve(): Promise<void> {
    try {
      await this.#grow(await this.#opened(), this.#sizeBytes);
    } catch (error) {
      // It is in the log; what comes later may find room.
      const failure = diskFailure(error, RETENTION_FILE);
      if (!isCacheError(failure)) throw failure;
    }
  }

  async #writeWaiting(): Promise<void> {
    let appends = this.#waiting;
    this.#waiting = [];
    try {
      const fd = await this.#opened();
      appends = await this.#thoseWithRoom(fd, appends);
      const bytes = Buffer.from(appends.map(({ line }) => line).join(""));
      await this.#tools.steps.appendJournal(fd, bytes, this.#sizeBytes);
      if (appends.some(({ durability }) => durability === "power-loss")) await this.#sync(fd);
      this.#sizeBytes += bytes.length;
      this.#allocatedBytes = Math.max(this.#allocatedBytes, this.#sizeBytes);
      for (const { done } of appends) done();
    } catch (error) {
      // What was written of it is overwritten when the file is opened anew.
      this.#closeFile();
      const failure = diskFailure(error, RETENTION_FILE);
      for (const { failed } of appends) failed(failure);
    }
  }

  /** Refuses those that may not use the reserve, when it cannot be kept behind them. */
  async #thoseWithRoom(fd: number, appends: WaitingAppend[]): Promise<WaitingAppend[]> {
    const ending = appends.filter(({ purpose }) => purpose === "end");
    if (ending.length === appends.length) return appends;
    try {
      const addedBytes = appends.reduce((sum, { line }) => sum + Buffer.byteLength(line), 0);
      await this.#grow(fd, this.#sizeBytes + addedBytes);
      return appends;
    } catch (error) {
      if (ending.length === 0) throw error;
      const failure = diskFailure(error, RETENTION_FILE);
      for (const { purpose, failed } of appends) if (purpose === "begin") failed(failure);
      return ending;
    }
  }

  /** Makes the file long enough for lines of `sizeBytes` and their reserve. Zeros are written, so that they have blocks. */
  async #grow(fd: number, sizeBytes: number): Promise<void> {
    const wantedBytes = withReserve(sizeBytes);
    while (this.#allocatedBytes < wantedBytes) {
      const zeros = ZEROS.subarray(0, wantedBytes - this.#allocatedBytes);
      await this.#tools.steps.appendJournal(fd, zeros, this.#allocatedBytes);
      this.#allocatedBytes += zeros.length;
    }
  }

  /** The first time also the directory, in which the file may be new. */
  async #sync(fd: number): Promise<void> {
    await this.#tools.steps.syncJournal(fd);
    if (this.#isInDirectory) return;
    await this.#tools.steps.syncDirectory(this.#tools.root);
    this.#isInDirectory = true;
  }

  async #opened(): Promise<number> {
    if (this.#fd !== undefined) return this.#fd;
    const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
    const fd = fs.openSync(this.#path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o666);
    try {
      await this.#clearBehind(fd);
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
    this.#fd = fd;
    return fd;
  }

  /** Behind the last whole line there are zeros, so that nothing is ever appended to half a line. */
  async #clearBehind(fd: number): Promise<void> {
    this.#allocatedBytes = fs.fstatSync(fd).size;
    const bytes = Buffer.allocUnsafe(STEP_BYTES);
    for (let position = this.#sizeBytes; position < this.#allocatedBytes; position += STEP_BYTES) {
      const readBytes = fs.readSync(fd, bytes, 0, STEP_BYTES, position);
      const zeros = ZEROS.subarray(0, readBytes);
      if (!bytes.subarray(0, readBytes).equals(zeros))
        await this.#tools.steps.appendJournal(fd, zeros, position);
    }
  }

  #closeFile(): void {
    if (this.#fd !== undefined) fs.closeSync(this.#fd);
    this.#fd = undefined;
  }

  async #rewrite(records: Iterable<string>): Promise<void> {
    const { root, steps } = this.#tools;
    const aside = `${root}/${STAGING_DIRECTORY}/retention`;
    try {
      const sizeBytes = await this.#writeAside(aside, records);
      await steps.renameJournal(aside, this.#path);
      await steps.syncDirectory(root);
      this.#closeFile();
      this.#sizeBytes = sizeBytes;
    } catch (error) {
      await fs.promises.rm(aside, { force: true }).catch(() => {});
      throw diskFailure(error, RETENTION_FILE);
    }
  }

  /** @returns the bytes of the lines. */
  async #writeAside(aside: string, records: Iterable<string>): Promise<number> {
    const { steps } = this.#tools;
    const file = await fs.promises.open(aside, "w");
    try {
      let sizeBytes = 0;
      for (const bytes of inPieces(records)) {
        await steps.appendJournal(file.fd, bytes, sizeBytes);
        sizeBytes += bytes.length;
      }
      const wantedBytes = withReserve(sizeBytes);
      for (let position = sizeBytes; position < wantedBytes; position += STEP_BYTES)
        await steps.appendJournal(file.fd, ZEROS.subarray(0, wantedBytes - position), position);
      await steps.syncJournal(file.fd);
      return sizeBytes;
    } finally {
      await file.close();
    }
  }
}

/** What a journal takes whose lines take `sizeBytes`: a line that ends a rule of few digits is longer by a letter or three. */
function withReserve(sizeBytes: number): number {
  return Math.ceil((sizeBytes * RESERVED_TO) / STEP_BYTES) * STEP_BYTES;
}

function* inPieces(records: Iterable<string>): Generator<Buffer> {
  let lines: string[] = [];
  for (const record of records) {
    lines.push(formatSummedLine(record));
    if (lines.length < LINES_PER_WRITE) continue;
    yield Buffer.from(lines.join(""));
    lines = [];
  }
  yield Buffer.from(lines.join(""));
}
