/**
 * `.retention`: facts that change while files do not, one line each (summed-line.ts), append-only,
 * with zeros behind the last line.
 *
 * The zeros are a reserve: a record that cancels an earlier one (a delete that ends a pin) can be
 * appended even on a full disk. It is no longer than the record it cancels, so as many bytes as the
 * lines take stay free; other records do not use them. Concurrent appends share a write. Bytes
 * behind the last line feed were being written when the process died and were not acknowledged:
 * zeros replace them. A line with a wrong checksum is logged and skipped. A rewrite is write aside,
 * sync, rename, so a crash leaves the old records or the new ones. An append is synced if one of
 * the callers that share it wants `power-loss`.
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

/** Lines of a rewrite per write. */
const LINES_PER_WRITE = 1024;
const STEP_BYTES = LIMITS.journalStepBytes;
/** File bytes per byte of lines. */
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
  /** True if the file's name is known to be durable. */
  #isInDirectory = false;
  /** Position of the next line, behind the last complete one. */
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
    if (damaged > 0) log.error("damaged lines skipped", { path: RETENTION_FILE, lines: damaged });
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

  /** Waits for pending work and closes the file. */
  async close(): Promise<void> {
    await this.#work;
    this.#closeFile();
  }

  /** A journal of an earlier release has no reserve. */
  async #keepReserve(): Promise<void> {
    try {
      await this.#grow(await this.#opened(), this.#sizeBytes);
    } catch (error) {
      // Logged; a later attempt may succeed.
      const failure = diskFailure(error, RETENTION_FILE);
      if (!isCacheError(failure)) throw failure;
    }
  }

  async #writeWaiting(): Promise<void> {
    let appends = this.#waiting;
    this.#waiting = [];
    try {
      const fd = await this.#opened();
      appends = await this.#fitting(fd, appends);
      const bytes = Buffer.from(appends.map(({ line }) => line).join(""));
      await this.#tools.steps.appendJournal(fd, bytes, this.#sizeBytes);
      if (appends.some(({ durability }) => durability === "power-loss")) await this.#sync(fd);
      this.#sizeBytes += bytes.length;
      this.#allocatedBytes = Math.max(this.#allocatedBytes, this.#sizeBytes);
      for (const { done } of appends) done();
    } catch (error) {
      // The partial write is overwritten when the file is opened again.
      this.#closeFile();
      const failure = diskFailure(error, RETENTION_FILE);
      for (const { failed } of appends) failed(failure);
    }
  }

  /** Refuses records without the right to the reserve if it cannot be kept behind them. */
  async #fitting(fd: number, appends: WaitingAppend[]): Promise<WaitingAppend[]> {
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

  /**
   * Extends the file for lines of `sizeBytes` and their reserve. Writes zeros, so that blocks are
   * allocated.
   */
  async #grow(fd: number, sizeBytes: number): Promise<void> {
    const wantedBytes = withReserve(sizeBytes);
    while (this.#allocatedBytes < wantedBytes) {
      const zeros = ZEROS.subarray(0, wantedBytes - this.#allocatedBytes);
      await this.#tools.steps.appendJournal(fd, zeros, this.#allocatedBytes);
      this.#allocatedBytes += zeros.length;
    }
  }

  /** The first time also syncs the directory, in which the file may be new. */
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

  /**
   * Zeros the bytes behind the last complete line, so that nothing is appended to a partial line.
   */
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

/**
 * File size for lines of `sizeBytes`: a line that ends a rule can be longer by up to three
 * characters.
 */
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
